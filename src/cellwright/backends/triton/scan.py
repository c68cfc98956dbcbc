"""All steps of a linear recurrence at once: time in parts, each run alone, then joined. Floor 2.

    1  every part from state 0: what it leaves (b) and how much of a state goes through it (a)
    2  one after the other, parts instead of steps: s <- a s + b
    3  every part again, from the state that 2 found: the kernel of the step form itself

Two runs of the step's work, whatever the number of steps. The way back of such a recurrence is linear in the
gradients it carries, with the same factors, so it is done the same way.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from cellwright.backends.triton.emit import Program
from cellwright.backends.triton.sizes import layout

# Fewer steps than this are not worth a part of their own; a card is full at so many programs per processor.
LEAST_STEPS = 64
PROGRAMS = 4


def parts(
    program: Program, sizes: Mapping[str, int], steps: int, batch: int, device: torch.device
) -> tuple[int, int]:
    """Into how many parts time is cut, and the steps of each."""
    if program.joint or isinstance(program.linear, str) or "backward" not in program.kernels:
        return 1, steps
    made = layout(program, "forward", sizes, batch)
    programs = -(-batch // made.rows) * made.shares
    wanted = PROGRAMS * processors(device) // programs
    count = max(1, min(wanted, steps // LEAST_STEPS))
    span = -(-steps // count)
    return -(-steps // span), span


def processors(device: torch.device) -> int:
    """The card's processors; where the interpreter runs, one."""
    if device.type != "cuda":
        return 1
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
