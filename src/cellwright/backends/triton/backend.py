"""The GPU backend: any cell over whole sequences, forward and back, as emitted Triton. Floor 2.

Refuses tensors that are not on an NVIDIA GPU, cards too old, empty sequences, gate values with derivatives,
rows of more than 1,024 units that cannot be shared. A kernel that does not compile is said once; the
reference takes over.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor

from cellwright.backends import eager
from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu.function import counts_of, flatten
from cellwright.backends.cpu.outside import given_of
from cellwright.backends.triton import card, scan
from cellwright.backends.triton.choice import choice_of, laid_out, too_wide
from cellwright.backends.triton.function import Recurrence
from cellwright.backends.triton.launch import KernelError, forward, how_of
from cellwright.backends.triton.source import interpreted
from cellwright.compiler.plan import Plan

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def refuses(plan: Plan, call: Call) -> str | None:
    """One sentence, or None."""
    why = refuses_place(call.x.device) or _refuses_kind(call)
    if why is not None:
        return why
    choice, sizes = choice_of(plan.graph, call)
    wide = None if choice.joint else too_wide(choice.kernel, sizes)
    fact = choice.failed(call.x.dtype, sizes)
    return wide or (None if fact is None else str(fact))


def run(plan: Plan, call: Call) -> Outcome:
    """Run the emitted kernels; gradients flow to everything in the call."""
    choice, sizes = choice_of(plan.graph, call)
    k = choice.kernel
    with torch.autocast(call.x.device.type, enabled=False):
        given = given_of(k.program.base, call)
        how = how_of(k, given, sizes, call.half, choice.joint)
        flat: list[Tensor | None] = [*flatten(given), given.lengths, given.resets]
        keep = torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in flat)
        card.need_room(plan.graph.name, how, keep, call.x.device)
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
    choice, sizes = choice_of(plan.graph, call)
    program, (steps, batch) = choice.kernel.program, call.x.shape[:2]
    parts, span = scan.parts(program, sizes, steps, batch, call.x.device)
    how = f"; scanned in {parts} parts of {span} steps" if parts > 1 else ""
    said = (f"{program.linear}{how}", laid_out(choice, sizes, call), str(choice))
    return tuple(line for line in said if line)


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
