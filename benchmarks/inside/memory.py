"""The memory of a training step as `cw.describe(layer).memory(T, B)` says it, beside a fresh process's peak.

Counted are weights, gradients, AdamW's moments and what the layer keeps for the way back. The peak has also
what lives for a moment: the output, its gradient, work space.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence

import torch
from benchmarks.kernels.memory import held_now, high_water
from benchmarks.kernels.rows import ROOT, Row

import cellwright as cw

SHAPES = (
    ("lstm", 100, 32, 64, 128), ("lstm", 200, 32, 256, 512), ("gru", 100, 64, 128, 256),
    ("elman", 500, 32, 64, 256), ("slstm", 100, 32, 64, 256), ("lstm", 1000, 16, 32, 128),
)  # fmt: skip
Shape = tuple[str, int, int, int, int]


def rows(repetitions: int, shapes: Sequence[Shape] = SHAPES) -> Iterator[Row]:
    """A row for each cell and shape, in MiB; every peak is taken once, in a process of its own."""
    for name, T, B, I, H in shapes:
        said = cw.describe(cw.nn.Recurrent(name, I, H)).memory(T, B)
        peak = _fresh((name, T, B, I, H))
        yield {
            "cell": name, "T": T, "B": B, "I": I, "H": H,
            "mib": {"counted": _mib(said.total), "kept": _mib(said.kept), "peak": peak},
            "peak_by_counted": round(peak * 2**20 / said.total, 2),
        }  # fmt: skip


def _mib(size: int) -> float:
    return round(size / 2**20, 2)


def _fresh(shape: Shape) -> float:
    command = [sys.executable, "-m", "benchmarks.inside.memory", *map(str, shape)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return round(float(done.stdout), 2)


def taken(name: str, T: int, B: int, I: int, H: int) -> float:
    """MiB of one training step above what the process held before the layer was made."""
    torch.set_num_threads(1)
    _step(name, 3, 2, 2, 4)
    held = held_now()
    _step(name, T, B, I, H)
    return high_water() - held


def _step(name: str, T: int, B: int, I: int, H: int) -> None:
    layer, x = cw.nn.Recurrent(name, I, H), torch.randn(T, B, I)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(x)[0].sum().backward()
    optimizer.step()


if __name__ == "__main__":
    cell, *sizes = sys.argv[1:]
    print(taken(cell, *map(int, sizes)))
