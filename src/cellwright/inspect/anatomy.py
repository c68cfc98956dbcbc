"""Every number of a step: the terms of the equations, not only the values they name. Floor 5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cellwright.backends.call import Call, Outcome
from cellwright.backends.eager import batched
from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.interpret import interpret
from cellwright.compiler.ops import OPS
from cellwright.compiler.show import lines
from cellwright.inspect.unroll import leaves, need_part, still, time_first, unroll
from cellwright.nn.layer import Layer
from cellwright.nn.shapes import reversed_steps
from cellwright.runtime.choose import execute


@dataclass(frozen=True)
class Equation:
    """One equation cut at its terms.

    Attributes:
        name: of the value it gives.
        place: of that value in the graph.
        pieces: its right side: texts, and between them the places of terms.
    """

    name: str
    place: int
    pieces: tuple[str | int, ...]


@dataclass(frozen=True)
class Anatomy:
    """A run through one part of a layer.

    Attributes:
        graph: the cell's.
        equations: in order.
        terms: how each term is written, by its place in the graph.
        values: of every term and named value by its place, [T, B, size]; weights are [size].
        state: of all parts after the last step, to go on from.
    """

    graph: Graph
    equations: tuple[Equation, ...]
    terms: Mapping[int, str]
    values: Mapping[int, Tensor]
    state: Mapping[str, Tensor]


@torch.no_grad()
def anatomy(
    layer: Layer, x: Tensor, state: Mapping[str, Tensor] | None = None, *, at: int = 0, reverse: bool = False
) -> Anatomy:
    """Run a layer and compute every term of one part's equations at every step.

    Args:
        layer, x, state, at, reverse: as in `record`.

    Raises:
        SettingError: no such layer or direction. ShapeError: x does not fit.

    >>> import cellwright as cw
    >>> found = anatomy(cw.nn.Recurrent("elman", 3, 4), torch.zeros(5, 1, 3))
    >>> [found.terms.get(p, p) for p in found.equations[0].pieces]
    ['tanh(', 'W x_t', ' + ', 'U h_{t-1}', ' + ', 'b', ')']
    """
    need_part(layer, at, reverse)
    graph, part = layer.frame.cells[at].graph, at * layer.directions + int(reverse)
    calls: list[tuple[Call, Outcome]] = []

    def run(own: Graph, call: Call) -> Outcome:
        call = replace(call, record=tuple(own.named)) if len(calls) == part else call
        outcome = execute(own, call, layer.backend)
        calls.append((call, outcome))
        return outcome

    with still(layer):
        _, after, _ = layer.run(time_first(layer, x), state, execute=run)
    call, outcome = calls[part]
    if any(graph.nodes[k].op == "state" for k in graph.returns):
        # A state that is only passed on has no name to be recorded by.
        before = unroll(layer, x, state, at=at, reverse=reverse)[1].before()
    else:
        before = {s.name: _before(call.states[s.name], outcome.recorded[s.name]) for s in graph.states}
    equations, terms = cut(graph)
    values = _values(graph, call, before, {*terms, *graph.named.values()})
    if reverse:
        values = {k: reversed_steps(v, None) if v.dim() == 3 else v for k, v in values.items()}
    return Anatomy(graph, equations, terms, values, after)


def _before(start: Tensor, after: Tensor) -> Tensor:
    """The states before every step, from those after it."""
    return torch.cat([start.unsqueeze(0), after[:-1].expand(-1, *start.shape)])


def _values(graph: Graph, call: Call, before: Mapping[str, Tensor], wanted: set[int]) -> dict[int, Tensor]:
    """The wanted values, of all steps at once."""
    steps, batch = call.x.shape[:2]
    given = leaves(graph, call, call.x, before, slice(None))
    given = {key: v if key[0] == "parameter" else v.flatten(0, 1) for key, v in given.items()}
    found = interpret(graph, given, run=batched)
    values: dict[int, Tensor] = {}
    for k in wanted:
        value: Tensor = found[k].detach()
        moves = value.dim() == 2 and len(value) == steps * batch
        values[k] = value.reshape(steps, batch, -1) if moves else value.reshape(-1)
    return values


_MARK = re.compile(r"§(\d+)§(?:_\{t-1\}|_t)?")


def cut(graph: Graph) -> tuple[tuple[Equation, ...], dict[int, str]]:
    """The equations cut at their terms, and how every term is written.

    A term is what an element of the result can be computed from: an input, a state, a weight vector, another
    named value, or all of a product, a norm, a mean.
    """
    marked = Graph(graph.name, tuple(_marked(k, node) for k, node in enumerate(graph.nodes)), graph.returns)
    right = {k: text for _, text, k in lines(marked)}

    def written(k: int) -> str:
        node = graph.nodes[k]
        if node.op == "parameter":
            return node.name
        if node.op == "state":
            return f"{node.name}_{{t-1}}"
        if node.name:
            return f"{node.name}_t"
        return _MARK.sub(lambda found: written(int(found[1])), right[k])

    equations = []
    for name, k in graph.named.items():
        whole = OPS[graph.nodes[k].op].kind != "pointwise"
        equations.append(Equation(name, k, (k,) if whole else _pieces(right[k])))
    terms = {piece for equation in equations for piece in equation.pieces if isinstance(piece, int)}
    return tuple(equations), {k: written(k) for k in sorted(terms)}


def _marked(k: int, node: Node) -> Node:
    """The node under a name that is found again in a text; pieces of expressions stay without one."""
    named = node.name or (node.operands and OPS[node.op].kind != "pointwise")
    return replace(node, name=f"§{k}§" if named and node.op != "constant" else "")


def _pieces(text: str) -> tuple[str | int, ...]:
    """The text, each mark in it as the place that it stands for."""
    pieces: list[str | int] = []
    end = 0
    for found in _MARK.finditer(text):
        pieces += [text[end : found.start()], int(found[1])]
        end = found.end()
    return tuple(piece for piece in (*pieces, text[end:]) if piece != "")
