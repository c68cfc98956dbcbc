"""How a call is laid over the card: rows and units of a program, its warps, and what it holds. Floor 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from cellwright.backends.triton.emit import Program
from cellwright.backends.triton.split import Split

# tl.dot takes no fewer rows, and no fewer units either way.
LEAST = 16
# Of what a processor's shared memory holds, matrices may take so much; the rest is for what is on its way.
SHARE_OF_CHIP = 0.6
# Bytes through which values move between a program's threads.
BETWEEN = 24 << 10
# Numbers of float32 that a program of 8 warps has in registers: twice those of held matrices (as two of
# tf32), and what a step reads. With more (layer-norm LSTM of 64 units, back: 48 K) it spilled 4 KiB a thread.
REGISTERS = 47 << 10
# Products of tiles of 16 x 8 that a step may be for one warp where matrices are held: they are one piece of
# code. 192 of float32 took 5 s to compile, and 768 16 s, with 26 KiB spilled.
UNROLLED = 128
# Values of a vector that one program of 4 warps holds where no product asks for more.
LANES = 512


@dataclass(frozen=True)
class Layout:
    """One kernel's programs: rows each, units each (`share`), how many shares; padded sizes by
    name; units of a matrix read at a time where it is not held."""

    rows: int
    share: int
    shares: int
    pads: Mapping[str, int]
    warps: int
    depth: int = LEAST


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
    warps = 16 if written.products and widest >= 512 else warps
    # A piece of a matrix is read through registers: 16 K numbers at a time.
    depth = max(LEAST, min(64, (1 << 14) // widest))
    return Layout(rows, share, shares, pads, warps, depth)


def threads(
    program: Program, kernel: str, sizes: Mapping[str, int], made: Layout, dtype: torch.dtype, chip: int
) -> tuple[int, int]:
    """Warps, and steps whose values are on their way at once: so many that all fits (`chip`: see `on_chip`).

    Without that bound a layer-norm LSTM of 64 units in float32 asked for 264 KiB on its way back, of an
    H100's 227."""
    written, words = program.kernels[kernel], dict(program.kernels[kernel].dims)
    tiles = [(made.pads[words[read]], made.pads[words[out]]) for read, out in written.tiles]
    warps = made.warps
    if not program.held:
        return warps, 3
    while warps < 8 and unrolled(made.rows, tiles, warps, dtype) > UNROLLED:
        warps *= 2
    matrices, step = _numbers(program, kernel, sizes)
    room = chip / SHARE_OF_CHIP - matrices * dtype.itemsize - BETWEEN
    # A step with products takes longer than a read does: one ahead is enough.
    return warps, max(1, min(2 if tiles else 3, int(room / max(1, step * dtype.itemsize))))


def unrolled(rows: int, tiles: list[tuple[int, int]], warps: int, dtype: torch.dtype) -> int:
    """Products of tiles that a warp does one after the other. Of float32: three of tf32, half as deep."""
    deep, times = (16, 1) if dtype.itemsize == 2 else (8, 3)
    return times * sum(max(1, rows * out // (128 * warps)) * -(-read // deep) for read, out in tiles)


def on_chip(device: torch.device) -> int:
    """Bytes of matrices that one program can hold; the interpreter is told of an H100's."""
    if device.type != "cuda":
        return int(SHARE_OF_CHIP * 232_448)
    properties: Any = torch.cuda.get_device_properties(device)
    most = getattr(properties, "shared_memory_per_block_optin", properties.shared_memory_per_block)
    return int(SHARE_OF_CHIP * most)


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
    return max(_numbers(program, name, sizes)[0] for name in program.kernels) * dtype.itemsize


def holds(program: Program, sizes: Mapping[str, int], dtype: torch.dtype, chip: int) -> bool:
    """Whether matrices fit on the chip, and of float32, beside what a step reads, in registers."""
    if matrix_bytes(program, sizes, dtype) > chip:
        return False
    each = [_numbers(program, name, sizes) for name in program.kernels]
    return dtype.itemsize < 4 or max(2 * held + read for held, read in each) <= REGISTERS


def _numbers(program: Program, kernel: str, sizes: Mapping[str, int]) -> tuple[int, int]:
    """Of a program: numbers of its matrices, and those it reads at a step, padded."""
    written, made = program.kernels[kernel], layout(program, kernel, sizes, LEAST)
    pads = {d: made.pads[w] for d, w in written.dims}
    return sum(pads[read] * pads[out] for read, out in written.tiles), made.rows * sum(
        pads[d] for d in written.stepped
    )
