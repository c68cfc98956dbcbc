"""Where programs that share a step's units must meet: its stages. Floor 2.

A program has some of the units of every vector. What reads the others' (a product, a rearrangement) reads
them from memory, where every program has laid its own before all met: one stage ends. Of a sum over a row
every program lays its part, one number; or reads the whole row, where that saves a meeting. Rearrangements,
and such sums, compute their operand anew from what was laid before, where that saves one. Refuses running
sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cellwright.backends.triton.table import ALONG, ARRANGE, POINTWISE, PRODUCTS, REDUCTIONS
from cellwright.compiler.inner_ops import ANY_LEAF, reads
from cellwright.compiler.places import Routine
from cellwright.compiler.simplify import read_by

# A value of more operations than these is laid rather than computed anew by everybody.
LONGEST = 8


@dataclass(frozen=True)
class Stages:
    """The stage of every value; the values laid in memory, for products (in their type) and for the rest;
    the values computed anew; the sums over a row that are taken in parts, with the mean that a variance is
    about (else None); whether all meet between two steps; the values that are computed at all; the number of
    stages."""

    level: dict[int, int]
    multiplied: frozenset[int]
    laid: frozenset[int]
    anew: frozenset[int]
    parts: Mapping[int, int | None]
    wrap: bool
    own: frozenset[int]
    count: int

    @property
    def meetings(self) -> int:
        """How often all programs meet in a step."""
        return self.count - 1 + self.wrap


def stages_of(routine: Routine) -> Stages | str:
    """The stages of a routine, or why its units cannot be shared.

    >>> from cellwright import cells
    >>> from cellwright.compiler.hoist import hoist
    >>> from cellwright.compiler.routine import make_recurrence
    >>> def meetings(cell):
    ...     made = make_recurrence(hoist(cell.graph))
    ...     return [stages_of(routine).meetings for routine in (made.forward, made.backward)]
    >>> meetings(cells.lstm), meetings(cells.gru_v1), meetings(cells.lstm_layer_norm)
    ([1, 1], [2, 2], [3, 4])
    """
    if any(routine.nodes[k].op in ALONG for k in read_by(routine.nodes, _roots(routine))):
        return "a running sum needs a whole row"
    # What saves a meeting here may cost one there, or between two steps: the first of the best.
    ways = [(in_parts, anew) for in_parts in (True, False) for anew in (False, True)]
    return min((_Stager(routine, *way).run() for way in ways), key=lambda found: found.meetings)


def _roots(routine: Routine) -> list[int]:
    return [k for k, _ in (*routine.stores, *routine.sums)]


class _Stager:
    """The work of `stages_of`. `in_parts`: all sums over a row are, not only where that costs no meeting;
    `compute`: what was laid before may be computed anew."""

    def __init__(self, routine: Routine, in_parts: bool, compute: bool) -> None:
        self.routine, self.nodes, self.in_parts, self.compute = routine, routine.nodes, in_parts, compute
        self.level: dict[int, int] = {}
        self.multiplied: set[int] = set()
        self.laid: set[int] = set()
        self.anew: set[int] = set()
        self.parts: dict[int, int | None] = {}
        self.wrap = False
        self._row: dict[int, int] = {}
        self._chains: dict[int, frozenset[int]] = {}

    def run(self) -> Stages:
        roots = _roots(self.routine)
        for k in sorted(read_by(self.nodes, roots)):
            self.level[k] = self._level(k)
        own = self._own(roots)
        count = 1 + max((self.level[k] for k in own), default=0)
        multiplied, laid, anew = (frozenset(s) for s in (self.multiplied, self.laid, self.anew))
        parts = {k: mean for k, mean in self.parts.items() if k in own}
        return Stages(self.level, multiplied, laid, anew, parts, self.wrap, own, count)

    def _level(self, k: int) -> int:
        node = self.nodes[k]
        if node.op in ANY_LEAF or node.op == "size" or len(node.shape) > 1:
            return 0
        operands = reads(node.op, node.operands)
        if node.op in POINTWISE:
            return max((self.level[o] for o in operands), default=0)
        if node.op in PRODUCTS:
            return max(self._whole_level(o) for o in node.operands[1::2])
        if node.op in REDUCTIONS:
            return self._sum_level(k)
        return max(self._row_level(o) for o in operands)

    def _sum_level(self, k: int) -> int:
        """The stage in which all parts of a sum are there, or the whole row is."""
        (o,) = reads(self.nodes[k].op, self.nodes[k].operands)
        mean = self._variance_of(k)
        parts = 1 + self.level[o if mean is None else self._operand(mean)]
        if not self.in_parts and self._row_level(o) < parts:
            return self._row_level(o)
        self.parts[k] = mean
        return parts

    def _operand(self, k: int) -> int:
        (o,) = reads(self.nodes[k].op, self.nodes[k].operands)
        return o

    def _variance_of(self, k: int) -> int | None:
        """m, where k is the sum of (v - m)^2 over a row and m the mean of v, itself in parts: then the parts
        of both can be told at once (Chan, Golub and LeVeque 1979)."""
        square = self.nodes[self._operand(k)]
        if square.op != "mul" or square.operands[0] != square.operands[1] or self.nodes[k].op == "max":
            return None
        centred = self.nodes[square.operands[0]]
        if centred.op != "sub":
            return None
        v, m = centred.operands
        of_v = self.nodes[m].op == "mean" and self._operand(m) == v
        return m if of_v and m in self.parts else None

    def _whole_level(self, o: int) -> int:
        """The stage from which a value's units can be read by all."""
        return self.level[o] + (0 if self.there(o) else 1)

    def there(self, o: int) -> bool:
        """Whether a value lies in memory before the step. A feed's place may be given to a kept value."""
        if self.nodes[o].op not in ANY_LEAF:
            return False
        place = self.routine.loads.get(o)
        feed = place is not None and place.array.startswith(".feed")
        return not (feed and self.routine.name == "forward")

    def _row_level(self, o: int) -> int:
        """The stage in which all units of `o` can be read, or computed anew."""
        if o not in self._row:
            self._row[o] = self._least(o)
        return self._row[o]

    def _least(self, o: int) -> int:
        if not self.nodes[o].shape:
            return self.level[o]
        laid = self._whole_level(o)
        return self._anew_level(o) if self._is_anew(o) else laid

    def _is_anew(self, o: int) -> bool:
        """Whether a value is computed anew: it is short, and one meeting less is needed."""
        if not self.compute or self.nodes[o].op not in POINTWISE:
            return False
        short = len(self._chain(o)) <= LONGEST
        return short and self._anew_level(o) < self._whole_level(o)

    def _chain(self, o: int) -> frozenset[int]:
        """The operations that compute a vector anew from what is read."""
        if o not in self._chains:
            read = reads(self.nodes[o].op, self.nodes[o].operands)
            vectors = [x for x in read if self.nodes[x].shape and self._is_anew(x)]
            self._chains[o] = frozenset({o}).union(*(self._chain(x) for x in vectors))
        return self._chains[o]

    def _anew_level(self, o: int) -> int:
        operands = reads(self.nodes[o].op, self.nodes[o].operands)
        return max((self._row_level(x) for x in operands), default=0)

    def _own(self, roots: Iterable[int]) -> frozenset[int]:
        """Walk back from the results: what programs compute of their own units, what is laid."""
        own: set[int] = set()
        todo = list(roots)
        while todo:
            k = todo.pop()
            if k in own:
                continue
            own.add(k)
            node = self.nodes[k]
            operands = reads(node.op, node.operands)
            if node.op in POINTWISE:
                todo += operands
            elif node.op in PRODUCTS:
                todo += [o for o in node.operands[1::2] if self._lay(o, self.multiplied)]
            elif k in self.parts:
                mean = self.parts[k]
                todo += [operands[0]] if mean is None else [mean, self._operand(mean)]
            elif node.op in (*REDUCTIONS, *ARRANGE):
                for o in operands:
                    self._lay_row(o, todo)
        return frozenset(own)

    def _lay(self, o: int, where: set[int]) -> bool:
        """Have a value read by all; whether programs must lay their units of it for that."""
        place = self.routine.loads.get(o)
        carried = place is not None and (
            place.kind == "carry_in" or (place.kind == "previous" and self.routine.name == "forward")
        )
        self.wrap = self.wrap or carried
        if carried or not self.there(o):
            where.add(o)
        return not self.there(o)

    def _lay_row(self, o: int, todo: list[int]) -> None:
        """The same for what a sum over a row or a rearrangement reads."""
        node = self.nodes[o]
        if not node.shape:
            todo.append(o)
        elif self._is_anew(o):
            self.anew.add(o)
            for x in reads(node.op, node.operands):
                self._lay_row(x, todo)
        elif self._lay(o, self.laid):
            todo.append(o)
