"""How high everything in a diagram lies: wires straight where they can be, nothing too close. Floor 4."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from cellwright.page.diagram.columns import Columns, Item
from cellwright.page.diagram.wiring import Wiring, has_ports

TRACK = 56.0  # between two tracks
PORT = 13.0  # between two wires into a gate
BESIDE, APART = 12.0, 16.0  # least distances: between two wires, and of a part from anything
CLOSE = 4.0  # between two ends of the diagram
ENDS = {"input", "before", "after"}
SWEEPS = 40

Sizes = Mapping[int, tuple[float, float]]


def heights(
    wiring: Wiring, columns: Columns, sizes: Sizes
) -> tuple[dict[Item, float], dict[tuple[Item, Item], float]]:
    """The height of every place, and how far below a gate's middle each wire (from, to) enters it.

    Heights grow downwards; tracks are at 0, 56, ... A net that passes several columns keeps its height.
    """
    solver = _Solver(wiring, columns, sizes)
    solver.solve()
    return {item: solver.y[line] for item, line in solver.line.items()}, solver.ports


class _Solver:
    """Lines are places of one height; each in turn goes where its wires are straight, keeping distance."""

    def __init__(self, wiring: Wiring, columns: Columns, sizes: Sizes) -> None:
        self.wiring, self.columns, self.sizes = wiring, columns, sizes
        self.line = _lines(columns)
        self.pinned = {self.line[i]: i.track * TRACK for i in self.line if i.track is not None}
        self.above: dict[int, list[tuple[int, float]]] = {n: [] for n in self.line.values()}
        self.below: dict[int, list[tuple[int, float]]] = {n: [] for n in self.line.values()}
        for column in columns.columns:
            for a, b in pairwise(column):
                gap = self._half(a) + self._half(b) + self._apart(a, b)
                self.above[self.line[b]].append((self.line[a], gap))
                self.below[self.line[a]].append((self.line[b], gap))
        self.y: dict[int, float] = {}
        self.ports: dict[tuple[Item, Item], float] = {}

    def solve(self) -> None:
        """Find `y` by line, and `ports`."""
        order = self._from_the_top()
        for line in order:
            free = max((self.y[o] + gap for o, gap in self.above[line]), default=0.0)
            self.y[line] = self.pinned.get(line, free)
        for sweep in range(SWEEPS):
            self._set_ports()
            for line in order if sweep % 2 else reversed(order):
                if line not in self.pinned:
                    self._settle(line)
        self._set_ports()

    def _half(self, item: Item) -> float:
        return 0.0 if item.part is None else self.sizes[item.part][1] / 2

    def _apart(self, a: Item, b: Item) -> float:
        kinds = {None if i.part is None else self.wiring.parts[i.part].kind for i in (a, b)}
        return BESIDE if kinds == {None} else CLOSE if kinds <= ENDS else APART

    def _from_the_top(self) -> list[int]:
        order: list[int] = []
        todo = list(self.above)
        while todo:
            ready = [n for n in todo if all(o in order for o, _ in self.above[n])]
            order += ready
            todo = [n for n in todo if n not in ready]
        return order

    def _set_ports(self) -> None:
        """The wires into a gate, side by side in the order in which they come."""
        into: dict[Item, list[Item]] = {}
        for a, b in self.columns.pieces:
            if b.part is not None and has_ports(self.wiring.parts[b.part]):
                into.setdefault(b, []).append(a)
        for b, sources in into.items():
            ordered = sorted(sources, key=lambda a: self.y[self.line[a]])
            for k, a in enumerate(ordered):
                self.ports[(a, b)] = (k - (len(ordered) - 1) / 2) * PORT

    def _settle(self, line: int) -> None:
        wanted = sorted(self._wanted(line))
        low = max((self.y[o] + gap for o, gap in self.above[line]), default=-1e9)
        high = min((self.y[o] - gap for o, gap in self.below[line]), default=1e9)
        if not wanted or low > high:
            return
        a, b = wanted[(len(wanted) - 1) // 2], wanted[len(wanted) // 2]
        nearest = min((a, b), key=lambda v: abs(v - self.y[line]))
        self.y[line] = min(max(nearest, low), high)

    def _wanted(self, line: int) -> list[float]:
        """The heights at which one of the line's wires would be straight."""
        found = []
        for a, b in self.columns.pieces:
            port = self.ports.get((a, b), 0.0)
            if self.line[a] == line != self.line[b]:
                found.append(self.y[self.line[b]] + port)
            elif self.line[b] == line != self.line[a]:
                found.append(self.y[self.line[a]] - port)
        return found


def _lines(columns: Columns) -> dict[Item, int]:
    """Places of one height under one number: a track; a passing net, unless heights would go in a circle."""
    line = {item: k for k, item in enumerate(item for column in columns.columns for item in column)}
    for a, b in columns.pieces:
        on_track = a.track is not None and a.track == b.track
        passes = b.part is None and a.track is None and b.track is None
        if on_track or passes:
            trial = {item: line[a] if n == line[b] else n for item, n in line.items()}
            if on_track or not _circular(columns, trial):
                line = trial
    return line


def _circular(columns: Columns, line: Mapping[Item, int]) -> bool:
    """Whether a line would have to lie above itself."""
    over: dict[int, set[int]] = {}
    for column in columns.columns:
        for a, b in pairwise(column):
            over.setdefault(line[b], set()).add(line[a])
    left = set(over)
    while left:
        free = {n for n in left if not over[n] & left}
        if not free:
            return True
        left -= free
    return False
