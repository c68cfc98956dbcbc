"""The CPU backend: any cell over whole sequences, forward and back, as compiled C++. Floor 2.

Refuses other devices and types, empty sequences, requests for gate values, machines without a C++ compiler.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

import torch

from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu.function import Recurrence, counts_of, flatten
from cellwright.backends.cpu.launch import Kernel, kernel
from cellwright.backends.cpu.outside import given_of, sizes_of
from cellwright.backends.cpu.toolchain import ToolchainError
from cellwright.compiler.graph import Graph
from cellwright.compiler.plan import Plan

DTYPES = (torch.float32, torch.float64)


def refuses(plan: Plan, call: Call) -> str | None:
    """One sentence, or None."""
    if call.x.device.type != "cpu":
        return f"the input is on {call.x.device}, not on the CPU"
    tensors = (call.x, *call.states.values(), *call.weights.values(), *(call.extra or {}).values())
    if call.x.dtype not in DTYPES or any(t.dtype != call.x.dtype for t in tensors):
        return "its kernels compute in float32 or float64 throughout"
    if call.record:
        return "its kernels do not give out gate values"
    if call.resets is not None:
        return "its kernels do not begin anew inside a sequence"
    if call.clip is not None:
        return "its kernels do not clip gradients inside the loop"
    if call.x.shape[0] == 0 or call.x.shape[1] == 0:
        return "there is nothing to compute in an empty sequence or batch"
    if torch._C._functorch.peek_interpreter_stack() is not None or _forward_mode(tensors):
        return "the reference takes torch.func's transforms and forward-mode derivatives"
    built = _built(plan.graph, call.x.dtype)
    return built if isinstance(built, str) else None


def run(plan: Plan, call: Call) -> Outcome:
    """Run the emitted kernel; gradients flow to everything in the call."""
    built = _built(plan.graph, call.x.dtype)
    assert isinstance(built, Kernel)
    with torch.autocast("cpu", enabled=False):
        given = given_of(built.program, call, sizes_of(built.program, call))
        flat = [*flatten(given), given.lengths]
        keep = torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in flat)
        y, *last = Recurrence.apply(built, counts_of(given), keep, *flat)  # type: ignore[no-untyped-call]
    return Outcome(y, dict(zip(built.states, last, strict=False)), {})


def _forward_mode(tensors: tuple[torch.Tensor, ...]) -> bool:
    mode = torch.autograd.forward_ad
    return mode._current_level >= 0 and any(
        mode.unpack_dual(t).tangent is not None  # type: ignore[no-untyped-call]
        for t in tensors
    )


@lru_cache(maxsize=512)
def _built(graph: Graph, dtype: torch.dtype) -> Kernel | str:
    """The kernel, or why there is none."""
    try:
        return kernel(graph, dtype)
    except ToolchainError as fact:
        _say(str(fact))
        return str(fact)


@lru_cache(maxsize=64)
def _say(why: str) -> None:
    """Once per reason: everything still works, more slowly."""
    warnings.warn(f"cellwright runs without its own kernels: {why}", stacklevel=4)
