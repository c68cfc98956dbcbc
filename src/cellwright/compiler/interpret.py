"""The slow interpreter: what a graph means, one node after the other. Floor 1.

With tensors it computes one sample, one step through `ops`' tensor column; a backend passes its own `run` to
compute whole batches. Other rooms are checked against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.words import apply

Run = Callable[[Node, tuple[Any, ...]], Any]


def run_node(node: Node, operands: tuple[Any, ...]) -> Any:
    """One operation on tensors or numbers."""
    return apply(node.op, *operands, **dict(node.attributes))


def interpret(graph: Graph, leaves: Mapping[tuple[str, str], Any], run: Run = run_node) -> list[Any]:
    """Compute every node.

    Args:
        graph: one step of a cell.
        leaves: values by (kind, name): `("input", "x")`, `("state", "h")`, `("parameter", "W")`.
        run: how one operation is computed.

    Returns:
        One value per node, in the graph's order.
    """
    values: list[Any] = []
    for node in graph.nodes:
        if node.op == "constant":
            values.append(node.attribute("value"))
        elif not node.operands and (node.op, node.name) in leaves:
            values.append(leaves[(node.op, node.name)])
        else:
            values.append(run(node, tuple(values[k] for k in node.operands)))
    return values
