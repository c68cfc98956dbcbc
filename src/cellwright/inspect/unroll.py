"""One recurrent layer step by step under autograd: every named value and state stays within reach. Floor 5.

The other layers run on their backends, so the gradient that arrives is that of the whole stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from cellwright.backends.call import Call, Outcome
from cellwright.backends.eager import batched
from cellwright.compiler.graph import LEAVES, Graph
from cellwright.compiler.interpret import interpret
from cellwright.compiler.plan import make_plan
from cellwright.errors import SettingError, ShapeError
from cellwright.nn.layer import Layer
from cellwright.nn.shapes import reversed_steps
from cellwright.runtime.choose import execute

States = dict[str, Tensor]


@dataclass(frozen=True)
class Unrolled:
    """One layer in one direction, in the order in which it read.

    Attributes:
        graph: the cell's.
        call: what the layer was handed; zeros in the padding.
        states: before the first step, then after every step (T + 1 of them), [B, size] by name.
        values: what the equations name at every step, [B, size] by name.
        turned: whether the layer read backwards.
    """

    graph: Graph
    call: Call
    states: list[States]
    values: list[States]
    turned: bool

    @property
    def steps(self) -> int:
        """T."""
        return len(self.values)

    def real(self) -> Tensor:
        """True where a step is one of the sequence, [T, B]."""
        mask = self.call.mask()
        if mask is None:
            return torch.ones(self.call.x.shape[:2], dtype=torch.bool, device=self.call.x.device)
        return mask.squeeze(-1)

    def before(self) -> States:
        """The states before every step, [T, B, size] by name."""
        return {s.name: torch.stack([past[s.name] for past in self.states[:-1]]) for s in self.graph.states}

    def means(self, values: Tensor, real: Tensor) -> list[float]:
        """The mean of values [T, B] over the sequences that have the step, in the order of x."""
        total = torch.stack([values.masked_fill(~real, 0.0), real.to(values)], -1)
        total = reversed_steps(total, self.call.lengths) if self.turned else total
        over, count = total.sum(1).unbind(-1)
        found: list[float] = (over / count.clamp_min(1)).tolist()
        return found


def need_part(layer: Layer, at: int, reverse: bool) -> None:
    """Refuse what is no layer, and a part that the layer does not have."""
    if not isinstance(layer, Layer):
        raise SettingError(
            "this is no recurrent layer", got=type(layer).__name__, expected="a layer of cellwright.nn"
        )
    if not 0 <= at < layer.num_layers or (reverse and not layer.bidirectional):
        raise SettingError(
            "the layer has no such part",
            got=f"layer {at}{', reverse' if reverse else ''}",
            expected=f"layers 0 to {layer.num_layers - 1}, {layer.directions} direction(s)",
        )


def time_first(layer: Layer, x: Tensor) -> Tensor:
    """x as [T, B, I]: [T, I] is one sequence, [B, T, I] what a layer with batch_first takes.

    Raises:
        ShapeError: there is not one step, or not one sequence.
    """
    x = x.unsqueeze(1) if x.dim() == 2 else x.transpose(0, 1) if layer.batch_first and x.dim() == 3 else x
    if 0 in x.shape[:2]:
        raise ShapeError("there is nothing to look at", got=f"shape {list(x.shape)}", expected="a step")
    return x


def unroll(
    layer: Layer,
    x: Tensor,
    state: Mapping[str, Tensor] | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    at: int = 0,
    reverse: bool = False,
) -> tuple[Tensor, Unrolled]:
    """Run the whole stack on x [T, B, I], one part of it step by step.

    Returns:
        y [T, B, D*H] with its autograd graph, and the part.
    """
    need_part(layer, at, reverse)
    part = at * layer.directions + int(reverse)
    done: list[Unrolled | None] = []

    def run(graph: Graph, call: Call) -> Outcome:
        unrolled = None
        if len(done) == part:
            outcome, unrolled = _carried(graph, call, reverse)
        else:
            outcome = execute(graph, call, layer.backend)
        done.append(unrolled)
        return outcome

    with torch.enable_grad(), still(layer):
        y, _, _ = layer.run(time_first(layer, x).detach(), state, lengths, execute=run)
    seen = done[part]
    assert seen is not None
    return y, seen


@contextmanager
def still(network: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while: dropout would be seen for what the network does."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _carried(graph: Graph, call: Call, turned: bool) -> tuple[Outcome, Unrolled]:
    """The loop over time in plain torch; the states are new tensors at every step, to ask gradients of."""
    mask = call.mask()
    if mask is not None:
        # What stands in the padding (it may be NaN) must reach neither a value nor a gradient.
        call = replace(call, x=call.x.masked_fill(~mask, 0.0))
    states = {name: value.detach().clone().requires_grad_() for name, value in call.states.items()}
    before, values = [states], []
    for t, x in enumerate(call.x):
        found = interpret(graph, leaves(graph, call, x, states, t), run=batched)
        values.append({name: found[k] for name, k in graph.named.items()})
        new = {s.name: found[k] for s, k in zip(graph.states, graph.returns, strict=True)}
        real = None if mask is None else mask[t]
        states = {name: _after(value, states[name], real) for name, value in new.items()}
        before.append(states)
    first = graph.states[0].name
    y = torch.stack([s[first] for s in before[1:]])
    y = y if mask is None else y.masked_fill(~mask, 0.0)
    return Outcome(y, states, {}), Unrolled(graph, call, before, values, turned)


def _after(new: Tensor, old: Tensor, real: Tensor | None) -> Tensor:
    """The new state as a tensor of its own, though one node may be two states; the old one past the end."""
    shaped = new.expand_as(old)
    return shaped.view_as(shaped) if real is None else torch.where(real, shaped, old)


def leaves(
    graph: Graph, call: Call, x: Tensor, states: Mapping[str, Tensor], t: int | slice
) -> dict[tuple[str, str], Any]:
    """What one step reads, by kind and name."""
    given: dict[tuple[str, str], Any] = {("parameter", name): w for name, w in call.weights.items()}
    given |= {("state", name): value for name, value in states.items()}
    given |= {("input", name): value[t] for name, value in (call.extra or {}).items()}
    return given | {("input", graph.inputs[0].name): x}


def moving(graph: Graph) -> dict[str, int]:
    """The named values that change from step to step; the rest depends on weights alone."""
    plan = make_plan(graph, tuple(graph.named))
    return {name: k for name, k in graph.named.items() if plan.level[k] != "parameter"}


def equation(graph: Graph, index: int, known: Mapping[int, Any]) -> Any:
    """One equation computed from what stands in it: the other named values are taken from `known`."""
    done: dict[int, Any] = {}

    def value(k: int) -> Any:
        if k != index and k in known:
            return known[k]
        if k not in done:
            node = graph.nodes[k]
            assert node.op not in LEAVES, node
            done[k] = batched(node, tuple(value(o) for o in node.operands))
        return done[k]

    return value(index)
