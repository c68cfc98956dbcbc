"""Long sequences in bounded memory: the way back keeps the states between segments only. Floor 3.

Forward, nothing is kept but the states before each segment of K steps, and the record of the last one, which
the way back wants first. Back, every other segment is run once more and then differentiated, last to first:
with K = sqrt(T) what is kept beside x and y grows as sqrt(T), for one more forward run (Griewank 1992; for
recurrent networks Gruslys et al. 2016, arXiv 1606.03401). Derivatives of derivatives, `torch.func` and gate
values take the way without segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu.memory import BLOCKS
from cellwright.compiler.graph import Graph
from cellwright.runtime.choose import execute
from cellwright.runtime.flat import cut, with_tensors


@dataclass(frozen=True)
class Task:
    """What is run: a graph over a call, in segments, on a wanted backend or the best."""

    graph: Graph
    call: Call
    wanted: str | None

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """The segments, from step to step: as few as may be, all about as long."""
        steps = self.call.x.shape[0]
        count = -(-steps // (self.call.segment or 1))
        bounds = [steps * k // count for k in range(count + 1)] if count else []
        return list(pairwise(bounds))


def run(graph: Graph, call: Call, wanted: str | None = None) -> Outcome:
    """Run a call that names a segment; gradients flow to everything in it."""
    tensors = call.tensors()
    if (
        call.record
        or not torch.is_grad_enabled()
        or not any(t.requires_grad for t in tensors)
        or call.transformed()
    ):
        return execute(graph, call, wanted)
    y, *last = _Segmented.apply(Task(graph, call, wanted), *tensors)  # type: ignore[no-untyped-call]
    return Outcome(y, dict(zip(call.states, last, strict=True)), {})


class Record:
    """One segment, run so that it can be differentiated."""

    def __init__(self, task: Task, piece: Call, wanted: list[bool]) -> None:
        self.leaves = [t.detach().requires_grad_(w) for t, w in zip(piece.tensors(), wanted, strict=True)]
        with torch.enable_grad():
            self.out = execute(task.graph, with_tensors(piece, self.leaves), task.wanted)

    def gradients(self, seeds: list[Tensor | None]) -> list[Tensor | None]:
        """Of the leaves that want one, from those of y and of the last states. Once: the record goes."""
        outputs = zip([self.out.y, *self.out.states.values()], seeds, strict=True)
        return _pulled(outputs, self.leaves, create_graph=False)


def forward(
    task: Task, needs: list[bool] | None = None
) -> tuple[Tensor, list[Tensor], list[Tensor], Record | None]:
    """y, the last states, for each state what stood before every segment, [S, B, size], and with `needs` the
    record of the last segment."""
    states, before = dict(task.call.states), []
    y: Tensor | None = None
    record: Record | None = None
    for begin, end in task.pieces:
        before.append(states)
        into = None if y is None else y[begin:end]
        if needs is not None and end == task.call.x.shape[0]:
            record = Record(task, cut(task.call, begin, end, states), _with_states(task.call, needs))
            out = record.out.detached()
        else:
            out = execute(task.graph, cut(task.call, begin, end, states, into), task.wanted)
        states = out.states
        y = _room(task.call.x.shape[0], out.y) if y is None else y
        if out.y is not into:
            y[begin:end] = out.y
    if y is None:
        y = execute(task.graph, cut(task.call, 0, 0, states), task.wanted).y
    kept = [torch.stack([s[name] for s in before]) if before else v[None][:0] for name, v in states.items()]
    return y, list(states.values()), kept, record


def _room(steps: int, like: Tensor) -> Tensor:
    """An array for all T outputs; on the CPU of memory that was in use before, where there is some."""
    shape = (steps, *like.shape[1:])
    known = like.device.type == "cpu" and like.dtype in (torch.float32, torch.float64)
    return BLOCKS.take(shape, like.dtype) if known else like.new_empty(shape)


def backward(
    task: Task,
    before: list[Tensor],
    seeds: list[Tensor | None],
    needs: list[bool],
    record: Record | None = None,
) -> list[Tensor]:
    """The gradients of the tensors of the call that need one, from those of y and of the last states; with
    the record of the last segment, if there is one."""
    call, kinds, wanted = task.call, _kinds(task.call), _with_states(task.call, needs)
    total = [
        torch.zeros_like(t, memory_format=torch.contiguous_format) if need or kind == "state" else t[:0]
        for t, need, kind in zip(call.tensors(), needs, kinds, strict=True)
    ]
    dy, *later = seeds
    for place, (begin, end) in reversed(list(enumerate(task.pieces))):
        states = {name: v[place] for name, v in zip(call.states, before, strict=True)}
        seed = [None if dy is None else dy[begin:end], *later]
        record = record or Record(task, cut(call, begin, end, states), wanted)
        found = record.gradients(seed)
        # Before the next record is made, this one goes.
        record = None
        later = [g for g, kind in zip(found, kinds, strict=True) if kind == "state"]
        for whole, gradient, kind in zip(total, found, kinds, strict=True):
            if gradient is not None and kind == "timed":
                whole[begin:end] = gradient
            elif gradient is not None and kind == "fixed":
                whole += gradient
    at_start = iter(later)
    return [
        t if kind != "state" or (g := next(at_start)) is None else g
        for t, kind in zip(total, kinds, strict=True)
    ]


def _kinds(call: Call) -> list[str]:
    """What each tensor of a call is: cut by time, carried, or the same for every segment."""
    names = (("timed", 1 + len(call.extra or {})), ("state", len(call.states)))
    fixed = len(call.fresh or {}) + len(call.weights)
    return [kind for kind, count in (*names, ("fixed", fixed)) for _ in range(count)]


def _with_states(call: Call, needs: list[bool]) -> list[bool]:
    """Which tensors of a segment have a gradient to find: the states always, for the segment before it."""
    return [need or kind == "state" for need, kind in zip(needs, _kinds(call), strict=True)]


def _pulled(
    outputs: Iterable[tuple[Tensor, Tensor | None]], leaves: Sequence[Tensor], create_graph: bool
) -> list[Tensor | None]:
    """The gradients of those leaves that want one, None for the others."""
    pairs = [(v, g) for v, g in outputs if g is not None and v.requires_grad]
    wanted = [t for t in leaves if t.requires_grad]
    if not pairs or not wanted:
        return [None] * len(leaves)
    values, seeds = [v for v, _ in pairs], [g for _, g in pairs]
    found = iter(torch.autograd.grad(values, wanted, seeds, create_graph=create_graph, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in leaves]


class _Segmented(torch.autograd.Function):
    """`forward` and `backward` above as one function that torch can differentiate."""

    @staticmethod
    def forward(ctx: Any, task: Task, *tensors: Tensor) -> tuple[Tensor, ...]:
        y, last, before, ctx.record = forward(task, list(ctx.needs_input_grad[1:]))
        device = task.call.x.device.type
        ctx.autocast = (device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))
        ctx.graph, ctx.wanted, ctx.before = task.graph, task.wanted, len(before)
        ctx.call = with_tensors(task.call, [torch.empty(0)] * len(tensors))
        ctx.save_for_backward(*before, *tensors)
        ctx.set_materialize_grads(False)
        return (y, *last)

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor | None) -> tuple[Any, ...]:
        before, tensors = ctx.saved_tensors[: ctx.before], ctx.saved_tensors[ctx.before :]
        task = Task(ctx.graph, with_tensors(ctx.call, list(tensors)), ctx.wanted)
        device, dtype, enabled = ctx.autocast
        with torch.autocast(device, dtype=dtype, enabled=enabled):
            if torch.is_grad_enabled():
                return (None, *_twice(task, tensors, seeds))
            record, ctx.record = ctx.record, None
            found = backward(task, list(before), list(seeds), list(ctx.needs_input_grad[1:]), record)
            return (
                None,
                *(g if need else None for g, need in zip(found, ctx.needs_input_grad[1:], strict=True)),
            )


def _twice(task: Task, tensors: tuple[Tensor, ...], seeds: tuple[Tensor | None, ...]) -> list[Tensor | None]:
    """The same gradients with a graph of their own, without segments."""
    out = execute(task.graph, task.call, task.wanted)
    return _pulled(zip([out.y, *out.states.values()], seeds, strict=True), tensors, create_graph=True)
