"""The recurrence as a function that torch can differentiate. Floor 2.

The way back is the emitted one; where a derivative of it is asked for, the reference takes over.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from cellwright.backends.cpu.function import flatten, pack, unflatten, unpack
from cellwright.backends.cpu.launch import Given
from cellwright.backends.cpu.reference import reference
from cellwright.backends.triton import launch
from cellwright.backends.triton.card import no_room
from cellwright.backends.triton.gradients import gradients
from cellwright.backends.triton.launch import How, Kernel, Ran


class Recurrence(torch.autograd.Function):
    """Flat arguments in, y and the last states out."""

    @staticmethod
    def forward(
        ctx: Any, k: Kernel, how: How, counts: tuple[int, ...], keep: bool, *flat: Any
    ) -> tuple[Tensor, ...]:
        """`flat`: the tensors of a Given by group, then its lengths and resets."""
        ran = launch.forward(k, unflatten(counts, flat), how, keep)
        if keep:
            ctx.save_for_backward(*flat, ran.y, *pack(ran.kept), *ran.through)
            ctx.k, ctx.how, ctx.counts, ctx.size, ctx.through = k, how, counts, len(flat), len(ran.through)
            ctx.set_materialize_grads(False)
        return (ran.y, *ran.last)

    @staticmethod
    def backward(ctx: Any, *seeds_of: Any) -> tuple[Any, ...]:
        """The gradients of every flat argument."""
        saved = ctx.saved_tensors
        flat, results = saved[: ctx.size], saved[ctx.size :]
        given = unflatten(ctx.counts, flat)
        if torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in (*flat, *seeds_of)):
            return (None, None, None, None, *_through_reference(ctx.k, given, flat, seeds_of))
        middle = len(results) - ctx.through
        kept = unpack(results[0], results[1:middle], len(given.starts))
        ran = Ran(results[0], (), (), kept, results[middle:])
        like = (results[0], *given.starts)
        seeds = [torch.zeros_like(v) if g is None else g for g, v in zip(seeds_of, like, strict=True)]
        try:
            found = launch.backward(ctx.k, given, ctx.how, ran, (seeds[0], tuple(seeds[1:])))
        except torch.OutOfMemoryError as fact:
            raise no_room(ctx.k.graph.name, ctx.how, True, results[0].device) from fact
        except launch.KernelError as fact:
            ctx.k.give_up(ctx.how, fact)
            with torch.enable_grad():
                own = tuple(_leaf(v, need) for v, need in zip(flat, ctx.needs_input_grad[4:], strict=True))
                again = unflatten(ctx.counts, own)
                return (None, None, None, None, *_through_reference(ctx.k, again, own, seeds_of))
        needs: Any = unflatten(ctx.counts, ctx.needs_input_grad[4:])
        each = flatten(gradients(ctx.k, given, ctx.how, ran, found, needs))
        return (None, None, None, None, *each, None, None)


def _leaf(v: Any, need: bool) -> Any:
    return v.detach().requires_grad_() if need else v


def _through_reference(
    k: Kernel, given: Given, flat: tuple[Any, ...], seeds_of: tuple[Any, ...]
) -> list[Any]:
    """The same gradients with a graph of their own."""
    # The reference reads of a kernel only the program and the names, which are the same here.
    results = reference(cast(Any, Twin(k)), given)
    pairs = [(v, g) for v, g in zip(results, seeds_of, strict=True) if g is not None and v.requires_grad]
    wanted = [v for v in flat if v is not None and v.requires_grad]
    outputs, seeds = [v for v, _ in pairs], [g for _, g in pairs]
    found = iter(torch.autograd.grad(outputs, wanted, seeds, create_graph=True, allow_unused=True))
    return [next(found) if v is not None and v.requires_grad else None for v in flat]


class Twin:
    """What the reference reads of a kernel."""

    def __init__(self, k: Kernel) -> None:
        self.program, self.inputs, self.weights, self.states = k.program.base, k.inputs, k.weights, k.states
