"""How programs that share a step's units are laid over the card, and what a step costs so or alone. Floor 2.

A step takes, on one processor: its meetings, the matrices it reads, the products it takes. Three figures of
the card (`Pace`) say how long; the cheaper layout is taken. No kernel is run to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from cellwright.backends.triton.emit import Program
from cellwright.backends.triton.frame import Written
from cellwright.backends.triton.sizes import LEAST, layout, power

# Bytes of sums of products that the registers of a program hold beside everything else.
SUMS = 128 << 10
# Bytes of pieces on their way to a program, at so many loads ahead.
PIECES, AHEAD = 96 << 10, 3
# Numbers of a row piece that is summed: more (1,024 of 16 rows) spilled kilobytes.
WIDEST_PIECE = 4096
# Numbers of matrices that a program holds at most: a product of them is one long piece of code, and with four
# matrices of [1,024, 16] the compiler took 15 s, with registers spilled.
HELD = 1 << 15
ROWS = (16, 32, 64, 128)
SHARES = (16, 32, 64, 128)


@dataclass(frozen=True)
class Pace:
    """What one processor of a card does: microseconds of a meeting of all, GB/s from the card's cache,
    TFLOP/s of products of 16-bit numbers with few rows. `measured`: here, or assumed."""

    meet: float
    read: float
    multiply: float
    measured: bool

    def __str__(self) -> str:
        how = "measured on this card" if self.measured else "assumed"
        return (
            f"a meeting {self.meet:.1f} us, {self.read:.0f} GB/s and {self.multiply:.1f} TFLOP/s by one "
            f"processor, {how}"
        )


# Of an H100, by its data sheet and by what grid barriers are known to take.
ASSUMED = Pace(1.3, 80.0, 2.0, False)


@dataclass(frozen=True)
class Card:
    """The processors, the bytes of matrices that one holds, and their pace."""

    processors: int
    chip: int
    pace: Pace


@dataclass(frozen=True)
class Joint:
    """One kernel's programs: rows each, programs that share them, row blocks at a time; of every size by its
    word the units of a program, these padded, and the whole padded; units of a piece."""

    rows: int
    shares: int
    blocks: int
    units: Mapping[str, int]
    pads: Mapping[str, int]
    wholes: Mapping[str, int]
    warps: int
    depth: int
    wide: int
    microseconds: float


def joint_layout(
    program: Program, name: str, sizes: Mapping[str, int], batch: int, dtype: torch.dtype, card: Card
) -> Joint | None:
    """The cheapest layout of one kernel of a call; None where there is none."""
    found = list(_layouts(program, program.kernels[name], sizes, batch, dtype, card))
    return min(found, key=lambda j: j.microseconds, default=None)


def _layouts(
    program: Program, written: Written, sizes: Mapping[str, int], batch: int, dtype: torch.dtype, card: Card
) -> Iterator[Joint]:
    words = {w: d.evaluate(sizes) for d, w in written.dims}
    made = [d.evaluate(sizes) for _, d in written.tiles]
    for rows in (r for r in ROWS if r == LEAST or r < 2 * batch):
        for share in SHARES:
            shares = -(-max(made) // share)
            if shares > card.processors or (shares == 1 and share > LEAST):
                continue
            units = {w: -(-size // shares) for w, size in words.items()}
            pads = {w: max(LEAST, power(size)) for w, size in units.items()}
            tiles = [(r.evaluate(sizes), pads[dict(written.dims)[m]]) for r, m in written.tiles]
            if sum(rows * out for _, out in tiles) * 4 > SUMS:
                continue
            taken = sum(power(read) * out for read, out in tiles) * dtype.itemsize
            if program.held and (taken > card.chip or taken > HELD * dtype.itemsize):
                continue
            depth = _depth(rows, tiles, dtype)
            blocks = max(1, min(-(-batch // rows), card.processors // shares))
            times = -(-batch // (rows * blocks))
            cost = times * _step(program, written, sizes, rows, tiles, dtype, card.pace)
            wholes = {w: max(LEAST, power(size)) for w, size in words.items()}
            wide = min(WIDEST_PIECE // rows, max(wholes.values()))
            warps = 8 if rows * max(pads.values()) > 1024 else 4
            yield Joint(rows, shares, blocks, units, pads, wholes, warps, depth, wide, cost)


def _depth(rows: int, tiles: list[tuple[int, int]], dtype: torch.dtype) -> int:
    """Units read at a time: so many that what is on its way fits."""
    each = (rows * len(tiles) + sum(out for _, out in tiles)) * dtype.itemsize * AHEAD
    longest = max(LEAST, power(max(read for read, _ in tiles)))
    return max(LEAST, min(128, longest, 1 << max(0, (PIECES // each).bit_length() - 1)))


def _step(
    program: Program,
    written: Written,
    sizes: Mapping[str, int],
    rows: int,
    tiles: list[tuple[int, int]],
    dtype: torch.dtype,
    pace: Pace,
) -> float:
    """Microseconds of a step."""
    assert written.stages is not None
    operands = sum(d.evaluate(sizes) for room, d in written.rooms if room.startswith((".room", ".next")))
    read = rows * operands + (0 if program.held else sum(read * out for read, out in tiles))
    flops = 2 * rows * sum(read * out for read, out in tiles)
    return written.stages.meetings * pace.meet + _on_one(read * dtype.itemsize, flops, dtype, pace)


def _on_one(read: int, flops: int, dtype: torch.dtype, pace: Pace) -> float:
    """Microseconds of one processor that reads and multiplies. A product of float32 is three of tf32."""
    slower = {2: 1.0, 4: 6.0, 8: 64.0}[dtype.itemsize]
    return read / (1e3 * pace.read) + slower * flops / (1e6 * pace.multiply)


def alone_step(
    program: Program, name: str, sizes: Mapping[str, int], batch: int, dtype: torch.dtype, card: Card
) -> float:
    """Microseconds of a step of programs that need nothing of each other; infinite where the sums of
    products do not fit into a program's registers."""
    written, made = program.kernels[name], layout(program, name, sizes, batch)
    words = dict(written.dims)
    tiles = [(made.pads[words[read]], made.pads[words[out]]) for read, out in written.tiles]
    if sum(made.rows * out for _, out in tiles) * 4 > 2 * SUMS:
        return float("inf")
    count = sum(read * out for read, out in tiles)
    times = -(-(-(-batch // made.rows) * made.shares) // card.processors)
    read = 0 if program.held else count * dtype.itemsize
    return times * _on_one(read, 2 * made.rows * count, dtype, card.pace)
