"""The recurrence as a function that torch can differentiate. Floor 2.

The way back is the emitted one; where a derivative of it is asked for, the reference takes over.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cellwright.backends.cpu import launch
from cellwright.backends.cpu.epilogue import Gradients, gradients
from cellwright.backends.cpu.launch import Given, Kept, Kernel
from cellwright.backends.cpu.reference import reference


class Recurrence(torch.autograd.Function):
    """Flat arguments in, y and the last states out."""

    @staticmethod
    def forward(ctx: Any, k: Kernel, counts: tuple[int, ...], keep: bool, *flat: Any) -> tuple[Tensor, ...]:
        """`flat`: the tensors of a Given by group, then its lengths and resets."""
        found = launch.forward(k, unflatten(counts, flat), keep)
        y, last, kept = found.y, found.last, found.kept
        if keep:
            ctx.save_for_backward(*flat, y, *pack(kept))
            ctx.k, ctx.counts, ctx.size = k, counts, len(flat)
            ctx.set_materialize_grads(False)
        return (y, *last)

    @staticmethod
    def backward(ctx: Any, *seeds_of: Any) -> tuple[Any, ...]:
        """The gradients of every flat argument."""
        saved = ctx.saved_tensors
        flat, results = saved[: ctx.size], saved[ctx.size :]
        given = unflatten(ctx.counts, flat)
        if torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in (*flat, *seeds_of)):
            return (None, None, None, *_through_reference(ctx.k, given, flat, seeds_of))
        like = (results[0], *given.starts)
        seeds = [torch.zeros_like(v) if g is None else g for g, v in zip(seeds_of, like, strict=False)]
        kept = unpack(results[0], results[1:], len(given.starts))
        needs: Any = unflatten(ctx.counts, ctx.needs_input_grad[3:])
        found = gradients(ctx.k, given, kept, (seeds[0], tuple(seeds[1:])), needs)
        return (None, None, None, *flatten(found), None, None)


def _through_reference(
    k: Kernel, given: Given, flat: tuple[Any, ...], seeds_of: tuple[Any, ...]
) -> list[Any]:
    """The same gradients with a graph of their own."""
    results = reference(k, given)
    pairs = [(v, g) for v, g in zip(results, seeds_of, strict=False) if g is not None and v.requires_grad]
    wanted = [v for v in flat if v is not None and v.requires_grad]
    outputs, seeds = [v for v, _ in pairs], [g for _, g in pairs]
    found = iter(torch.autograd.grad(outputs, wanted, seeds, create_graph=True, allow_unused=True))
    return [next(found) if v is not None and v.requires_grad else None for v in flat]


def flatten(values: Given | Gradients) -> list[Any]:
    """All tensors of a Given (without its lengths and resets) or of its Gradients, in order."""
    groups = (
        *(values.operands, values.matrices, values.biases, values.inputs, values.weights),
        *(values.starts, values.fresh),
    )
    return [v for group in groups for v in group]


def counts_of(given: Given) -> tuple[int, ...]:
    """How many tensors each group has."""
    first = (given.operands, given.matrices, given.biases, given.inputs, given.weights)
    return tuple(len(group) for group in (*first, given.starts, given.fresh))


def unflatten(counts: tuple[int, ...], flat: tuple[Any, ...]) -> Given:
    """The Given back; the last tensors are the lengths and the resets."""
    groups: list[tuple[Any, ...]] = []
    at = 0
    for count in counts:
        groups.append(tuple(flat[at : at + count]))
        at += count
    operands, matrices, biases, inputs, weights, starts, fresh = groups
    return Given(operands, matrices, biases, inputs, weights, starts, fresh, flat[at], flat[at + 1])


def pack(kept: Kept) -> list[Tensor]:
    """What is kept besides y, as a list."""
    return [*kept.histories[1:], *kept.feeds, kept.kept]


def unpack(y: Tensor, results: tuple[Tensor, ...], states: int) -> Kept:
    """What `pack` made, back."""
    return Kept((y, *results[: states - 1]), tuple(results[states - 1 : -1]), results[-1])
