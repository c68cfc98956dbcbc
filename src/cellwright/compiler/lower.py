"""Nodes in the operations a kernel has: softmax and layer norm written out, products gathered. Floor 1.

`matmul_sum(M1, v1, M2, v2, ...)` is a sum of products with the same result: one product over all their terms.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.compiler.build import Builder
from cellwright.compiler.graph import Node
from cellwright.compiler.rules import At, layer_norm_deviation
from cellwright.compiler.simplify import copy_node, needed


@dataclass(frozen=True)
class Lowered:
    """`place[k]` is where the k-th value of the given list now is."""

    nodes: tuple[Node, ...]
    place: dict[int, int]


def lower(nodes: tuple[Node, ...], results: tuple[int, ...]) -> Lowered:
    """Write out what kernels do not have, keep what the results need."""
    first = _written_out(nodes, needed(nodes, results))
    second = _gathered(first.nodes, tuple(first.place[k] for k in results))
    return Lowered(second.nodes, {k: second.place[v] for k, v in first.place.items() if v in second.place})


def _written_out(nodes: tuple[Node, ...], alive: frozenset[int]) -> Lowered:
    builder = Builder()
    place: dict[int, int] = {}
    for k, node in enumerate(nodes):
        if k not in alive:
            continue
        operands = tuple(place[o] for o in node.operands)
        write = _LONGHAND.get(node.op)
        if write is None:
            place[k] = copy_node(builder, node, operands)
        else:
            at = At(builder, -1, operands, -1)
            place[k] = write(at, node)
    return Lowered(tuple(builder.nodes), place)


def _softmax(at: At, node: Node) -> int:
    powers = at("exp", at("sub", at.of[0], at("max", at.of[0])))
    return at("div", powers, at("sum", powers), name=node.name, where=node.where)


def _layer_norm(at: At, node: Node) -> int:
    (v,) = at.of
    deviation = layer_norm_deviation(at, v, node.attribute("eps"))
    return at("div", at("sub", v, at("mean", v)), deviation, name=node.name, where=node.where)


def _pow(at: At, node: Node) -> int:
    base, exponent = at.of
    value = at.builder.nodes[exponent]
    number = value.attribute("value") if value.op == "constant" else None
    if number == 2.0:
        return at("mul", base, base, name=node.name)
    if number == 0.5:
        return at("sqrt", base, name=node.name)
    if number == -1.0:
        return at("div", 1.0, base, name=node.name)
    return at("pow", base, exponent, name=node.name, where=node.where)


_LONGHAND = {"softmax": _softmax, "layer_norm": _layer_norm, "pow": _pow}


def _gathered(nodes: tuple[Node, ...], results: tuple[int, ...]) -> Lowered:
    alive = needed(nodes, results)
    users: dict[int, list[int]] = {k: [] for k in alive}
    for k in alive:
        for o in nodes[k].operands:
            users[o].append(k)
    for k in results:
        users[k].append(-1)
    builder = Builder()
    place: dict[int, int] = {}
    for k in sorted(alive):
        node = nodes[k]
        if node.op == "matmul":
            if _single(nodes, users, k) is None:
                place[k] = builder.add("matmul_sum", *(place[o] for o in node.operands), name=node.name)
        elif node.op == "add":
            if node.name or _single(nodes, users, k) is None:
                place[k] = _sum_of(builder, nodes, k, users, place)
        else:
            place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
    return Lowered(tuple(builder.nodes), place)


def _single(nodes: tuple[Node, ...], users: dict[int, list[int]], k: int) -> int | None:
    """The one sum that reads this value, if nothing else does."""
    if len(users[k]) == 1 and users[k][0] >= 0 and nodes[users[k][0]].op == "add" and not nodes[k].name:
        same = nodes[users[k][0]].shape == nodes[k].shape
        return users[k][0] if same else None
    return None


def _sum_of(
    builder: Builder, nodes: tuple[Node, ...], k: int, users: dict[int, list[int]], place: dict[int, int]
) -> int:
    terms: list[int] = []
    todo = [*reversed(nodes[k].operands)]
    while todo:
        t = todo.pop()
        if nodes[t].op == "add" and not nodes[t].name and _single(nodes, users, t) is not None:
            todo.extend(reversed(nodes[t].operands))
        else:
            terms.append(t)
    alone = [t for t in terms if nodes[t].op == "matmul" and t not in place]
    values = [place[t] for t in terms if t not in alone]
    if alone:
        values.append(builder.add("matmul_sum", *(place[o] for t in alone for o in nodes[t].operands)))
    whole = values[0]
    for index, other in enumerate(values[1:]):
        name = nodes[k].name if index == len(values) - 2 else ""
        whole = builder.add("add", whole, other, name=name, where=nodes[k].where)
    if len(values) == 1:
        whole = builder.add("add", whole, builder.constant(0.0), name=nodes[k].name)
    return whole
