"""The recurrence as a function that torch can differentiate, compile and export. Floor 2.

The way back is the emitted one; where a second derivative is asked for, the reference takes over.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cellwright.backends.cpu import launch
from cellwright.backends.cpu.launch import Given, Kept, Kernel

Tensors = tuple["Tensor | None", ...]


class Recurrence(torch.autograd.Function):
    """Flat arguments in, y and the last states out."""

    @staticmethod
    def forward(ctx: Any, k: Kernel, counts: tuple[int, ...], keep: bool, *flat: Any) -> tuple[Tensor, ...]:
        given = unflatten(counts, flat)
        y, last, kept = launch.forward(k, given, keep)
        if keep:
            ctx.save_for_backward(*flat, y, *kept.histories[1:], *kept.feeds, kept.kept)
            ctx.k, ctx.counts, ctx.size = k, counts, len(flat)
            ctx.set_materialize_grads(False)
        return (y, *last)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        saved = ctx.saved_tensors
        flat, results = saved[: ctx.size], saved[ctx.size :]
        given = unflatten(ctx.counts, flat)
        states = len(given.starts)
        kept = Kept(results[:states], results[states:-1], results[-1])
        like = (results[0], *given.starts)
        seeds = [torch.zeros_like(v) if g is None else g for g, v in zip(gradients, like)]
        found = launch.backward(ctx.k, given, kept, seeds[0], tuple(seeds[1:]))
        return (None, None, None, *flatten(found), None)


def flatten(values: Any) -> list[Any]:
    """All tensors of a Given (without its lengths) or of its Gradients, in order."""
    groups = (values.operands, values.matrices, values.biases, values.inputs, values.weights, values.starts)
    return [v for group in groups for v in group]


def counts_of(given: Given) -> tuple[int, ...]:
    """How many tensors each group has."""
    groups = (given.operands, given.matrices, given.biases, given.inputs, given.weights, given.starts)
    return tuple(len(group) for group in groups)


def unflatten(counts: tuple[int, ...], flat: tuple[Any, ...]) -> Given:
    """The Given back; the last tensor is the lengths."""
    groups, at = [], 0
    for count in counts:
        groups.append(tuple(flat[at : at + count]))
        at += count
    return Given(*groups, flat[at])
