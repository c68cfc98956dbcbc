"""The most memory that a training step takes, beside torch.nn's: a fresh process for each.

The process trains a tiny shape first; what it holds then is taken off. On Linux the high-water mark is the
kernel's VmHWM, elsewhere ru_maxrss. Run with a cell, a shape and a name, it is that process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from benchmarks.kernels.rows import ROOT, Options, Row

from cellwright.testing.speed import LAYERS, OURS, Contestant, Sizes, ours, prepare, stock_or_reference

WHO = (OURS, "torch.nn")
TINY = Sizes(3, 2, 2, 4)


def rows(options: Options) -> Iterator[Row]:
    """A row for each cell and shape: MiB above what the process held before."""
    for name in options.cells_or(tuple(LAYERS)):
        for sizes in options.sizes_or():
            taken = {who: _fresh(name, sizes, who) for who in WHO}
            ratio = taken[OURS] / taken["torch.nn"]
            yield {
                "cell": name,
                "T": sizes.T, "B": sizes.B, "I": sizes.I, "H": sizes.H,
                        "mib": taken,
                "times_as_much": round(ratio, 3),
            }  # fmt: skip


def _fresh(name: str, sizes: Sizes, who: str) -> float:
    command = [sys.executable, "-m", "benchmarks.kernels.memory", name, str(sizes), who]
    done = subprocess.run(
        [*command, str(torch.get_num_threads())], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def high_water() -> float:
    """The most that this process has held, in MiB."""
    marks = _status("VmHWM")
    if marks is not None:
        return marks
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def held_now() -> float:
    """What it holds now; the high-water mark starts anew from there where the system allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS") or high_water()


def _status(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)


def _contestant(name: str, sizes: Sizes, who: str) -> Contestant:
    contest = prepare(name, sizes, torch.float32)
    return ours(contest) if who == OURS else stock_or_reference(contest)[0]


def main(name: str, shape: str, who: str, threads: str) -> None:
    """What the fresh process does: print the MiB."""
    torch.set_num_threads(int(threads))
    tiny, real = _contestant(name, TINY, who), _contestant(name, Sizes.parse(shape), who)
    tiny.step()
    before = held_now()
    for _ in range(3):
        real.step()
    print(round(high_water() - before, 2))


if __name__ == "__main__":
    main(*sys.argv[1:])
