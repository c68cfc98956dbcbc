"""One step of a cell as SVG: gates, operations and wires, the carried states across the top. Floor 4."""

from __future__ import annotations

from cellwright.compiler.graph import Graph
from cellwright.compiler.show import lines
from cellwright.page.diagram.columns import arranged
from cellwright.page.diagram.heights import heights
from cellwright.page.diagram.picture import Box, arrow, name, names, picture, rectangle, text, way
from cellwright.page.diagram.routes import Routes, Run
from cellwright.page.diagram.wiring import Part, Wiring, has_ports, wiring
from cellwright.page.markup import Markup, el

GATE, RING, END = 46.0, 28.0, 26.0
LETTER, SMALL = 8.8, 6.2
MARGIN, CARD = 30.0, 18.0


def diagram(graph: Graph) -> Markup:
    """One step of a cell as an SVG picture.

    >>> from cellwright import cells
    >>> diagram(cells.elman.graph)[:4]
    '<svg'
    """
    found = wiring(graph)
    sizes = {key: size_of(part) for key, part in found.parts.items()}
    columns = arranged(found)
    y, ports = heights(found, columns, sizes)
    routes = Routes(found, columns, sizes, y, ports)
    boxes, runs = routes.boxes(), routes.runs()
    return _picture(graph, found, boxes, runs)


def size_of(part: Part) -> tuple[float, float]:
    """Width and height of a part in pixels."""
    if part.kind == "gate":
        weights = SMALL * len(" ".join(part.weights).replace("_", ""))
        return max(GATE, LETTER * len(part.symbol) + 18, weights + 14), max(GATE, 13.0 * len(part.inputs) + 8)
    if part.kind == "op":
        height = 13.0 * len(part.inputs) + 8 if has_ports(part) else RING
        return (RING if len(part.symbol) == 1 else LETTER * len(part.symbol) + 14), height
    return LETTER * len(part.name) + 30, END


def _picture(graph: Graph, found: Wiring, boxes: dict[int, Box], runs: list[Run]) -> Markup:
    left = min(box.x - box.width / 2 for box in boxes.values()) - CARD
    right = max(box.x + box.width / 2 for box in boxes.values()) + CARD
    top = min(box.y - box.height / 2 for box in boxes.values()) - MARGIN
    bottom = max(box.y + box.height / 2 for box in boxes.values()) + MARGIN
    said = f"{graph.name}: " + "; ".join(f"{a} = {b}" for a, b, _ in lines(graph))
    return picture(
        said,
        Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top),
        _wires(runs, found),
        [_part(found.parts[key], box) for key, box in boxes.items()],
        [_mark(run, boxes[run.part]) for run in runs if run.mark and run.part is not None],
    )


def _wires(runs: list[Run], found: Wiring) -> list[Markup]:
    """Net by net: each first as a stroke of the ground, so that it passes over the others."""
    nets = sorted({run.net for run in runs}, key=lambda net: any(run.track for run in runs if run.net == net))
    drawn = []
    for net in nets:
        own = [run for run in runs if run.net == net]
        ways = "".join(way(run.points) for run in own)
        tracks = "".join(way(run.points) for run in own if run.track)
        drawn.append(el("path", d=ways, class_="cw-gap"))
        drawn.append(el("path", d=ways, class_=f"cw-wire {_colour(found.parts[net])}"))
        if tracks:
            drawn.append(el("path", d=tracks, class_="cw-wire cw-track"))
        for run in own:
            if run.part is not None:
                kind = "cw-track" if run.track else _colour(found.parts[net])
                drawn.append(arrow(run.points, kind, thick=run.track))
    return drawn


def _colour(part: Part) -> str:
    return {"input": "cw-x", "before": "cw-state"}.get(part.kind, "cw-value")


def _mark(run: Run, box: Box) -> Markup:
    """Beside the arrow, on the side where nothing else enters."""
    (x0, y0), (x, y) = run.points[-2:]
    if abs(x - x0) > abs(y - y0):
        place = (x - 8, y - 6) if y <= box.y else (x - 8, y + 14)
    else:
        place = (x + 6, y + 14) if y < y0 else (x + 6, y - 5)
    kind = "cw-mark" if abs(x - x0) > abs(y - y0) else "cw-mark cw-after"
    return text(run.mark, *place, kind)


def _part(part: Part, box: Box) -> list[Markup]:
    shape = _gate if part.kind == "gate" else _ring if part.kind == "op" else _end
    drawn = shape(part, box)
    if part.name and part.kind in ("gate", "op"):
        where = (box.x + box.width / 2 + 5, box.y - 6)
        drawn.append(name(part.name, *where, "cw-name"))
    return drawn


def _gate(part: Part, box: Box) -> list[Markup]:
    kind = "cw-sigma" if "σ" in part.symbol else "cw-tanh" if part.symbol else "cw-linear"
    drawn = [rectangle(box, f"cw-gate {kind}", 7)]
    if part.symbol:
        drawn.append(text(part.symbol, box.x, box.y + (0 if part.weights else 6), "cw-symbol"))
    if part.weights:
        below = box.y + box.height / 2 - 8 if part.symbol else box.y + 4
        drawn.append(names(part.weights, box.x, below, "cw-weights"))
    return drawn


def _ring(part: Part, box: Box) -> list[Markup]:
    return [rectangle(box, "cw-op", RING / 2), text(part.symbol, box.x, box.y + 5, "")]


def _end(part: Part, box: Box) -> list[Markup]:
    index = "t−1" if part.kind == "before" else "t"
    kind = {"input": "cw-x", "before": "cw-state", "after": "cw-state"}[part.kind]
    return [
        rectangle(box, f"cw-end {kind}", RING / 2),
        name(f"{part.name}_{index}", box.x, box.y + 4.5, "cw-end-text"),
    ]
