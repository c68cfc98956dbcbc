"""The CPU backend: any cell over whole sequences, forward and back, as compiled C++. Floor 2.

Refuses other devices and types, empty sequences, gate values with derivatives, machines without a C++
compiler.
"""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from functools import lru_cache

import torch

from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu.function import Recurrence, counts_of, flatten
from cellwright.backends.cpu.launch import Kernel, forward, kernel
from cellwright.backends.cpu.outside import given_of
from cellwright.backends.cpu.toolchain import ToolchainError, bfloat16_macros
from cellwright.compiler.graph import Graph
from cellwright.compiler.plan import Plan

DTYPES = (torch.float32, torch.float64)
NARROW = 32


def refuses(plan: Plan, call: Call) -> str | None:
    """One sentence, or None."""
    if call.x.device.type != "cpu":
        return f"the input is on {call.x.device}, not on the CPU"
    tensors = call.tensors()
    if call.x.dtype not in DTYPES or any(t.dtype != call.x.dtype for t in tensors):
        return "its kernels compute in float32 or float64 throughout"
    if (why := call.beyond_kernels()) is not None:
        return why
    built = built_for(plan, call)
    return built if isinstance(built, str) else None


def run(plan: Plan, call: Call) -> Outcome:
    """Run the emitted kernel; gradients flow to everything in the call."""
    built = built_for(plan, call)
    assert isinstance(built, Kernel)
    with torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else nullcontext():
        given = given_of(built.program, call)
        if call.record or call.into is not None:
            found = forward(built, given, False, call.into)
            seen = dict(zip(call.record, found.seen, strict=True))
            return Outcome(found.y, dict(zip(built.states, found.last, strict=True)), seen)
        flat = [*flatten(given), given.lengths, given.resets]
        keep = torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in flat)
        y, *last = Recurrence.apply(built, counts_of(given), keep, *flat)  # type: ignore[no-untyped-call]
    return Outcome(y, dict(zip(built.states, last, strict=False)), {})


def built_for(plan: Plan, call: Call) -> Kernel | str:
    """The kernel of a call, or why there is none."""
    half = call.half == torch.bfloat16 and call.x.dtype == torch.float32 and _wide(call)
    return _built(plan.graph, call.x.dtype, call.record, bfloat16_macros() if half else ())


def _wide(call: Call) -> bool:
    """Whether a product is worth rounding its operands for: a tile's depth, at least."""
    return max(v.shape[-1] for v in call.states.values()) >= NARROW


@lru_cache(maxsize=512)
def _built(
    graph: Graph, dtype: torch.dtype, record: tuple[str, ...], macros: tuple[str, ...]
) -> Kernel | str:
    """The kernel, or why there is none."""
    try:
        return kernel(graph, dtype, record, macros)
    except ToolchainError as fact:
        _say(str(fact))
        return str(fact)


@lru_cache(maxsize=64)
def _say(why: str) -> None:
    """Once per reason: everything still works, more slowly."""
    warnings.warn(f"cellwright runs without its own kernels: {why}", stacklevel=4)
