"""What leaves the loop over time: products of the input, done once for all T*B rows. Floor 1.

    outside   weights alone, and whatever a hoisted product reads: the tensor library's, derivatives too
    feeds     W @ x + b for every hoisted product: arrive in the loop as ready rows
    step      the rest, as a graph of its own whose inputs are the feeds: what a kernel computes at every step

To find the most to hoist, a product of a joined vector, W @ [h, x], is split, and a sum is regrouped so that
what knows no state stands together: (W x + b) + U h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cellwright.compiler.build import Builder
from cellwright.compiler.dims import ZERO
from cellwright.compiler.graph import Graph
from cellwright.compiler.plan import LEVELS
from cellwright.compiler.simplify import copy_node, simplify
from cellwright.compiler.verify import reachable

PRODUCTS = ("matmul", "blocks")


@dataclass(frozen=True)
class Feed:
    """One hoisted product; `matrix`, `operand` and `bias` are positions in the arranged graph."""

    name: str
    op: str
    matrix: int
    operand: int
    bias: int | None


@dataclass(frozen=True)
class Outside:
    """A value that the step reads as a leaf and that is computed before the loop."""

    name: str
    kind: str
    position: int


@dataclass(frozen=True)
class Hoisted:
    """`graph`: the whole step, arranged; `step`: what stays in the loop; `outside`: its leaves."""

    graph: Graph
    feeds: tuple[Feed, ...]
    outside: tuple[Outside, ...]
    step: Graph


def hoist(graph: Graph, feeds: bool = True) -> Hoisted:
    """Split a step into what is done once and what is done at every step.

    Without `feeds` the products of the input stay in the step: a live stream has one row at a time.
    """
    # Twice: what the first pass splits, the second regroups.
    arranged = simplify(_arrange(simplify(_arrange(simplify(graph)))))
    level = levels(arranged)
    return _cut(arranged, level, _feeds(arranged, level, _users(arranged)) if feeds else {})


def levels(graph: Graph) -> list[str]:
    """The level of every node: parameter, input or step."""
    level: list[str] = []
    for node in graph.nodes:
        own = {"input": "input", "state": "step"}.get(node.op, "parameter")
        level.append(max((level[k] for k in node.operands), key=LEVELS.index, default=own))
    return level


def _users(graph: Graph) -> list[list[int]]:
    users: list[list[int]] = [[] for _ in graph.nodes]
    for k, node in enumerate(graph.nodes):
        for o in node.operands:
            users[o].append(k)
    for k in graph.returns:
        users[k].append(-1)
    return users


def _arrange(graph: Graph) -> Graph:
    """Joined products split, sums regrouped by level."""
    builder, level, users = Builder(), levels(graph), _users(graph)
    place: dict[int, int] = {}
    for k, node in enumerate(graph.nodes):
        inner = node.op == "add" and not node.name and len(users[k]) == 1
        if inner and users[k][0] >= 0 and graph.nodes[users[k][0]].op == "add":
            continue
        if node.op == "add":
            place[k] = _regrouped(builder, graph, k, level, users, place)
        elif node.op == "matmul" and _joined(graph, node.operands[1], level):
            place[k] = _split(builder, graph, k, place)
        else:
            place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
    return replace(graph, nodes=tuple(builder.nodes), returns=tuple(place[k] for k in graph.returns))


def _terms(graph: Graph, k: int, users: list[list[int]], top: bool = True) -> list[int]:
    node = graph.nodes[k]
    if node.op == "add" and (top or (not node.name and len(users[k]) == 1)):
        return [t for o in node.operands for t in _terms(graph, o, users, False)]
    return [k]


def _regrouped(
    builder: Builder, graph: Graph, k: int, level: list[str], users: list[list[int]], place: dict[int, int]
) -> int:
    terms = _terms(graph, k, users)
    inputs = [t for t in terms if level[t] == "input"]
    fixed = [t for t in terms if level[t] == "parameter"]
    steps = [t for t in terms if level[t] == "step"]
    products = [t for t in inputs if graph.nodes[t].op in PRODUCTS]
    if products:
        whole = place[products[0]]
        if fixed:
            whole = builder.add("add", whole, _sum(builder, [place[t] for t in fixed]))
        rest = [place[t] for t in (*inputs, *steps) if t != products[0]]
    else:
        whole, *rest = [place[t] for t in (*inputs, *fixed, *steps)]
    node = graph.nodes[k]
    for index, other in enumerate(rest):
        last = index == len(rest) - 1
        whole = builder.add("add", whole, other, name=node.name if last else "", where=node.where)
    return whole if rest else builder.add("add", whole, builder.constant(0.0), name=node.name)


def _sum(builder: Builder, values: list[int]) -> int:
    whole = values[0]
    for other in values[1:]:
        whole = builder.add("add", whole, other)
    return whole


def _joined(graph: Graph, k: int, level: list[str]) -> bool:
    node = graph.nodes[k]
    return node.op == "concat" and len({level[o] == "step" for o in node.operands}) > 1


def _split(builder: Builder, graph: Graph, k: int, place: dict[int, int]) -> int:
    matrix, joined = graph.nodes[k].operands
    start, pieces = ZERO, []
    for vector in graph.nodes[joined].operands:
        size = graph.nodes[vector].shape[0]
        columns = builder.add("columns", place[matrix], start=str(start), size=str(size))
        pieces.append(builder.add("matmul", columns, place[vector]))
        start = start + size
    return _sum(builder, pieces)


def _feeds(graph: Graph, level: list[str], users: list[list[int]]) -> dict[int, Feed]:
    """By position of the value each feed stands for."""
    feeds: dict[int, Feed] = {}
    for k, node in enumerate(graph.nodes):
        if level[k] != "input" or node.op not in PRODUCTS:
            continue
        matrix, operand = node.operands
        bias, at = None, k
        if len(users[k]) == 1 and users[k][0] >= 0:
            user = graph.nodes[users[k][0]]
            others = [o for o in user.operands if o != k]
            fits = user.op == "add" and len(others) == 1 and level[others[0]] == "parameter"
            if fits and graph.nodes[others[0]].shape == node.shape:
                bias, at = others[0], users[k][0]
        feeds[at] = Feed(f"{_word(graph, matrix)}_{_word(graph, operand)}", node.op, matrix, operand, bias)
    return feeds


def _word(graph: Graph, k: int) -> str:
    return graph.nodes[k].name or f"v{k}"


def _cut(graph: Graph, level: list[str], feeds: dict[int, Feed]) -> Hoisted:
    builder = Builder()
    place: dict[int, int] = {}
    used: list[Feed] = []
    outside: list[Outside] = []
    for node in graph.states:
        builder.leaf("state", node.name, node.shape, node.where)

    def leaf(k: int, kind: str) -> int:
        node = graph.nodes[k]
        outside.append(Outside(_word(graph, k), kind, k))
        return builder.leaf(kind, _word(graph, k), node.shape, node.where)

    def demand(k: int) -> int:
        node = graph.nodes[k]
        if k in place:
            return place[k]
        if k in feeds:
            used.append(feeds[k])
            place[k] = builder.leaf("input", feeds[k].name, node.shape, node.where)
        elif node.op == "constant":
            place[k] = builder.constant(node.attribute("value"))
        elif level[k] == "parameter" or node.op == "input":
            place[k] = leaf(k, "input" if node.op == "input" else "parameter")
        else:
            place[k] = copy_node(builder, node, tuple(demand(o) for o in node.operands))
        return place[k]

    _in_order(graph, demand)
    step = replace(graph, nodes=tuple(builder.nodes), returns=tuple(place[k] for k in graph.returns))
    return Hoisted(graph, tuple(used), tuple(outside), step)


def _in_order(graph: Graph, demand: Callable[[int], int]) -> None:
    """Demand every value a result needs in the graph's own order: listings keep the equations' order."""
    step = levels(graph)
    for k in sorted(reachable(graph)):
        if step[k] == "step" and graph.nodes[k].op != "state":
            demand(k)
    for k in graph.returns:
        demand(k)
