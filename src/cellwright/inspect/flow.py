"""How the gradient comes back through time: its length by step and by path. Floor 5."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor

from cellwright.compiler.graph import Graph
from cellwright.errors import ShapeError
from cellwright.inspect.inside import Trained, opened
from cellwright.inspect.unroll import Unrolled, equation, leaves, moving, unroll
from cellwright.nn.layer import Layer

Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Read:
    """A state as an equation may read it: its name, its place in the graph, from the step before or new."""

    name: str
    place: int
    earlier: bool


@torch.enable_grad()
def gradient_flow(
    layer: Layer | Trained,
    x: Tensor | str,
    state: Mapping[str, Tensor] | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    loss: Loss | None = None,
    at: int = 0,
    reverse: bool = False,
) -> pl.DataFrame:
    """|dL/dh_t|, and the same of every other state, by time step and by the path it came back on.

    Args:
        layer, x, state, lengths, at, reverse: as in `record`.
        loss: from y [T, B, D*H] to L, a number; without it L is the sum of each sequence's last output,
            or what the estimator's network says.

    Returns:
        One row for each step, in the order of x: `step`, then `h`, `c`, ...: the length of the gradient of L
        with respect to that state after that step (the mean over the sequences that have the step), then
        `h via f`, ...: of the part of it that came through the equation of f. The parts, and what L itself
        asks of h_t, add up as vectors to the whole; their lengths do not.

    Raises:
        SettingError: no such layer or direction. ShapeError: x does not fit; the loss is not one number.

    >>> import cellwright as cw
    >>> flow = gradient_flow(cw.nn.Recurrent("lstm", 3, 4), torch.zeros(5, 2, 3))
    >>> flow.columns
    ['step', 'h', 'c', 'h via i', 'h via f', 'h via g', 'h via o', 'c via c', 'c via h']
    """
    layer, x, read = opened(layer, x)
    y, seen = unroll(layer, x, state, lengths, at=at, reverse=reverse)
    said = loss if loss is not None or read is None else lambda y: read(y).sum()
    whole, paths = _gradients(seen, _length_of(y, said, lengths))
    real = seen.real()
    columns = {name: _lengths(seen, grad, real) for name, grad in whole.items()}
    columns |= {f"{state} via {by}": _lengths(seen, part, real) for (state, by), part in paths.items()}
    return pl.DataFrame({"step": range(seen.steps), **columns})


def _length_of(y: Tensor, loss: Loss | None, lengths: Tensor | Sequence[int] | None) -> Tensor:
    """L."""
    if loss is None:
        return _last_outputs(y, lengths).sum()
    value = loss(y)
    if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
        got = f"shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ShapeError("the loss is not one number of y", got=got, expected="a scalar that depends on y")
    return value.reshape(())


def _last_outputs(y: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor:
    if lengths is None:
        return y[-1]
    ends = torch.as_tensor(lengths, device=y.device).long()
    kept = ends > 0
    return y[ends[kept] - 1, torch.arange(y.shape[1], device=y.device)[kept]]


def _gradients(seen: Unrolled, value: Tensor) -> tuple[dict[str, Tensor], dict[tuple[str, str], Tensor]]:
    """The gradient of every state [T, B, size] by name, and its parts by (state, named value)."""
    graph, names, states = seen.graph, list(moving(seen.graph)), [s.name for s in seen.graph.states]
    wanted = [s[name] for s in seen.states[1:] for name in states]
    wanted += [v[name] for v in seen.values for name in names]
    found = torch.autograd.grad(value, wanted, allow_unused=True, materialize_grads=True)
    cut = seen.steps * len(states)
    carried = {name: torch.stack(found[k : cut : len(states)]) for k, name in enumerate(states)}
    of_values = {name: torch.stack(found[cut + k :: len(names)]) for k, name in enumerate(names)}
    # A new state may be read within its own step too (h_t reads c_t): the value's gradient has both.
    new = {s.name: graph.nodes[k] for s, k in zip(graph.states, graph.returns, strict=True)}
    whole = {s: carried[s] if node.op == "state" else of_values[node.name] for s, node in new.items()}
    return whole, _parts(seen, carried, of_values)


def _parts(
    seen: Unrolled, carried: Mapping[str, Tensor], of_values: Mapping[str, Tensor]
) -> dict[tuple[str, str], Tensor]:
    """What came back to each state [T, B, size] through each equation that reads it; all steps at once.

    The next step's gates read h_t, its equation of c reads c_t; the same step's h reads c_t as well.
    """
    graph, rows, reads = seen.graph, _rows(seen), _reads(seen.graph)
    parts: dict[tuple[str, str], Tensor] = {}
    for name, k in moving(graph).items():
        result = equation(graph, k, rows)
        if not result.requires_grad:
            continue
        own = [read for read in reads if read.place != k]
        given = of_values[name].flatten(0, 1)
        passed = torch.autograd.grad(result, [rows[read.place] for read in own], given, allow_unused=True)
        for read, part in zip(own, passed, strict=True):
            if part is not None:
                _add(parts, (read.name, name), part.view(seen.steps, -1, part.shape[-1]), read.earlier)
    for state, k in zip(graph.states, graph.returns, strict=True):
        if graph.nodes[k].op == "state":
            _add(parts, (graph.nodes[k].name, state.name), carried[state.name], True)
    order = [state.name for state in graph.states]
    return {pair: parts[pair] for pair in sorted(parts, key=lambda pair: order.index(pair[0]))}


def _reads(graph: Graph) -> list[_Read]:
    old = [_Read(node.name, k, True) for k, node in graph.leaves("state")]
    new = [_Read(state.name, k, False) for state, k in zip(graph.states, graph.returns, strict=True)]
    return old + [read for read in new if graph.nodes[read.place].op != "state"]


def _add(parts: dict[tuple[str, str], Tensor], pair: tuple[str, str], part: Tensor, earlier: bool) -> None:
    """What a step passes to the states before it belongs to the row of the step before."""
    part = torch.cat([part[1:], torch.zeros_like(part[:1])]) if earlier else part
    parts[pair] = parts[pair] + part if pair in parts else part


def _rows(seen: Unrolled) -> dict[int, Any]:
    """All that equations read, by its place in the graph; steps and sequences are one axis, [T*B, size].

    The states, before and after the step, are leaves to ask gradients of.
    """
    graph = seen.graph
    given = leaves(graph, seen.call, seen.call.x, seen.before(), slice(None))
    rows: dict[int, Any] = {}
    for k, node in enumerate(graph.nodes):
        if node.op == "constant":
            rows[k] = node.attribute("value")
        elif (node.op, node.name) in given:
            value = given[(node.op, node.name)].detach()
            rows[k] = value if node.op == "parameter" else value.flatten(0, 1)
    steady = graph.named.keys() - moving(graph).keys()
    for name, k in graph.named.items():
        values = [v[name].detach() for v in seen.values]
        wide = (seen.call.x.shape[1], -1)
        rows[k] = values[0] if name in steady else torch.cat([v.expand(wide) for v in values])
    for read in _reads(graph):
        rows[read.place] = rows[read.place].clone().requires_grad_()
    return rows


def _lengths(seen: Unrolled, vectors: Tensor, real: Tensor) -> list[float]:
    """The mean over sequences of the lengths of vectors [T, B, size], by step in the order of x."""
    return seen.means(torch.linalg.vector_norm(vectors.detach().double(), dim=-1), real)
