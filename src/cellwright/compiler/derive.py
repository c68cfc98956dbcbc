"""The adjoint of one step: from the gradients of the new states to those of every leaf. Floor 1.

Reverse accumulation over the graph, one rule per operation (`rules.RULES`). The result is a longer list of
nodes: the step's own, then the adjoint's. It knows one step; what crosses steps is the plan's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellwright.compiler.build import Builder
from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.inner_ops import ALL, ANY_LEAF
from cellwright.compiler.interpret import run_node
from cellwright.compiler.rules import RULES, At
from cellwright.compiler.simplify import copy_node


@dataclass(frozen=True)
class Adjoint:
    """`nodes`: the step's, then the adjoint's; `returns`: the new states; `seeds[k]`: the gradient of the
    k-th new state, a leaf of kind "gradient"; `results`: (leaf, its gradient), for leaves that have one."""

    nodes: tuple[Node, ...]
    returns: tuple[int, ...]
    seeds: tuple[int, ...]
    results: tuple[tuple[int, int], ...]


def derive(graph: Graph) -> Adjoint:
    """Differentiate one step.

    Args:
        graph: a verified step; matrices of weights that are not leaves are differentiated too.

    >>> from cellwright import cells
    >>> adjoint = derive(cells.elman.graph)
    >>> [adjoint.nodes[leaf].name for leaf, _ in adjoint.results]
    ['x', 'h', 'W', 'U', 'b']
    """
    builder = Builder()
    place: list[int] = []
    for node in graph.nodes:
        place.append(copy_node(builder, node, tuple(place[o] for o in node.operands)))
    returns = tuple(place[k] for k in graph.returns)
    found: dict[int, list[int]] = {}
    seeds = []
    for state, k in zip(graph.states, returns, strict=False):
        seeds.append(builder.leaf("gradient", state.name, state.shape))
        found.setdefault(k, []).append(seeds[-1])
    for n in range(max(place), -1, -1):
        if n in found and builder.nodes[n].op in ALL:
            _step_back(builder, n, found)
    leaves = [k for k in place if builder.nodes[k].op in ANY_LEAF and builder.nodes[k].op != "constant"]
    results = tuple((k, total(builder, k, found[k])) for k in dict.fromkeys(leaves) if k in found)
    return Adjoint(tuple(builder.nodes), returns, tuple(seeds), results)


def _step_back(builder: Builder, n: int, found: dict[int, list[int]]) -> None:
    node = builder.nodes[n]
    at = At(builder, n, node.operands, total(builder, n, found[n]))
    for operand, gradient in zip(node.operands, RULES[node.op](at), strict=False):
        if gradient is not None and builder.nodes[operand].op != "constant":
            found.setdefault(operand, []).append(_summed(builder, operand, gradient))


def _summed(builder: Builder, operand: int, gradient: int) -> int:
    """A scalar that went with a vector collects the gradient of every element."""
    if builder.shape(operand) == () and builder.shape(gradient) != ():
        return builder.add("sum" if len(builder.shape(gradient)) == 1 else "sum_matrix", gradient)
    return gradient


def total(builder: Builder, index: int, gradients: list[int]) -> int:
    """The sum of the gradients that reached a value, in its shape, under the name d<value>."""
    whole = gradients[0]
    for other in gradients[1:]:
        whole = builder.add("add", whole, other)
    if builder.shape(whole) != builder.shape(index):
        whole = builder.add("spread", whole, index)
    node = builder.nodes[index]
    name = f"d{node.name}_prev" if node.op == "state" else f"d{node.name}"
    return builder.add("add", whole, builder.constant(0.0), name=name if node.name else "")


def interpret_adjoint(
    adjoint: Adjoint, leaves: Mapping[tuple[str, str], Any], seeds: Mapping[str, Any]
) -> dict[tuple[str, str], Any]:
    """The gradients of every leaf by (kind, name), on tensors: one sample, one step.

    Args:
        adjoint: what `derive` gave.
        leaves: values as in `interpret`.
        seeds: the gradient of each new state by name.
    """
    values: list[Any] = []
    given = {**leaves, **{("gradient", name): value for name, value in seeds.items()}}
    for node in adjoint.nodes:
        if node.op == "constant":
            like = next(iter(given.values()))
            values.append(like.new_full((), node.attribute("value")))
        elif node.op in ANY_LEAF:
            values.append(given[(node.op, node.name)])
        else:
            values.append(run_node(node, tuple(values[k] for k in node.operands)))
    return {(adjoint.nodes[leaf].op, adjoint.nodes[leaf].name): values[k] for leaf, k in adjoint.results}
