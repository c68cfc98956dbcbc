"""Parameters and operations of one step, by term of the equations. Floor 1.

A multiply-add of a matrix product counts as one; a pointwise operation counts its row's cost (`ops.Op.cost`,
a transcendental is about 8 multiply-adds) per element. Biases and norms are counted as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellwright.compiler.dims import Shape
from cellwright.compiler.graph import LEAVES, Graph, Node
from cellwright.compiler.ops import OPS
from cellwright.compiler.show import lines


@dataclass(frozen=True)
class Term:
    """One equation: its left side, its text, and what one step of it costs for one sample."""

    name: str
    equation: str
    parameters: int
    multiply_adds: int
    pointwise: int


def size(shape: Shape, sizes: Mapping[str, int]) -> int:
    """The number of elements of a shape."""
    total = 1
    for dim in shape:
        total *= dim.evaluate(sizes)
    return total


def count(graph: Graph, sizes: Mapping[str, int]) -> list[Term]:
    """The cost of one step by equation. A parameter read by several equations counts in the first.

    >>> from cellwright import cells
    >>> sum(term.parameters for term in count(cells.lstm.graph, {"H": 128, "I": 64}))
    98816
    """
    seen: set[int] = set()
    return [_term(graph, left, right, index, sizes, seen) for left, right, index in lines(graph)]


def _term(graph: Graph, left: str, right: str, index: int, sizes: Mapping[str, int], seen: set[int]) -> Term:
    parameters = products = pointwise = 0
    for k in _own(graph, index):
        if k in seen:
            continue
        seen.add(k)
        node = graph.nodes[k]
        if node.op == "parameter":
            parameters += size(node.shape, sizes)
        elif node.op not in LEAVES and OPS[node.op].kind == "product":
            products += size(graph.nodes[node.operands[0]].shape, sizes)
        elif node.op not in LEAVES:
            pointwise += OPS[node.op].cost * _elements(graph, node, sizes)
    return Term(left, f"{left} = {right}", parameters, products, pointwise)


def _own(graph: Graph, index: int) -> list[int]:
    """The nodes of one equation: back to named values and leaves."""
    own, todo = [], [index]
    while todo:
        k = todo.pop()
        own.append(k)
        todo += [
            o for o in graph.nodes[k].operands if not graph.nodes[o].name or graph.nodes[o].op == "parameter"
        ]
    return own


def _elements(graph: Graph, node: Node, sizes: Mapping[str, int]) -> int:
    return max([size(node.shape, sizes), *(size(graph.nodes[k].shape, sizes) for k in node.operands)])
