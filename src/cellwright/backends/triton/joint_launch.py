"""Launching kernels whose programs share the units: all steps at once, or stage by stage. Floor 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from cellwright.backends.triton.emit import Program
from cellwright.backends.triton.frame import Written
from cellwright.backends.triton.joint import AHEAD, Joint
from cellwright.backends.triton.sizes import power
from cellwright.compiler.dims import Dim

# Steps of one launch: programs count their meetings in 32 bits, and nobody can end a launch.
STEPS = 1 << 16
# grid, arguments, warps, turns of a loop at once, whether all programs must be on the card at once
Start = Callable[[tuple[int, int, int], dict[str, Any], int, int, bool], None]


def handed(
    program: Program, name: str, first: Mapping[str, Tensor], held: torch.dtype, real: torch.dtype
) -> dict[str, Tensor]:
    """The arrays that hand states (or their gradients) from step to step, [2, B, size]; `first`: before the
    first step, [B, size]."""
    rooms = {room for room, _ in program.kernels[name].rooms}
    found: dict[str, Tensor] = {}
    for state, value in first.items():
        for room, dtype in ((f".now {state}", real), (f".next {state}", held)):
            if room in rooms:
                found[room] = value.new_empty((2, *value.shape), dtype=dtype)
                found[room][0] = value
    return found


def rooms(
    written: Written, there: Mapping[str, Tensor], like: Tensor, types: tuple[torch.dtype, torch.dtype],
    rows: int, sizes: Mapping[str, int],
) -> dict[str, Tensor]:  # fmt: skip
    """The other arrays that programs lay values in; `types`: of products' operands, of the rest."""

    def made(room: str, dim: Dim) -> Tensor:
        dtype = types[0] if room.startswith((".room", ".next")) else types[1]
        return like.new_empty((2 * rows, dim.evaluate(sizes)), dtype=dtype)

    return {room: made(room, dim) for room, dim in written.rooms if room not in there}


def constants(joint: Joint) -> dict[str, Any]:
    """What a layout tells a kernel."""
    found: dict[str, Any] = {
        "ROWS": joint.rows, "SHARES": joint.shares, "DEPTH": joint.depth, "WIDE": joint.wide, "AHEAD": AHEAD,
        "PARTS": power(joint.shares),
    }  # fmt: skip
    for letter, values in (("S", joint.units), ("P", joint.pads), ("W", joint.wholes)):
        found |= {f"{letter}_{w}": size for w, size in values.items()}
    return found


def run(
    written: Written,
    joint: Joint,
    arguments: dict[str, Any],
    like: Tensor,
    steps: int,
    batch: int,
    apart: bool,
    start: Start,
) -> None:
    """All steps. `apart`: a launch for every stage of every step, where programs cannot wait for each
    other."""
    assert written.stages is not None
    stages, blocks = range(written.stages.count), -(-batch // joint.rows)
    whole = arguments | {"T": steps, "B": batch, "APART": apart}
    for grid, first, count, block, now in launches(joint, steps, blocks, stages, apart):
        own: dict[str, Any] = {f"DO_{stage}": stage in now for stage in stages}
        own |= {"FIRST": first, "COUNT": count, "BLOCK": block}
        own["met_ptr"] = torch.zeros(blocks, dtype=torch.int32, device=like.device)
        start(grid, whole | own, joint.warps, 3, not apart)


def launches(
    joint: Joint, steps: int, blocks: int, stages: range, apart: bool
) -> Iterator[tuple[tuple[int, int, int], int, int, int, range]]:
    """Grid, first step, steps, first row block, stages of each launch. Programs that wait for each other are
    all on the card: more rows than it holds follow one after the other."""
    if apart:
        for step in range(steps):
            for stage in stages:
                yield (blocks, joint.shares, 1), step, 1, 0, range(stage, stage + 1)
        return
    for first in range(0, steps, STEPS):
        for block in range(0, blocks, joint.blocks):
            grid = (min(joint.blocks, blocks - block), joint.shares, 1)
            yield grid, first, min(STEPS, steps - first), block, stages
