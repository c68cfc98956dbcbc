"""The way of every wire: along its height, up or down a lane between two columns, in at a port. Floor 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

from cellwright.page.diagram.columns import Columns, Item
from cellwright.page.diagram.picture import Box, Point
from cellwright.page.diagram.wiring import Wiring

BETWEEN, LANE = 17.0, 11.0
SPREAD = 5.0  # between two wires into a ring
CLEAR = 7.0  # least distance of a wire from a part that it passes
EXACT = 6  # lanes whose every order is tried
ON_TOP = 10  # as bad as so many crossings: two wires along one line


@dataclass(frozen=True)
class Run:
    """A piece of wire: its net, its corners, the part it enters if it does, and what is written there."""

    net: int
    points: tuple[Point, ...]
    part: int | None
    track: bool
    mark: str = ""


@dataclass(frozen=True)
class _Piece:
    """A piece between neighbouring columns: `side` is where it enters, "left", "top" or "bottom"."""

    a: Item
    b: Item
    start: float
    end: float
    side: str


class Routes:
    """Boxes and wires, from the columns and the heights of all places."""

    def __init__(
        self,
        wiring: Wiring,
        columns: Columns,
        sizes: Mapping[int, tuple[float, float]],
        y: Mapping[Item, float],
        ports: Mapping[tuple[Item, Item], float],
    ) -> None:
        self.wiring, self.columns, self.sizes, self.y, self.ports = wiring, columns, sizes, y, ports
        self.pieces = self._entered()
        self.lanes = [self._lanes(k) for k in range(len(columns.columns) - 1)]
        self.left, self.right = self._edges()

    def boxes(self) -> dict[int, Box]:
        """Every part's place."""
        found = {}
        for k, column in enumerate(self.columns.columns):
            for item in column:
                if item.part is not None:
                    width, height = self.sizes[item.part]
                    found[item.part] = Box(self._middle(k), self.y[item], width, height)
        return found

    def runs(self) -> list[Run]:
        """Every piece of wire, from the edge of what it leaves to the port it enters."""
        return [self._run(piece) for piece in self.pieces]

    def _run(self, piece: _Piece) -> Run:
        a, b, gap = piece.a, piece.b, piece.a.column
        start = (self._middle(gap) + self._half(a) if a.part is not None else self.right[gap], piece.start)
        points = [start]
        if piece.side != "left":
            sign = -1 if piece.side == "top" else 1
            x = self._middle(b.column)
            points += [(x, piece.start), (x, self.y[b] + sign * self._half(b, 1))]
        else:
            if piece.start != piece.end:
                lane = self.right[gap] + BETWEEN + LANE * self.lanes[gap].index(a.net)
                points += [(lane, piece.start), (lane, piece.end)]
            inside = self._middle(b.column) - self._half(b) if b.part is not None else self.right[b.column]
            points.append((inside, piece.end))
        on_track = a.track is not None and a.track == b.track
        return Run(a.net, tuple(points), b.part, on_track, self._mark(a.net, b.part))

    def _mark(self, net: int, part: int | None) -> str:
        wires = () if part is None else self.wiring.parts[part].inputs
        return next((wire.mark for wire in wires if wire.source == net), "")

    def _entered(self) -> list[_Piece]:
        """Every piece with the side it enters by: rings are also entered from above and below."""
        found: list[_Piece] = []
        taken: set[tuple[Item, str]] = set()
        upright: dict[int, list[tuple[float, float]]] = {}
        for a, b in sorted(self.columns.pieces, key=lambda p: abs(self.y[p[0]] - self.y[p[1]])):
            start, end = self.y[a], self.y[b] + self.ports.get((a, b), 0.0)
            side = "left"
            ring = b.part is not None and (a, b) not in self.ports
            if ring and start != end:
                side = "top" if start < end else "bottom"
                low, high = sorted((start, self.y[b]))
                columns = upright.setdefault(b.column, [])
                meets = any(low < other_high and other_low < high for other_low, other_high in columns)
                if meets or not self._free(a, b, start):
                    side = "left"
                else:
                    columns.append((low, high))
            # Another wire has the port, or comes along at its height: the port is beside it.
            beside = SPREAD if start > end else -SPREAD
            places = [end + k * beside for k in (0, 1, 2, -1, -2)] if b.part is not None else [end]
            crowded = {
                p
                for p in places
                if (b, f"{side} {p}") in taken or (side == "left" and self._begins(a, start, p))
            }
            end = next((p for p in places if p not in crowded), end)
            taken.add((b, f"{side} {end}"))
            found.append(_Piece(a, b, start, end, side))
        return found

    def _begins(self, a: Item, start: float, end: float) -> bool:
        others = (item for item in self.columns.columns[a.column] if item.net != a.net)
        return start != end and any(abs(self.y[item] - end) < 1 for item in others)

    def _free(self, a: Item, b: Item, start: float) -> bool:
        """Whether a wire can run at its height to the middle of b's column, and then straight to b."""
        low, high = sorted((start, self.y[b]))
        for other in self.columns.columns[b.column]:
            if other == b or other.net == a.net:
                continue
            y, half = self.y[other], self._half(other, 1) + CLEAR
            beside = abs(y - start) < half
            if beside or (other.part is not None and low - half < y < high + half):
                return False
        return True

    def _lanes(self, gap: int) -> tuple[int, ...]:
        """The nets that change height between two columns, in the order in which they cross least."""
        here = [p for p in self.pieces if p.a.column == gap and p.side == "left" and p.start != p.end]
        nets = list(dict.fromkeys(p.a.net for p in here))
        spans = {n: [p for p in here if p.a.net == n] for n in nets}
        cost = {(m, n): _crossed(spans[m], spans[n]) for m in nets for n in nets if m != n}
        if len(nets) <= EXACT:
            return min(
                permutations(nets), key=lambda order: sum(cost[pair] for pair in combinations(order, 2))
            )
        return _sifted(sorted(nets, key=lambda n: spans[n][0].start), cost)

    def _edges(self) -> tuple[list[float], list[float]]:
        """Where each column begins and ends."""
        left, right, x = [], [], 0.0
        for k, column in enumerate(self.columns.columns):
            width = max(2 * self._half(item) for item in column)
            left.append(x)
            right.append(x + width)
            lanes = len(self.lanes[k]) if k < len(self.lanes) else 0
            x += width + 2 * BETWEEN + max(0, lanes - 1) * LANE
        return left, right

    def _middle(self, column: int) -> float:
        return (self.left[column] + self.right[column]) / 2

    def _half(self, item: Item, axis: int = 0) -> float:
        return 0.0 if item.part is None else self.sizes[item.part][axis] / 2


def _sifted(order: list[int], cost: Mapping[tuple[int, int], int]) -> tuple[int, ...]:
    """Lanes moved one at a time to where they cross least, until none moves."""
    moved = True
    while moved:
        moved = False
        for net in list(order):
            others = [n for n in order if n != net]
            gain = [0]
            for n in others:
                gain.append(gain[-1] + cost[(n, net)] - cost[(net, n)])
            best = gain.index(min(gain))
            if gain[best] < gain[order.index(net)]:
                order, moved = [*others[:best], net, *others[best:]], True
    return tuple(order)


def _crossed(nearer: list[_Piece], farther: list[_Piece]) -> int:
    """How often two lanes cross, the first of them on the left of the other.

    A wire to the farther lane crosses the nearer one, a wire from the nearer one the farther.
    """
    return _through([farther[0].start], nearer) + _through([p.end for p in nearer], farther)


def _through(heights: list[float], lane: list[_Piece]) -> int:
    ends = [y for p in lane for y in (p.start, p.end)]
    low, high = min(ends), max(ends)
    inside = sum(low < y < high for y in heights)
    return inside + ON_TOP * sum(abs(y - end) < 1 for y in heights for end in ends)
