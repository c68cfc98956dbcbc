"""What the card is: whether it is new enough, and what fits in its memory. Floor 2."""

from __future__ import annotations

import torch

from cellwright.backends.triton.launch import How
from cellwright.errors import RoomError

LEAST_CAPABILITY = (8, 0)


def refuses(device: torch.device) -> str | None:
    """Why the kernels do not run on this card, or None."""
    found = torch.cuda.get_device_capability(device)
    if found < LEAST_CAPABILITY:
        name, least = torch.cuda.get_device_name(device), ".".join(map(str, LEAST_CAPABILITY))
        return f"the {name} is of compute capability {found[0]}.{found[1]}, and the kernels need {least}"
    return None


def needed(how: How, keep: bool) -> int:
    """Bytes that one sequence of the call takes beside what it was given."""
    w, item = how.widths, how.dtype.itemsize
    stored = sum(w.feeds) + w.states[0] + (w.kept + w.d + sum(w.feeds) if keep else 0)
    histories = sum(w.states[1:]) * how.real.itemsize if keep else 0
    return how.steps * (stored * item + histories)


def need_room(name: str, how: How, keep: bool, device: torch.device) -> None:
    """Refuse, before anything is launched, a call whose way forward alone takes more than is free.

    Raises:
        RoomError: it does not fit.
    """
    if device.type != "cuda":
        return
    w = how.widths
    each = how.steps * (sum(w.feeds) + w.states[0] + (w.kept if keep else 0)) * how.dtype.itemsize
    # To ask a card what is free takes longer than many a call: only large ones ask.
    total = torch.cuda.get_device_properties(device).total_memory
    if each * how.batch > total // 16 and each * how.batch > _free(device):
        raise no_room(name, how, keep, device)


def no_room(name: str, how: How, keep: bool, device: torch.device) -> RoomError:
    """What was needed, and how many sequences would fit."""
    return no_room_for(name, how.steps, how.batch, needed(how, keep), _free(device))


def _free(device: torch.device) -> int:
    """Bytes that can be had: those of the card, and what torch keeps and nothing uses."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept


def no_room_for(name: str, steps: int, batch: int, each: int, free: int) -> RoomError:
    """The error, from bytes per sequence and bytes free.

    >>> print(no_room_for("lstm", 1000, 64, 1 << 20, 40 << 20))
    out of memory on the GPU (lstm over 1,000 steps): got 64 sequences of 1.0 MiB, expected at most 40.0 \
MiB; take a batch of at most 40, shorter sequences, or checkpoint=True
    """
    fits = free // max(1, each)
    batches = f"a batch of at most {fits}, " if fits else ""
    return RoomError(
        "out of memory on the GPU",
        where=f"{name} over {steps:,} steps",
        got=f"{batch} sequences of {each / 2**20:.1f} MiB",
        expected=f"at most {free / 2**20:.1f} MiB",
        fix=f"take {batches}shorter sequences, or checkpoint=True",
    )
