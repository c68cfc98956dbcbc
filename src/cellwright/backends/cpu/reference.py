"""The same by torch operations, from the kernel's own arguments: for derivatives of derivatives. Floor 2."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from cellwright.backends import eager
from cellwright.backends.call import Call
from cellwright.backends.cpu.emit import Program
from cellwright.backends.cpu.launch import Given, Kernel
from cellwright.compiler.graph import Graph
from cellwright.compiler.places import FeedBlock
from cellwright.compiler.plan import Plan, make_plan


def reference(k: Kernel, given: Given) -> tuple[Tensor, ...]:
    """y and the last states, as `launch.forward` computes them, differentiable any number of times."""
    hoisted, made = k.program.hoisted, k.program.recurrence
    values = dict(zip(k.inputs, given.inputs, strict=False))
    for block in made.blocks:
        whole = _feed_of(k.program, block, given)
        sizes = [
            given.matrices[f].shape[0] if given.matrices[f].dim() == 2 else whole.shape[-1]
            for f in block.feeds
        ]
        pieces = whole.split(sizes, -1)  # type: ignore[no-untyped-call]
        values |= {hoisted.feeds[f].name: v for f, v in zip(block.feeds, pieces, strict=True)}
    first = hoisted.step.inputs[0].name
    call = Call(
        values.pop(first),
        dict(zip(k.states, given.starts, strict=False)),
        dict(zip(k.weights, given.weights, strict=False)),
        given.lengths,
        values,
        resets=given.resets,
        fresh=dict(zip(k.states, given.fresh, strict=True)) if given.fresh else None,
    )
    out = eager.run(_plan(hoisted.step), call)
    return (out.y, *(out.states[name] for name in k.states))


@lru_cache(maxsize=256)
def _plan(step: Graph) -> Plan:
    return make_plan(step)


def _feed_of(program: Program, block: FeedBlock, given: Given) -> Tensor:
    """All products of one operand at once: [T, B, K] -> [T, B, width]."""
    place = [b.array for b in program.recurrence.blocks].index(block.array)
    operand = given.operands[place]
    steps, batch, _ = operand.shape
    matrices = [given.matrices[f] for f in block.feeds]
    biases = [given.biases[f] for f in block.feeds]
    rows = operand.reshape(steps * batch, -1)
    if matrices[0].dim() == 3:
        feed = torch.einsum("npq,rnq->rnp", matrices[0], rows.reshape(-1, *matrices[0].shape[::2])).flatten(1)
        feed = feed if biases[0] is None else feed + biases[0]
    elif all(b is None for b in biases):
        feed = rows @ _joined(matrices).T
    else:
        pairs = zip(biases, matrices, strict=True)
        whole = [m.new_zeros(m.shape[0]) if b is None else b for b, m in pairs]
        feed = torch.addmm(_joined(whole), rows, _joined(matrices).T)
    return feed.view(steps, batch, -1)


def _joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat(tensors) if len(tensors) > 1 else tensors[0]
