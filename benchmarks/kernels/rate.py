"""The rate of the products in our forward loop, H = 256, as a part of torch.mm's in the same run.

Our forward without its hoisted input product, which is torch's and is timed beside it; torch.mm at the
product of one step, B rows, and at that of all steps at once, T * B rows: the higher of the two counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from benchmarks.kernels.rows import Options, Row, checked

from cellwright.testing.speed import Sizes, check, ours, prepare
from cellwright.testing.timing import in_turns

SIZES = (Sizes.parse("100,64,128,256"), Sizes.parse("100,64,1,256"))


def rows(options: Options) -> Iterator[Row]:
    """A row for each shape."""
    for sizes in options.sizes_or(SIZES):
        yield checked(partial(_row, sizes, options.repetitions), "lstm", sizes)


@torch.no_grad()
def _row(sizes: Sizes, repetitions: int) -> Row:
    T, B, I, H = sizes.T, sizes.B, sizes.I, sizes.H
    contest = prepare("lstm", sizes, torch.float32)
    with torch.enable_grad():
        backend, proof = check(contest, [ours(contest)])
    x, W, U, b = contest.x.view(T * B, I), torch.randn(4 * H, I), torch.randn(4 * H, H), torch.randn(4 * H)
    h, all_h = torch.randn(B, H), torch.randn(T * B, H)

    def one_step_at_a_time() -> None:
        for _ in range(T):
            torch.mm(h, U.T)

    jobs = {
        "forward": lambda: contest.layer(contest.x),
        "hoisted": lambda: torch.addmm(b, x, W.T),
        "torch.mm, B rows": one_step_at_a_time,
        "torch.mm, T * B rows": lambda: torch.mm(all_h, U.T),
    }
    times = in_turns(jobs, repetitions)
    loop = times["forward"].median - times["hoisted"].median
    work = 2e-6 * T * B * 4 * H * H  # GFLOP in a millisecond
    rates = {name: work / times[name].median for name in jobs if name.startswith("torch")} | {
        "ours": work / loop
    }
    part = rates["ours"] / max(rates["torch.mm, B rows"], rates["torch.mm, T * B rows"])
    return {
        "cell": "lstm",
        "T": T, "B": B, "I": I, "H": H,
        "backend": backend,
        "check": {"worst": proof.check, "error": proof.error, "allowed": proof.allowed},
        "ms": {name: timing.document() for name, timing in times.items()},
        "gflops": {name: float(f"{rate:.4g}") for name, rate in rates.items()},
        "part_of_torch_mm": round(part, 3),
    }  # fmt: skip
