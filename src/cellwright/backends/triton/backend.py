"""The GPU backend: any cell over whole sequences, forward and back, as emitted Triton. Floor 2.

Refuses tensors that are not on an NVIDIA GPU, cards too old, empty sequences, gate values with derivatives,
rows of more than 1,024 units. A kernel that does not compile is said once; the reference takes over.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor

from cellwright.backends import eager
from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu.function import counts_of, flatten
from cellwright.backends.cpu.outside import given_of, sizes_of
from cellwright.backends.triton import card, scan
from cellwright.backends.triton.function import Recurrence
from cellwright.backends.triton.launch import Kernel, KernelError, forward, how_of, kernel
from cellwright.backends.triton.sizes import layout, matrix_bytes
from cellwright.backends.triton.source import interpreted
from cellwright.compiler.plan import Plan

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# Of a wider row with products the registers of a processor hold no accumulator for every gate.
WIDEST = 1024


def refuses(plan: Plan, call: Call) -> str | None:
    """One sentence, or None."""
    why = refuses_place(call.x.device) or _refuses_kind(call)
    if why is not None:
        return why
    k, sizes = _kernel_of(plan, call)
    widest = max((dim.evaluate(sizes) for w in k.program.kernels.values() for dim, _ in w.dims), default=0)
    if widest > WIDEST and any(w.products for w in k.program.kernels.values()):
        return f"its kernels hold rows of at most {WIDEST} units, and one has {widest}"
    return k.failed.get((call.x.dtype, tuple(sizes.values())))


def _kernel_of(plan: Plan, call: Call) -> tuple[Kernel, dict[str, int]]:
    """The kernels of a call and its sizes: matrices are held on the chip where they fit."""
    k = kernel(plan.graph, call.record)
    sizes = sizes_of(k.program.base, call)
    size = matrix_bytes(k.program, sizes, call.half or call.x.dtype)
    held = size <= card.on_chip(call.x.device)
    return (k if held else kernel(plan.graph, call.record, held=False)), sizes


def run(plan: Plan, call: Call) -> Outcome:
    """Run the emitted kernels; gradients flow to everything in the call."""
    k, sizes = _kernel_of(plan, call)
    with torch.autocast(call.x.device.type, enabled=False):
        given = given_of(k.program.base, call, sizes)
        how = how_of(k, given, sizes, call.half)
        flat: list[Tensor | None] = [*flatten(given), given.lengths, given.resets]
        keep = torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in flat)
        try:
            if call.record:
                found = forward(k, given, how, False)
                seen = dict(zip(call.record, found.seen, strict=True))
                return Outcome(found.y, dict(zip(k.states, found.last, strict=True)), seen)
            y, *last = Recurrence.apply(k, how, counts_of(given), keep, *flat)  # type: ignore[no-untyped-call]
        except KernelError as fact:
            k.give_up(how, fact)
            return eager.run(plan, call)
        except torch.OutOfMemoryError as fact:
            raise card.no_room(plan.graph.name, how, keep, call.x.device) from fact
    return Outcome(y, dict(zip(k.states, last, strict=True)), {})


def notes(plan: Plan, call: Call) -> tuple[str, ...]:
    """What `explain` says of a call that runs here."""
    k, sizes = _kernel_of(plan, call)
    steps, batch = call.x.shape[:2]
    parts, span = scan.parts(k.program, sizes, steps, batch, call.x.device)
    how = f"; scanned in {parts} parts of {span} steps" if parts > 1 else ""
    made = layout(k.program, "forward", sizes, batch)
    count = -(-batch // made.rows) * made.shares
    return (f"{k.program.linear}{how}", f"{count} programs of {made.rows} rows, {_matrices(k, sizes, call)}")


def _matrices(k: Kernel, sizes: dict[str, int], call: Call) -> str:
    """Where the matrices are, and by which figures that was chosen."""
    size = matrix_bytes(k.program, sizes, call.half or call.x.dtype) >> 10
    where = "held on the chip" if k.program.held else "read anew at every step"
    return f"matrices of {size:,} KiB {where} (it has room for {card.on_chip(call.x.device) >> 10:,})"


def refuses_place(device: torch.device) -> str | None:
    """Why nothing runs on a device, or None."""
    if device.type == "cpu" and interpreted():
        return None if installed() else _ABSENT
    if device.type != "cuda" or torch.version.hip is not None:
        return f"the input is on {device}, not on an NVIDIA GPU"
    return card.refuses(device) or (None if installed() else _ABSENT)


_ABSENT = 'Triton is not installed: pip install "cellwright[gpu]"'


@lru_cache(maxsize=1)
def installed() -> bool:
    """Whether Triton is there; it is not imported for that."""
    return find_spec("triton") is not None


def _refuses_kind(call: Call) -> str | None:
    types = {t.dtype for t in call.tensors()}
    known = DTYPES if call.x.is_cuda else (*DTYPES, torch.float64)
    if len(types) > 1 or not types <= set(known):
        return "its kernels compute in float32, bfloat16 or float16 throughout"
    return call.beyond_kernels()
