"""Graphs derived from a cell's: states that hold or are dropped where matrices read them, bounds. Floor 4.

What comes out is a step like any other: verified, saved, shown, compiled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.hoist import PRODUCTS, levels
from cellwright.compiler.verify import verify

HOLD, DROP = "hold_", "drop_"


def held(graph: Graph, shares: Mapping[str, float], training: bool) -> Graph:
    """Zoneout: some values of a new state are the old ones.

        h_t = m * h_{t-1} + (1 - m) * h'_t

    h' is the step's own result. m is a further input `hold_h` while training; in evaluation it is its
    expectation, the number in `shares`.
    """
    nodes, returns = list(graph.nodes), list(graph.returns)
    taken = {n.name for n in nodes}

    def add(op: str, *operands: int, name: str = "") -> int:
        nodes.append(Node(op, operands, nodes[operands[-1]].shape, name))
        return len(nodes) - 1

    def number(value: float) -> int:
        nodes.append(Node("constant", (), (), "", (("value", value),)))
        return len(nodes) - 1

    for place, state in enumerate(graph.states):
        if not shares.get(state.name):
            continue
        old, new = graph.find(state.name, "state"), returns[place]
        if nodes[new].name == state.name and nodes[new].op != "state":
            nodes[new] = replace(nodes[new], name=unused(f"{state.name}_new", taken))
        if training:
            nodes.append(Node("input", (), state.shape, f"{HOLD}{state.name}"))
            share = len(nodes) - 1
        else:
            share = number(shares[state.name])
        kept = add("mul", share, old)
        rest = add("sub", number(1.0), share)
        returns[place] = add("add", kept, add("mul", rest, new), name=state.name)
    return _checked(replace(graph, name=f"{graph.name}_held", nodes=tuple(nodes), returns=tuple(returns)))


def unused(name: str, taken: set[str]) -> str:
    """The name, or the name with a number; taken from then on."""
    found, count = name, 1
    while found in taken:
        found, count = f"{name}_{count}", count + 1
    taken.add(found)
    return found


def dropped(graph: Graph) -> Graph:
    """Where a matrix in the loop reads a state, it reads `state * drop_state`, a further input.

    A state counts as read through elementwise operations too, U @ (r * h), but not through another product
    nor through a new state; what the equations do with the state elsewhere is left alone.
    """
    return _checked(_Dropping(graph).run())


def read_by_matrices(graph: Graph) -> tuple[str, ...]:
    """The states that `dropped` would drop."""
    return tuple(n.name.removeprefix(DROP) for n in _Dropping(graph).run().inputs if n.name.startswith(DROP))


def matrices_in_the_loop(graph: Graph) -> tuple[str, ...]:
    """The parameters that are, or make, a matrix that multiplies what depends on a state."""
    level, found = levels(graph), set()
    for node in graph.nodes:
        if node.op in PRODUCTS and level[node.operands[1]] == "step":
            todo = [node.operands[0]]
            while todo:
                k = todo.pop()
                found |= {k} if graph.nodes[k].op == "parameter" else set()
                todo += graph.nodes[k].operands
    return tuple(graph.nodes[k].name for k in sorted(found))


def sums_of_products(graph: Graph) -> tuple[int, ...]:
    """The positions of the sums that hold a product with what depends on a state: the inputs of the gates."""
    level = levels(graph)
    users: list[list[int]] = [[] for _ in graph.nodes]
    for k, node in enumerate(graph.nodes):
        for o in node.operands:
            users[o].append(k)
    found: list[int] = []
    for k, node in enumerate(graph.nodes):
        if node.op in PRODUCTS and level[node.operands[1]] == "step":
            while len(users[k]) == 1 and graph.nodes[users[k][0]].op == "add":
                k = users[k][0]
            found.append(k)
    return tuple(sorted(set(found)))


def clipped(graph: Graph, limit: float, positions: Collection[int]) -> Graph:
    """The gradients of the values computed at these positions stay within +-limit on the way back."""
    nodes: list[Node] = []
    place: list[int] = []
    for k, node in enumerate(graph.nodes):
        nodes.append(replace(node, operands=tuple(place[o] for o in node.operands)))
        if k in positions and node.operands:
            nodes[-1] = replace(nodes[-1], name="")
            bound = (("limit", limit),)
            nodes.append(replace(node, op="clip_gradient", operands=(len(nodes) - 1,), attributes=bound))
        place.append(len(nodes) - 1)
    returns = tuple(place[k] for k in graph.returns)
    return _checked(replace(graph, name=f"{graph.name}_clipped", nodes=tuple(nodes), returns=returns))


class _Dropping:
    """A graph written anew, with a second copy of what matrices read of the states."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.place: dict[int, int] = {}
        self.reading: dict[int, int] = {}

    def run(self) -> Graph:
        for k, node in enumerate(self.graph.nodes):
            operands = tuple(self.place[o] for o in node.operands)
            if node.op in PRODUCTS:
                operands = (operands[0], self._read(node.operands[1]))
            self.place[k] = self._add(replace(node, operands=operands))
        returns = tuple(self.place[k] for k in self.graph.returns)
        return replace(
            self.graph, name=f"{self.graph.name}_dropped", nodes=tuple(self.nodes), returns=returns
        )

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _read(self, k: int) -> int:
        """The value at k as a matrix reads it."""
        if k not in self.reading:
            self.reading[k] = self._copied(k, self.graph.nodes[k])
        return self.reading[k]

    def _copied(self, k: int, node: Node) -> int:
        if node.op == "state":
            mask = self._add(Node("input", (), node.shape, f"{DROP}{node.name}"))
            return self._add(Node("mul", (self.place[k], mask), node.shape))
        if not node.operands or node.op in PRODUCTS or k in self.graph.returns:
            return self.place[k]
        operands = tuple(self._read(o) for o in node.operands)
        if operands == tuple(self.place[o] for o in node.operands):
            return self.place[k]
        return self._add(replace(node, operands=operands, name=""))


def _checked(graph: Graph) -> Graph:
    verify(graph)
    return graph
