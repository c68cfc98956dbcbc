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
from cellwright.backends.triton.sizes import LEAST, UNROLLED, layout, power, unrolled

# Bytes of sums of products that the registers of a program hold beside everything else.
SUMS = 128 << 10
# Pieces on their way to a program may take so much of what it may hold, at so many loads ahead.
PIECES, AHEAD = 5 / 7, 3
# Numbers of a row piece that is summed: more (1,024 of 16 rows) spilled kilobytes.
WIDEST_PIECE = 4096
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
            warps = 8 if rows * max(pads.values()) > 1024 else 4
            if program.held and not _holds(written, sizes, rows, tiles, warps, dtype, card):
                continue
            depth = _depth(rows, tiles, dtype, card)
            blocks = max(1, min(-(-batch // rows), card.processors // shares))
            times = -(-batch // (rows * blocks))
            cost = times * _step(program, written, {**sizes, "SHARES": shares}, rows, tiles, dtype, card.pace)
            wholes = {w: max(LEAST, power(size)) for w, size in words.items()}
            wide = min(WIDEST_PIECE // rows, max(wholes.values()))
            yield Joint(rows, shares, blocks, units, pads, wholes, warps, depth, wide, cost)


def _holds(
    written: Written, sizes: Mapping[str, int], rows: int, tiles: list[tuple[int, int]], warps: int,
    dtype: torch.dtype, card: Card,
) -> bool:  # fmt: skip
    """Whether a program's columns of the matrices fit beside what they multiply, and make no long code."""
    whole = [(power(read), out) for read, out in tiles]
    taken = sum(read * out for read, out in whole) + rows * sum(map(power, _operands(written, sizes)))
    return taken * dtype.itemsize <= card.chip and unrolled(rows, whole, warps, dtype) <= UNROLLED


def _operands(written: Written, sizes: Mapping[str, int]) -> list[int]:
    """The sizes of what is multiplied."""
    return [d.evaluate(sizes) for room, d in written.rooms if room.startswith((".room", ".next"))]


def _depth(rows: int, tiles: list[tuple[int, int]], dtype: torch.dtype, card: Card) -> int:
    """Units read at a time: so many that what is on its way fits, and its products are no longer a piece of
    code than where matrices are held."""
    each = (rows * len(tiles) + sum(out for _, out in tiles)) * dtype.itemsize * AHEAD
    longest = max(LEAST, power(max(read for read, _ in tiles)))
    most = 256 // dtype.itemsize
    return max(LEAST, min(most, longest, 1 << max(0, (int(PIECES * card.chip) // each).bit_length() - 1)))


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
    matrices = sum(read * out for read, out in tiles)
    read = rows * sum(_operands(written, sizes)) + (0 if program.held else matrices)
    parts = [d for room, d in written.rooms if room.startswith(".part")]
    swept = rows * sum(d.evaluate(sizes) for d in (*written.swept, *parts)) * max(4, dtype.itemsize)
    flops = 2 * rows * matrices
    return written.stages.meetings * pace.meet + _on_one(read * dtype.itemsize + swept, flops, dtype, pace)


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
