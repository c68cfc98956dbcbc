"""Long sequences: time and peak memory of a training step with segments and without.

Each way is a fresh process that trains a tiny shape first; what it holds then, x included, is taken off the
peak. Both take steps in turns, so that what disturbs the machine disturbs both; the first step, which takes
its memory for the first time, is not timed. A step is forward and back to x and to every weight, the loss the
sum of the last output; y and the gradients of y and x grow with T whatever the layer does: `ends_mib`. Times
are medians of the CPU time of one thread.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict

import torch
from benchmarks.kernels.memory import held_now, high_water
from benchmarks.kernels.rows import ROOT, Row

import cellwright as cw
from cellwright.testing.speed import Sizes

SHAPES = (
    *((cell, Sizes(steps, 8, 16, 64)) for cell in ("lstm", "gru") for steps in (1_000, 10_000, 100_000)),
    ("lstm", Sizes(100_000, 4, 64, 128)),
    ("lstm", Sizes(1_000_000, 1, 8, 16)),
    ("lstm", Sizes(8_000, 16, 64, 256)),
)
WAYS = ("none", "sqrt")


def row(cell: str, sizes: Sizes, repetitions: int) -> Row:
    """One shape both ways: milliseconds and MiB, and how many times those without segments."""
    with ExitStack() as stack:
        workers = {way: stack.enter_context(_worker(cell, sizes, way)) for way in WAYS}
        found = [{way: _answer(worker) for way, worker in workers.items()} for _ in range(1 + repetitions)]
    ms = {way: statistics.median(turn[way]["seconds"] for turn in found[1:]) * 1e3 for way in WAYS}
    peaks = {way: found[-1][way]["peak"] for way in WAYS}
    return {
        "cell": cell,
        **asdict(sizes),
        "ms": {way: round(value, 1) for way, value in ms.items()},
        "peak_mib": {way: round(value, 1) for way, value in peaks.items()},
        "ends_mib": round(sizes.T * sizes.B * (2 * sizes.H + sizes.I) * 4 / 2**20, 1),
        "times_as_long": round(ms["sqrt"] / ms["none"], 3),
        "times_as_much": round(peaks["sqrt"] / peaks["none"], 3),
    }


def _worker(cell: str, sizes: Sizes, way: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.layers.long_way", cell, str(sizes), way]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answer(worker: subprocess.Popen[str]) -> dict[str, float]:
    """One step of a worker."""
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write("step\n")
    worker.stdin.flush()
    found: dict[str, float] = json.loads(worker.stdout.readline())
    return found


def work(cell: str, sizes: Sizes, way: str) -> None:
    """What a worker does: for each line that comes in a step, its seconds and the peak so far, in MiB."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    layer = cw.nn.Recurrent(cell, sizes.I, sizes.H, checkpoint="sqrt" if way == "sqrt" else None)
    _step(layer, torch.randn(20, sizes.B, sizes.I))
    x = torch.randn(sizes.T, sizes.B, sizes.I, requires_grad=True)
    before = held_now()
    for _ in sys.stdin:
        seconds = _step(layer, x)
        print(json.dumps({"seconds": seconds, "peak": high_water() - before}), flush=True)


def _step(layer: cw.nn.Recurrent, x: torch.Tensor) -> float:
    """One training step; the CPU seconds it took."""
    begin = time.process_time()
    torch.autograd.grad(layer(x)[0][-1].sum(), [*layer.parameters(), *([x] if x.requires_grad else [])])
    return time.process_time() - begin
