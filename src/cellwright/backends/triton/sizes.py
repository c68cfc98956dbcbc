"""How a call is laid over the card: rows and units of a program, and what it holds. Floor 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from cellwright.backends.triton.emit import Program
from cellwright.backends.triton.split import Split

# tl.dot takes no fewer rows, and no fewer units either way.
LEAST = 16
# Numbers of held matrices beside which the next step's values can be read ahead: with more, what is on its
# way no longer fits (sLSTM with heads of 128, back: 292 KiB of an H100's 227, and 140 without).
AHEAD_OF = 1 << 15
# Values of a vector that one program of 4 warps holds where no product asks for more.
LANES = 512


@dataclass(frozen=True)
class Layout:
    """One kernel's programs: rows each, units each (`share`), how many shares; padded sizes by
    name; units of a matrix read at a time where it is not held; steps under way at once."""

    rows: int
    share: int
    shares: int
    pads: Mapping[str, int]
    warps: int
    depth: int = LEAST
    stages: int = 3


def layout(program: Program, kernel: str, sizes: Mapping[str, int], batch: int) -> Layout:
    """The programs of one kernel of a call."""
    written, split = program.kernels[kernel], program.splits[kernel]
    widths = {w: d.evaluate(sizes) for d, w in written.dims}
    if split is None:
        share, shares = 0, 1
    else:
        share, shares = _share(split, split.dim.evaluate(sizes))
        widths = dict.fromkeys(widths, share)
    least = LEAST if written.products else 1
    pads = {w: max(least, power(size)) for w, size in widths.items()}
    widest = max(pads.values(), default=1)
    rows = LEAST if written.products else max(1, min(LEAST, LANES // widest, power(batch)))
    warps = 8 if (written.products and widest >= 128) or rows * widest >= 4096 else 4
    warps = 16 if written.products and widest >= 256 else warps
    # A piece of a matrix is read through registers: 16 K numbers at a time.
    depth = max(LEAST, min(64, (1 << 14) // widest))
    words = dict(written.dims)
    numbers = sum(pads[words[read]] * pads[words[out]] for read, out in written.tiles)
    stages = 1 if program.held and numbers > AHEAD_OF else 3
    return Layout(rows, share, shares, pads, warps, depth, stages)


def _share(split: Split, size: int) -> tuple[int, int]:
    if split.blocks is not None:
        return size // split.blocks, split.blocks
    share = min(power(size), 128)
    return share, -(-size // share)


def power(size: int) -> int:
    """The next power of two."""
    return 1 << max(0, (size - 1).bit_length())


def matrix_bytes(program: Program, sizes: Mapping[str, int], dtype: torch.dtype) -> int:
    """Bytes of the matrices that a program of the larger kernel holds on chip, padded."""
    found = 0
    for name, written in program.kernels.items():
        made = layout(program, name, sizes, LEAST)
        pads = {d: made.pads[w] for d, w in written.dims}
        found = max(found, sum(pads[read] * pads[out] for read, out in written.tiles))
    return found * dtype.itemsize
