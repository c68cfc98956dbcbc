"""Dropout, forward and back: `cw.nn.Dropout` against torch.nn.Dropout.

T steps of B sequences, I = H numbers each: what a layer gives, or a matrix of weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import torch
from benchmarks.kernels.rows import Row
from torch import Tensor, nn

import cellwright as cw
from cellwright.testing.speed import Sizes
from cellwright.testing.timing import in_turns

SHARE = 0.3
# What layers of 200 and 512 units give on Penn Treebank, of 256 on 100 steps; a matrix of an LSTM of 512.
SHAPES = (
    ("dropout", Sizes(20, 20, 200, 200)),
    ("dropout", Sizes(32, 64, 512, 512)),
    ("dropout", Sizes(100, 32, 256, 256)),
    ("dropout", Sizes(1, 2048, 512, 512)),
)
OURS, TORCHS = "cellwright", "torch.nn.Dropout"


def row(cell: str, sizes: Sizes, repetitions: int) -> Row:
    """One shape: the milliseconds of each way; `error` is how far the share dropped is from `SHARE`."""
    x = torch.ones(sizes.T, sizes.B, sizes.H, requires_grad=True)
    ways: dict[str, nn.Module] = {OURS: cw.nn.Dropout(SHARE), TORCHS: nn.Dropout(SHARE)}
    dropped = float((ways[OURS](x) == 0).double().mean())
    jobs: dict[str, Callable[[], object]] = {name: _step(way, x) for name, way in ways.items()}
    timed = in_turns(jobs, repetitions, time.process_time)
    return {
        "cell": cell,
        **asdict(sizes),
        "error": abs(dropped - SHARE),
        "ms": {name: timing.document() for name, timing in timed.items()},
        "times_as_fast": round(timed[TORCHS].median / timed[OURS].median, 3),
    }


def _step(way: nn.Module, x: Tensor) -> Callable[[], object]:
    slope = torch.ones_like(x)
    return lambda: torch.autograd.grad(way(x), x, slope)
