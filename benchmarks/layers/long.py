"""Long sequences: time and peak memory of a training step with segments and without.

Every figure is of fresh processes that train a tiny shape first; what they hold then, x included, is taken
off the peak. The loss is the sum of the last output; y, which grows with T whatever the layer does, is in the
peak. Times are CPU time of one thread: medians of the steps of several processes, the ways in turns; the
first step of a process, which takes its memory for the first time, is not timed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any

import torch
from benchmarks.kernels.memory import held_now, high_water
from benchmarks.kernels.rows import ROOT, Row

import cellwright as cw
from cellwright.testing.speed import Sizes

SHAPES = (
    *((cell, Sizes(steps, 8, 16, 64)) for cell in ("lstm", "gru") for steps in (1_000, 10_000, 100_000)),
    ("lstm", Sizes(1_000_000, 1, 8, 16)),
    ("lstm", Sizes(8_000, 16, 64, 256)),
)
WAYS = ("none", "sqrt")
PER_PROCESS = 3


def row(cell: str, sizes: Sizes, repetitions: int) -> Row:
    """One shape both ways: milliseconds and MiB, and how many times those without segments."""
    steps: dict[str, list[float]] = {way: [] for way in WAYS}
    peaks: dict[str, float] = {}
    for _ in range(-(-repetitions // PER_PROCESS)):
        for way in WAYS:
            found = _fresh(cell, sizes, way)
            steps[way] += found["steps"]
            peaks[way] = max(peaks.get(way, 0.0), found["peak"])
    ms = {way: statistics.median(times) * 1e3 for way, times in steps.items()}
    return {
        "cell": cell,
        **asdict(sizes),
        "ms": {way: round(value, 1) for way, value in ms.items()},
        "peak_mib": {way: round(value, 1) for way, value in peaks.items()},
        "y_mib": round(sizes.T * sizes.B * sizes.H * 4 / 2**20, 1),
        "times_as_long": round(ms["sqrt"] / ms["none"], 3),
        "times_as_much": round(peaks["sqrt"] / peaks["none"], 3),
    }


def _fresh(cell: str, sizes: Sizes, way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.layers.long_once", cell, str(sizes), way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def once(cell: str, sizes: Sizes, way: str) -> dict[str, Any]:
    """What the fresh process does: the seconds of its steps, and the MiB of its peak."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    layer = cw.nn.Recurrent(cell, sizes.I, sizes.H, checkpoint="sqrt" if way == "sqrt" else None)
    _step(layer, torch.randn(20, sizes.B, sizes.I))
    x = torch.randn(sizes.T, sizes.B, sizes.I)
    before = held_now()
    _, *steps = [_step(layer, x) for _ in range(1 + PER_PROCESS)]
    return {"steps": steps, "peak": high_water() - before}


def _step(layer: cw.nn.Recurrent, x: torch.Tensor) -> float:
    """One training step; the CPU seconds it took."""
    begin = time.process_time()
    layer.zero_grad()
    layer(x)[0][-1].sum().backward()
    return time.process_time() - begin
