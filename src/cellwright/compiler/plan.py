"""How a step is carried through time: what leaves the loop, and which products go side by side. Floor 1.

    parameter   depends on weights alone: computed once per call
    input       depends on x, not on a state: computed once for all T*B rows (the hoisted products)
    step        reads a state: stays in the loop over time

Products of one operand are packed: their matrices lie side by side and make one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.compiler.graph import Graph
from cellwright.compiler.verify import reachable

LEVELS = ("parameter", "input", "step")


@dataclass(frozen=True)
class Pack:
    """Products `M @ operand` of one operand, side by side in this order."""

    operand: int
    products: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The nodes of each level in the graph's order; packs by the level they run in."""

    graph: Graph
    level: tuple[str, ...]
    packs: tuple[Pack, ...]
    alive: frozenset[int]

    def nodes(self, level: str) -> tuple[int, ...]:
        """The computed nodes of one level that something needs: a result, or a name to look at."""
        return tuple(
            k
            for k, n in enumerate(self.graph.nodes)
            if self.level[k] == level and n.operands and k in self.alive
        )


def make_plan(graph: Graph, record: tuple[str, ...] = ()) -> Plan:
    """Plan a graph; `record` names values that must be computed even if no result reads them."""
    level: list[str] = []
    for node in graph.nodes:
        if node.op in ("input", "state"):
            level.append("input" if node.op == "input" else "step")
        else:
            level.append(max((level[k] for k in node.operands), key=LEVELS.index, default="parameter"))
    alive = _alive(graph, record)
    return Plan(graph, tuple(level), _packs(graph, level, alive), alive)


def _alive(graph: Graph, record: tuple[str, ...]) -> frozenset[int]:
    wanted = Graph(graph.name, graph.nodes, (*graph.returns, *(graph.named[name] for name in record)))
    return reachable(wanted)


def _packs(graph: Graph, level: list[str], alive: frozenset[int]) -> tuple[Pack, ...]:
    groups: dict[int, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        if node.op == "matmul" and index in alive and level[node.operands[0]] == "parameter" != level[index]:
            groups.setdefault(node.operands[1], []).append(index)
    return tuple(Pack(operand, tuple(products)) for operand, products in groups.items())
