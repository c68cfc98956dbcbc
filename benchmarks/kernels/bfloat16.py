"""A training step under torch.autocast in bfloat16 against float32, ours and torch.nn's.

Only where the processor multiplies in bfloat16 (AMX or AVX-512 BF16): elsewhere a row says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from benchmarks.kernels.rows import Options, Row, checked

from cellwright.backends.cpu.toolchain import vector_units
from cellwright.testing.check import CheckError, distance
from cellwright.testing.speed import (
    OURS,
    Contest,
    Contestant,
    Sizes,
    measure,
    ours,
    stock_or_reference,
)

SIZES = tuple(map(Sizes.parse, ("100,32,64,128", "100,64,128,256", "200,32,256,512", "35,20,650,650")))
# bfloat16 has 8 bits: a few thousandths for each rounding, and a step has several one after the other.
CEILING = 5e-2
NEEDED = {"AMX BF16", "AVX-512 BF16"}


def rows(options: Options) -> Iterator[Row]:
    """A row for each shape, or one that says why there is none."""
    if not NEEDED & set(vector_units()):
        units = ", ".join(vector_units()) or "none known"
        yield {"not_run": f"needs {' or '.join(sorted(NEEDED))}; this processor has {units}"}
        return
    for name in options.cells_or(("lstm",)):
        for sizes in options.sizes_or(SIZES):
            yield checked(partial(_row, name, sizes, options), name, sizes)


def _row(name: str, sizes: Sizes, options: Options) -> Row:
    return measure(name, sizes, repetitions=options.repetitions, peers=_peers).document()


def _peers(contest: Contest) -> list[Contestant]:
    """Ours in float32 is the measure; those in bfloat16 are held to it by bfloat16's own ceiling."""
    plain = ours(contest).step()
    found = [_in_bfloat16(ours(contest), f"{OURS} bfloat16"), stock_or_reference(contest)[0]]
    found.append(_in_bfloat16(found[1], f"{found[1].name} bfloat16"))
    for one in (found[0], found[2]):
        worst = max(distance(a.float(), b.double()) for a, b in zip(one.step(), plain, strict=True))
        if not worst <= CEILING:
            raise CheckError(f"{contest.cell.name} at {contest.sizes}: {one.name} is {worst:.1e} away")
    return found


def _in_bfloat16(one: Contestant, name: str) -> Contestant:
    step: Callable[[], object] = one.step

    def under_autocast() -> object:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return step()

    return replace(one, name=name, step=under_autocast, values=None)
