"""Parts into columns, each after those it reads, and an order in every column with few crossings. Floor 4.

The wires of one part are a net. Where a net passes a column it has a place there too, so that every piece of
wire leads from one column to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from cellwright.page.diagram.wiring import Wiring

SWEEPS = 12


@dataclass(frozen=True)
class Item:
    """A place in a column: of a part, or (`part` None) of a net that passes."""

    column: int
    net: int
    part: int | None = None
    track: int | None = None


@dataclass(frozen=True)
class Columns:
    """The columns from left to right, each from top to bottom, and the pieces of wire between neighbours."""

    columns: tuple[tuple[Item, ...], ...]
    pieces: tuple[tuple[Item, Item], ...]


def arranged(wiring: Wiring) -> Columns:
    """Every part of a wiring in its column, tracks at the top."""
    depth = _depths(wiring)
    items, pieces = _items(wiring, depth)
    columns = [[item for item in items if item.column == k] for k in range(max(depth.values()) + 1)]
    for column in columns:
        column.sort(key=lambda item: _above(item, wiring))
    ordered = _with_few_crossings(columns, pieces, {item: _above(item, wiring) for item in items})
    return Columns(tuple(map(tuple, ordered)), tuple(pieces))


def _depths(wiring: Wiring) -> dict[int, int]:
    """The column of every part: after all it reads; inputs and old states first, new states last."""
    depth: dict[int, int] = {}
    for key, part in wiring.parts.items():
        depth[key] = 1 + max((depth[wire.source] for wire in part.inputs), default=-1)
    last = max(depth.values())
    for key, part in reversed(wiring.parts.items()):
        read = [depth[k] for k, other in wiring.parts.items() if any(w.source == key for w in other.inputs)]
        if part.kind == "after":
            depth[key] = last
        elif part.kind == "op" and len(part.inputs) == 1:
            # What only transforms one value stands beside what reads it, out of the way of the gates.
            depth[key] = min(read) - 1
    return depth


def _items(wiring: Wiring, depth: dict[int, int]) -> tuple[list[Item], list[tuple[Item, Item]]]:
    """The places, and the pieces between places of neighbouring columns."""
    following = {a: (row, b) for row, way in enumerate(wiring.tracks) for a, b in pairwise(way)}
    on_track = {key: row for row, way in enumerate(wiring.tracks) for key in way}
    of_part = {key: Item(depth[key], key, key, on_track.get(key)) for key in wiring.parts}
    items, pieces = list(of_part.values()), []
    for key in wiring.parts:
        readers = [k for k, part in wiring.parts.items() if any(w.source == key for w in part.inputs)]
        row, successor = following.get(key, (None, None))
        before = of_part[key]
        for column in range(depth[key] + 1, max((depth[k] for k in readers), default=0) + 1):
            pieces += [(before, of_part[k]) for k in readers if depth[k] == column]
            if any(depth[k] > column for k in readers):
                here = successor is not None and column < depth[successor]
                passing = Item(column, key, None, row if here else None)
                items.append(passing)
                pieces.append((before, passing))
                before = passing
    return items, pieces


def _above(item: Item, wiring: Wiring) -> tuple[int, int]:
    """Tracks first, in their order; inputs last; the rest between them."""
    if item.track is not None:
        return 0, item.track
    return (2, 0) if item.part is not None and wiring.parts[item.part].kind == "input" else (1, 0)


def _with_few_crossings(
    columns: list[list[Item]], pieces: list[tuple[Item, Item]], above: dict[Item, tuple[int, int]]
) -> list[list[Item]]:
    """Each column sorted by where its neighbours lie, to and fro; the best order that was met."""
    before, after = _neighbours(pieces)
    best, least = columns, crossings(columns, pieces)
    current = columns
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        current = [list(column) for column in current]
        for k in range(len(current)) if forward else reversed(range(len(current))):
            place = {item: n for column in current for n, item in enumerate(column)}
            current[k] = sorted(current[k], key=lambda i: (*above[i], _middle(i, neighbours, place)))
        found = crossings(current, pieces)
        if found < least:
            best, least = current, found
    return best


def _neighbours(pieces: list[tuple[Item, Item]]) -> tuple[dict[Item, list[Item]], dict[Item, list[Item]]]:
    before: dict[Item, list[Item]] = {}
    after: dict[Item, list[Item]] = {}
    for a, b in pieces:
        before.setdefault(b, []).append(a)
        after.setdefault(a, []).append(b)
    return before, after


def _middle(item: Item, neighbours: dict[Item, list[Item]], place: dict[Item, int]) -> float:
    known = [place[n] for n in neighbours.get(item, [])]
    return sum(known) / len(known) if known else place[item]


def crossings(columns: Iterable[Iterable[Item]], pieces: list[tuple[Item, Item]]) -> int:
    """How many pairs of pieces cross; those of one net never do."""
    place = {item: n for column in columns for n, item in enumerate(column)}
    total = 0
    for k, (a, b) in enumerate(pieces):
        for c, d in pieces[k + 1 :]:
            if a.column == c.column and a.net != c.net:
                total += (place[a] - place[c]) * (place[b] - place[d]) < 0
    return total
