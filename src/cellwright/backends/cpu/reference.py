"""The same by torch operations, from the kernel's own arguments: for derivatives of derivatives. Floor 2."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from cellwright.backends import eager
from cellwright.backends.call import Call
from cellwright.backends.cpu.launch import Given, Kernel, feed_of
from cellwright.compiler.graph import Graph
from cellwright.compiler.plan import Plan, make_plan


def reference(k: Kernel, given: Given) -> tuple[Tensor, ...]:
    """y and the last states, as `launch.forward` computes them, differentiable any number of times."""
    hoisted, made = k.program.hoisted, k.program.recurrence
    values = dict(zip(k.inputs, given.inputs, strict=False))
    for block in made.blocks:
        whole = feed_of(k.program, block, given)
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
    )
    out = eager.run(_plan(hoisted.step), call)
    return (out.y, *(out.states[name] for name in k.states))


@lru_cache(maxsize=256)
def _plan(step: Graph) -> Plan:
    return make_plan(step)
