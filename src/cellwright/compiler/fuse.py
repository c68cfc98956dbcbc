"""A routine cut into stages: rows of pointwise work, then matrix products, in turns. Floor 1.

    stage k    rows k: loops over the units of one sequence's row     products k: matrix products of many rows

A value is computed as late as its first reader allows. Within a stage, values of one size share a loop unless
one needs a whole row of another (a reduction, a running sum, a rearrangement): then the next loop begins.
Values read outside their loop go through memory (`memory`); a stage that is one plain loop over the result of
one group of products is done while that result is still hot (`hot`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cellwright.compiler.dims import Dim, Shape
from cellwright.compiler.graph import Node
from cellwright.compiler.inner_ops import ALL, ANY_LEAF, reads
from cellwright.compiler.ops import COMPARISONS
from cellwright.compiler.places import Routine

PRODUCTS = ("matmul_sum", "blocks")
WHOLE_ROW = ("along", "arrange")
VIEWS = ("part", "piece")


@dataclass(frozen=True)
class Group:
    """Products with the same operands and the same size of result: `outputs[g]` = sum over terms of
    matrices[term][g] @ operands[term]."""

    outputs: tuple[int, ...]
    operands: tuple[int, ...]
    matrices: tuple[tuple[int, ...], ...]
    op: str


@dataclass(frozen=True)
class Loop:
    """One pass over a row: scalars first, then whole-row operations, then a loop of vectors per size."""

    scalars: tuple[int, ...]
    whole: tuple[int, ...]
    vectors: tuple[tuple[Dim, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Stage:
    """Row work, then products. `hot`: the row work is done on the results of the products before it."""

    loops: tuple[Loop, ...]
    groups: tuple[Group, ...]
    hot: bool = False


@dataclass(frozen=True)
class Schedule:
    """The stages, and the values that must lie in memory."""

    stages: tuple[Stage, ...]
    memory: frozenset[int]
    where: dict[int, tuple[int, int]] = field(default_factory=dict)


def schedule(routine: Routine) -> Schedule:
    """Order a routine's work."""
    return _Scheduler(routine).run()


class _Scheduler:
    def __init__(self, routine: Routine) -> None:
        self.routine, self.nodes = routine, routine.nodes
        self.work = [k for k, n in enumerate(self.nodes) if not is_outside(self.nodes, k)]
        self.users: dict[int, list[int]] = {k: [] for k in range(len(self.nodes))}
        for k in self.work:
            for o in self._reads(k):
                self.users[o].append(k)
        self.stage: dict[int, int] = {}
        self.loop: dict[int, int] = {}

    def run(self) -> Schedule:
        self._place_stages()
        for k in self.work:
            if not self._product(k):
                self.loop[k] = self._loop_of(k)
        last = max([self.stage[k] for k in self.work], default=0)
        if any(self._product(k) and self.stage[k] == last for k in self.work):
            last += 1
        stages = [self._stage(s) for s in range(last + 1)]
        memory = self._memory()
        for s in range(1, len(stages)):
            if self._can_be_hot(stages[s - 1], stages[s]):
                stages[s] = Stage(stages[s].loops, stages[s].groups, hot=True)
                memory -= self._hot_values(stages[s - 1], s)
        where = {k: (self.stage[k], self.loop.get(k, -1)) for k in self.work}
        return Schedule(tuple(stages), frozenset(memory), where)

    def _reads(self, k: int) -> tuple[int, ...]:
        """The values read; a comparison is written out where it is used, so its operands are read there."""
        read: list[int] = []
        for o in reads(self.nodes[k].op, self.nodes[k].operands):
            read += self._reads(o) if self.nodes[o].op in COMPARISONS else [o]
        return tuple(read)

    def _product(self, k: int) -> bool:
        return self.nodes[k].op in PRODUCTS

    def _computed(self, k: int) -> bool:
        return not is_outside(self.nodes, k)

    def _place_stages(self) -> None:
        soonest: dict[int, int] = {}
        for k in self.work:
            before = [soonest[o] + self._product(o) for o in self._reads(k) if self._computed(o)]
            soonest[k] = max(before, default=0)
        for k in reversed(self.work):
            users = [self.stage[u] for u in self.users[k]]
            self.stage[k] = soonest[k] if self._product(k) or not users else min(users)

    def _loop_of(self, k: int) -> int:
        node, here = self.nodes[k], self.stage[k]
        whole = _kind(node) in WHOLE_ROW
        least = 0
        for o in self._reads(k):
            if not self._computed(o) or self._product(o) or self.stage[o] != here:
                continue
            vector_now = self.nodes[o].shape != () and _kind(self.nodes[o]) == "pointwise"
            scalar_now = self.nodes[o].shape == () and _kind(self.nodes[o]) != "reduce"
            waits = (
                whole
                or not (vector_now or scalar_now)
                or (node.shape == () and vector_now and _kind(node) != "reduce")
            )
            if scalar_now:
                waits = False
            least = max(least, self.loop[o] + int(waits))
        return least

    def _stage(self, s: int) -> Stage:
        rows = [k for k in self.work if self.stage[k] == s and not self._product(k)]
        products = [k for k in self.work if self.stage[k] == s and self._product(k)]
        count = max((self.loop[k] for k in rows), default=-1) + 1
        return Stage(tuple(self._one_loop(rows, at) for at in range(count)), self._groups(products))

    def _one_loop(self, rows: list[int], at: int) -> Loop:
        here = [k for k in rows if self.loop[k] == at]
        kinds = {k: _kind(self.nodes[k]) for k in here}
        scalars = tuple(k for k in here if self.nodes[k].shape == () and kinds[k] != "reduce")
        whole = tuple(k for k in here if kinds[k] in WHOLE_ROW)
        vectors: dict[Dim, list[int]] = {}
        for k in here:
            if k not in scalars and k not in whole:
                source = self.nodes[k] if kinds[k] != "reduce" else self.nodes[self.nodes[k].operands[0]]
                vectors.setdefault(source.shape[0], []).append(k)
        return Loop(scalars, whole, tuple((dim, tuple(ks)) for dim, ks in vectors.items()))

    def _groups(self, products: list[int]) -> tuple[Group, ...]:
        found: dict[tuple[str, tuple[int, ...], Shape], list[int]] = {}
        for k in products:
            node = self.nodes[k]
            step = 2
            operands = node.operands[1::step]
            found.setdefault((node.op, operands, node.shape), []).append(k)
        groups = []
        for (op, operands, _), outputs in found.items():
            matrices = tuple(
                tuple(self.nodes[k].operands[2 * term] for k in outputs) for term in range(len(operands))
            )
            groups.append(Group(tuple(outputs), operands, matrices, op))
        return tuple(groups)

    def _memory(self) -> set[int]:
        """Values read in another loop or stage than their own, or as a whole row."""
        memory: set[int] = set()
        for k in self.work:
            if self._product(k):
                memory.add(k)
            for u in self.users[k]:
                same = self.stage[u] == self.stage[k] and self.loop.get(u) == self.loop.get(k)
                scalar = self.nodes[k].shape == () and self.stage[u] == self.stage[k]
                if _kind(self.nodes[u]) in (*WHOLE_ROW, "product") or not (same or scalar):
                    memory.add(k)
        return memory

    def _can_be_hot(self, before: Stage, stage: Stage) -> bool:
        if len(before.groups) != 1 or len(stage.loops) != 1:
            return False
        loop = stage.loops[0]
        size = self.nodes[before.groups[0].outputs[0]].shape[0]
        plain = not loop.scalars and not loop.whole and len(loop.vectors) == 1 and loop.vectors[0][0] == size
        return plain and all(_kind(self.nodes[k]) == "pointwise" for k in loop.vectors[0][1])

    def _hot_values(self, before: Stage, s: int) -> set[int]:
        """Results of products that nobody but this stage's rows read."""
        outputs = before.groups[0].outputs
        return {k for k in outputs if all(self.stage[u] == s and not self._product(u) for u in self.users[k])}


def is_outside(nodes: tuple[Node, ...], k: int) -> bool:
    """Leaves, sizes, comparisons (written out where used), matrices as they are turned: no own work."""
    node = nodes[k]
    return node.op in (*ANY_LEAF, *COMPARISONS, "size") or len(node.shape) > 1


def _kind(node: Node) -> str:
    return ALL[node.op].kind
