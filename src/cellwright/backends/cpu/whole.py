"""A whole call without autograd: for the operators of `runtime.function`, which bring their own. Floor 2."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cellwright.backends.call import Call
from cellwright.backends.cpu import launch
from cellwright.backends.cpu.backend import built_for
from cellwright.backends.cpu.epilogue import gradients
from cellwright.backends.cpu.function import counts_of, flatten, pack, unflatten, unpack
from cellwright.backends.cpu.launch import Kernel
from cellwright.backends.cpu.outside import given_of, sizes_of
from cellwright.compiler.plan import Plan


def forward(plan: Plan, call: Call, keep: bool) -> list[Tensor]:
    """y, the last states, and what the way back needs."""
    k = _kernel(plan, call)
    found = launch.forward(k, given_of(k.program, call), keep)
    return [found.y, *found.last, *pack(found.kept)]


def _kernel(plan: Plan, call: Call) -> Kernel:
    """The kernel of a call that `backend.refuses` let pass."""
    built = built_for(plan, call)
    assert isinstance(built, Kernel)
    return built


def backward(
    plan: Plan, call: Call, y: Tensor, kept: list[Tensor], seeds: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """What the kernel was given, still tied to the call's leaves, and the gradient of each."""
    k = _kernel(plan, call)
    given = given_of(k.program, call)
    with torch.no_grad():
        saved = unpack(y, tuple(kept), len(given.starts))
        flat = [*flatten(given), None, None]
        needs: Any = unflatten(counts_of(given), tuple(v is not None and v.requires_grad for v in flat))
        found = gradients(k, given, saved, (seeds[0], tuple(seeds[1:])), needs)
    both = zip(flatten(given), flatten(found), strict=True)
    pairs = [(v, g) for v, g in both if v is not None and v.requires_grad and g is not None]
    return [v for v, _ in pairs], [g.reshape(v.shape) for v, g in pairs]


def direct(
    plan: Plan, call: Call, y: Tensor, kept: list[Tensor], seeds: list[Tensor], needs: list[bool]
) -> list[Tensor | None] | None:
    """The gradients of `call.tensors()` that are in need; None where autograd has to find them, since the
    kernel reads what was computed from those tensors, or two of them are one."""
    k, tensors = _kernel(plan, call), call.tensors()
    given = given_of(k.program, call)
    place = {id(t): n for n, t in enumerate(tensors)}
    alone = all(place[id(t)] == n for n, (t, need) in enumerate(zip(tensors, needs, strict=True)) if need)
    flat = flatten(given)
    if not alone or any(v is not None and id(v) not in place for v in flat):
        return None
    wants: Any = unflatten(
        counts_of(given), (*(v is not None and needs[place[id(v)]] for v in flat), None, None)
    )
    saved = unpack(y, tuple(kept), len(given.starts))
    gradient = gradients(k, given, saved, (seeds[0], tuple(seeds[1:])), wants)
    found: list[Tensor | None] = [None] * len(tensors)
    for v, g in zip(flat, flatten(gradient), strict=True):
        if v is not None and g is not None and needs[n := place[id(v)]]:
            before = found[n]
            found[n] = g.reshape(v.shape) if before is None else before + g
    return found


def shapes(plan: Plan, call: Call, keep: bool) -> list[Tensor]:
    """Tensors of the shapes of what the way back needs."""
    program = _kernel(plan, call).program
    sizes = sizes_of(program, call)
    steps, batch = call.x.shape[:2]
    starts = list(call.states.values())
    count = steps if keep else torch.sym_min(steps, 2)  # type: ignore[no-untyped-call]
    histories = [s.new_empty((count, batch, s.shape[-1])) for s in starts[1:]]
    made = program.recurrence
    feeds = [
        starts[0].new_empty((steps, batch, b.width.evaluate(sizes)) if keep else (0,)) for b in made.blocks
    ]
    kept = made.kept.evaluate(sizes)
    return [*histories, *feeds, starts[0].new_empty((steps, batch, kept) if keep else (0,))]
