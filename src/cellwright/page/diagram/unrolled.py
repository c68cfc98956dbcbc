"""The steps of a cell one after the other as SVG: what each reads and says, what is carried on. Floor 4."""

from __future__ import annotations

from cellwright.compiler.graph import Graph
from cellwright.page.diagram.picture import Box, Point, arrow, name, picture, rectangle, text, way
from cellwright.page.diagram.wiring import Part, Wiring, wiring
from cellwright.page.markup import Markup, el

ROW, CHIP, RING, END = 38.0, 30.0, 22.0, 26.0
IN_A_ROW = 4
GAP, INSIDE, REACH = 46.0, 16.0, 36.0
LETTER = 7.6


def unrolled(graph: Graph, steps: int) -> Markup:
    """A cell over so many steps as an SVG picture.

    >>> from cellwright import cells
    >>> unrolled(cells.gru.graph, 3)[:4]
    '<svg'
    """
    return _Unrolled(graph, steps).picture()


class _Unrolled:
    """Every step is the same box: the tracks on top, the gates in rows, the other states below them."""

    def __init__(self, graph: Graph, steps: int) -> None:
        found = wiring(graph)
        self.graph, self.steps = graph, steps
        self.tracks = [(found.parts[t[0]].name, _ops(found, t)) for t in found.tracks]
        on_track = [state for state, _ in self.tracks]
        self.lanes = [s.name for s in graph.states if s.name not in on_track]
        self.rows = _rows([part for part in found.parts.values() if part.kind == "gate"])
        widths = [_width(row) for row in self.rows] + [RING * 1.6 * len(ops) for _, ops in self.tracks]
        self.width = max(widths, default=0.0) + 2 * INSIDE
        levels = len(self.tracks) + max(len(self.rows), len(self.lanes))
        self.height = ROW * levels + INSIDE / 2

    def picture(self) -> Markup:
        """Everything, and what it says to those who do not see it."""
        left, right = -END, self._left(self.steps) + 2 * END
        top, bottom = -REACH - END - 14, self.height + REACH + END + 14
        box = Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        states = ", ".join(state.name for state in self.graph.states)
        said = f"{self.graph.name} over {self.steps} steps; {states} carried from each step to the next"
        return picture(said, box, self._carried(), [self._step(k) for k in range(self.steps)], self._ends())

    def _left(self, step: int) -> float:
        return END + GAP + step * (self.width + GAP)

    def _heights(self) -> dict[str, float]:
        """The height of every state's line: tracks on top, the others beside the last rows of gates."""
        names = [*(state for state, _ in self.tracks), *self.lanes]
        first = len(self.tracks) + max(0, len(self.rows) - len(self.lanes))
        rows = [*range(len(self.tracks)), *range(first, first + len(self.lanes))]
        return {state: ROW * (row + 0.5) + INSIDE / 4 for state, row in zip(names, rows, strict=True)}

    def _carried(self) -> list[Markup]:
        """The states' lines: through the steps on tracks, from edge to edge otherwise."""
        drawn: list[Markup] = []
        tracks = {state for state, _ in self.tracks}
        for state, y in self._heights().items():
            thick = state in tracks
            kind = "cw-track" if thick else "cw-state"
            for k in range(self.steps + 1):
                start = END if k == 0 else self._left(k - 1) + self.width
                drawn += _line([(start, y), (self._left(k) - (k == self.steps) * 4, y)], kind, thick)
                if thick and k < self.steps:
                    across = way([(self._left(k), y), (self._left(k) + self.width, y)])
                    drawn.append(el("path", d=across, class_=f"cw-wire {kind}"))
        return drawn

    def _ends(self) -> list[Markup]:
        """The states before the first step and after the last."""
        places = ((END / 2, 0), (self._left(self.steps) + END / 2, self.steps))
        pairs = [(f"{s}_{k}", x, y) for s, y in self._heights().items() for x, k in places]
        return [piece for words, x, y in pairs for piece in _end(words, x, y, "cw-state")]

    def _step(self, k: int) -> list[Markup]:
        left, middle = self._left(k), self._left(k) + self.width / 2
        drawn = [rectangle(Box(middle, self.height / 2, self.width, self.height), "cw-cell", 10)]
        up, down = (middle, -REACH), (middle, self.height + REACH)
        drawn += _line([(middle, 0.0), up], "cw-state")
        drawn += _line([down, (middle, self.height)], "cw-x")
        drawn += _end(f"{self.graph.states[0].name}_{k + 1}", up[0], up[1] - END / 2, "cw-state")
        drawn += _end(f"{self.graph.inputs[0].name}_{k + 1}", down[0], down[1] + END / 2, "cw-x")
        for row, (_, ops) in enumerate(self.tracks):
            for n, op in enumerate(ops):
                across = left + self.width * (n + 1) / (len(ops) + 1)
                drawn += _ring(op, across, ROW * (row + 0.5) + INSIDE / 4)
        for row, gates in enumerate(self.rows):
            drawn += _chips(gates, middle, ROW * (len(self.tracks) + row + 0.5) + INSIDE / 4)
        return drawn


def _line(points: list[Point], kind: str, thick: bool = False) -> list[Markup]:
    return [el("path", d=way(points), class_=f"cw-wire {kind}"), arrow(points, kind, thick=thick)]


def _ops(found: Wiring, track: tuple[int, ...]) -> list[Part]:
    return [found.parts[key] for key in track if found.parts[key].kind == "op"]


def _rows(gates: list[Part]) -> list[list[Part]]:
    return [gates[k : k + IN_A_ROW] for k in range(0, len(gates), IN_A_ROW)]


def _said(gate: Part) -> str:
    return " ".join(word for word in (gate.symbol, gate.name) if word) or gate.weights[0].partition("_")[0]


def _width(row: list[Part]) -> float:
    return sum(_chip(gate) + 6 for gate in row) - 6


def _chip(gate: Part) -> float:
    return max(CHIP, LETTER * len(_said(gate)) + 14)


def _chips(gates: list[Part], middle: float, y: float) -> list[Markup]:
    drawn: list[Markup] = []
    x = middle - _width(gates) / 2
    for gate in gates:
        kind = "cw-sigma" if "σ" in gate.symbol else "cw-tanh" if gate.symbol else "cw-linear"
        width = _chip(gate)
        drawn.append(rectangle(Box(x + width / 2, y, width, CHIP - 4), f"cw-gate {kind}", 5))
        drawn.append(text(_words(gate), x + width / 2, y + 4.5, ""))
        x += width + 6
    return drawn


def _words(gate: Part) -> list[Markup]:
    if not (gate.symbol or gate.name):
        return [el("tspan", _said(gate))]
    between = " " if gate.symbol and gate.name else ""
    return [el("tspan", gate.symbol + between), el("tspan", gate.name, font_style="italic")]


def _ring(op: Part, x: float, y: float) -> list[Markup]:
    width = max(RING, LETTER * len(op.symbol) + 12) if len(op.symbol) > 1 else RING
    return [rectangle(Box(x, y, width, RING), "cw-op", RING / 2), text(op.symbol, x, y + 4.5, "")]


def _end(words: str, x: float, y: float, kind: str) -> list[Markup]:
    return [
        rectangle(Box(x, y, END + 8, END), f"cw-end {kind}", END / 2),
        name(words, x, y + 4.5, "cw-end-text"),
    ]
