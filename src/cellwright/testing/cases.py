"""What a cell is checked on: cases, random calls, the text as the oracle. Floor 6."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.backends.call import Call, Outcome
from cellwright.compiler.graph import Node
from cellwright.compiler.trace import Cell


@dataclass(frozen=True)
class Case:
    """Sizes of one comparison."""

    name: str
    steps: int
    batch: int
    inputs: int
    hidden: int
    lengths: tuple[int, ...] | None = None
    strided: bool = False


# H is a multiple of a vector or a prime; `strided` hands over tensors that are views of larger ones. I = 1 is
# left out: LN(W x) of one number does not change with its size, so its dx is rounding noise in any backend.
CASES = (
    Case("plain", 6, 3, 4, 8),
    Case("ragged", 6, 4, 3, 8, (6, 1, 0, 4)),
    Case("one step, one sample", 1, 1, 2, 8),
    Case("prime sizes", 5, 7, 3, 17),
    Case("strided", 4, 5, 3, 16, None, True),
    Case("no sample", 3, 0, 2, 8),
    Case("no step", 0, 2, 3, 8),
)
LONG = Case("1,100 steps", 1100, 2, 2, 8)


def draw(
    cell: Cell, case: Case, dtype: torch.dtype, hidden: int | None = None, seed: int = 0, device: str = "cpu"
) -> Call:
    """Random input, states and weights, all asking for gradients; the same numbers everywhere."""
    generator = torch.Generator().manual_seed(seed)
    sizes = {"H": hidden or case.hidden, "I": case.inputs}

    def tensor(*shape: int) -> Tensor:
        wide = torch.randn(*shape, 2 if case.strided else 1, generator=generator, dtype=torch.float64)
        return (0.5 * wide).to(device, dtype)[..., 0].requires_grad_()

    shapes = {n.name: [d.evaluate(sizes) for d in n.shape] for n in cell.graph.nodes if n.op != "constant"}
    feeds = {n.name: tensor(case.steps, case.batch, *(shapes[n.name] or [1])) for n in cell.graph.inputs}
    states = {n.name: tensor(case.batch, *(shapes[n.name] or [1])) for n in cell.graph.states}
    weights = {n.name: tensor(*shapes[n.name]) for n in cell.graph.parameters}
    first, *others = cell.graph.inputs
    lengths = None if case.lengths is None else torch.tensor(case.lengths, device=device)
    return Call(feeds[first.name], states, weights, lengths, {n.name: feeds[n.name] for n in others} or None)


def by_the_text(cell: Cell, call: Call) -> Outcome:
    """The oracle: the cell's own function, one sample at a time, one step after the other."""
    graph = cell.graph
    lengths = [call.x.shape[0]] * call.x.shape[1] if call.lengths is None else call.lengths.tolist()
    feeds = {graph.inputs[0].name: call.x, **(call.extra or {})}
    names = [n.name for n in graph.states]
    outputs, finals = [], []
    for sample, real in enumerate(lengths):
        state = [
            call.states[n.name][sample] if n.shape else call.states[n.name][sample, 0] for n in graph.states
        ]
        rows = []
        for t in range(call.x.shape[0]):
            if t < real:
                now = dict(zip(names, state, strict=True))
                now |= {n.name: _of(feeds[n.name][t, sample], n) for n in graph.inputs}
                new = cell(*(now[n.name] for n in graph.flow), **call.weights)
                state = list(new) if isinstance(new, tuple) else [new]
            rows.append(state[0] if t < real else torch.zeros_like(state[0]))
        outputs.append(torch.stack(rows) if rows else call.x.new_zeros(0, state[0].numel()))
        finals.append([value.reshape(-1) for value in state])
    states = {name: torch.stack([f[k] for f in finals]) for k, name in enumerate(names)}
    return Outcome(torch.stack(outputs, 1), states, {})


def _of(value: Tensor, node: Node) -> Tensor:
    """A sample's value as the text sees it: a scalar of the equations has no axis."""
    return value if node.shape else value[0]


def leaves(call: Call) -> list[Tensor]:
    """Every tensor of a call that has a gradient: inputs, states, weights."""
    return [call.x, *(call.extra or {}).values(), *call.states.values(), *call.weights.values()]


def everything(out: Outcome, call: Call) -> dict[str, Tensor]:
    """The values of a run, and the gradient of a fixed random loss of them for every leaf, by name."""
    generator = torch.Generator().manual_seed(1)
    loss = call.x.new_zeros(())
    for value in (out.y, *out.states.values()):
        weight = torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        loss = loss + (value * weight).sum()
    found = torch.autograd.grad(loss, leaves(call), allow_unused=True, materialize_grads=True)
    names = ["x", *(call.extra or {}), *call.states, *call.weights]
    gradients = {f"d{name}": value for name, value in zip(names, found, strict=True)}
    return {"y": out.y, **{f"last {k}": v for k, v in out.states.items()}, **gradients}
