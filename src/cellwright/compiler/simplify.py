"""Graph in, plainer graph out: constants folded, equal values computed once, dead values dropped. Floor 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cellwright.compiler.build import Builder
from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.inner_ops import ANY_LEAF, reads


def simplify(graph: Graph) -> Graph:
    """The same step in fewer nodes. Leaves stay, in their order; every result keeps its name.

    >>> from cellwright import cells
    >>> len(simplify(cells.lstm.graph).nodes) <= len(cells.lstm.graph.nodes)
    True
    """
    builder = Builder()
    place = {k: copy_node(builder, node, ()) for k, node in enumerate(graph.nodes) if node.op in ANY_LEAF}
    alive = needed(graph.nodes, graph.returns)
    for k, node in enumerate(graph.nodes):
        if k in alive and k not in place:
            place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
    return replace(graph, nodes=tuple(builder.nodes), returns=tuple(place[k] for k in graph.returns))


def copy_node(builder: Builder, node: Node, operands: tuple[int, ...]) -> int:
    """A node of one graph built into another, name and line kept."""
    if node.op == "constant":
        return builder.constant(node.attribute("value"))
    if node.op in ANY_LEAF:
        return builder.leaf(node.op, node.name, node.shape, node.where)
    return builder.add(node.op, *operands, name=node.name, where=node.where, **dict(node.attributes))


def needed(nodes: tuple[Node, ...], results: Iterable[int]) -> frozenset[int]:
    """The positions whose values (or shapes) the results depend on."""
    alive: set[int] = set()
    todo = list(results)
    while todo:
        k = todo.pop()
        if k not in alive:
            alive.add(k)
            todo.extend(nodes[k].operands)
    return frozenset(alive)


def read_by(nodes: tuple[Node, ...], results: Iterable[int]) -> frozenset[int]:
    """The positions whose values the results are computed from; shapes alone do not count."""
    alive: set[int] = set()
    todo = list(results)
    while todo:
        k = todo.pop()
        if k not in alive:
            alive.add(k)
            todo.extend(reads(nodes[k].op, nodes[k].operands))
    return frozenset(alive)
