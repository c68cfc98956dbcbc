"""One push of one stream, the Python call included, in microseconds: ours and the peers in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from benchmarks.kernels.rows import Row
from benchmarks.stream import peers

import cellwright as cw
from cellwright.testing.timing import Timing, in_turns

SIZES = (16, 64, 128, 256)
CLOSE = 1e-5
STEPS = 5
BURST_US = 2000  # about so long a burst of pushes is timed as one


def rows(repetitions: int, sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """A row for each H = I."""
    for H in sizes:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layer, x = cw.nn.LSTM(H, H).eval(), torch.randn(H)
        pushes = peers.ours(layer, x)
        pushes["torch.nn.LSTMCell"] = peers.lstm_cell(layer, x)
        onnx = peers.onnx_runtime(layer, x)
        if onnx is not None:
            pushes["ONNX Runtime"] = onnx
        error = _checked(pushes)
        counts = {name: _count(push) for name, push in pushes.items()}
        timed = in_turns({name: _burst(push, counts[name]) for name, push in pushes.items()}, repetitions)
        us = {name: _microseconds(timing, counts[name]) for name, timing in timed.items()}
        yield {"cell": "lstm", "H": H, "dtype": "float32", "error": error, "us": us}


def _checked(pushes: dict[str, peers.Push]) -> float:
    """The largest distance of a contestant's output from the first one's after a few steps."""
    found = {}
    for name, push in pushes.items():
        for _ in range(STEPS):
            y = push()
        found[name] = torch.as_tensor(y).double().numpy().copy()
    first, *others = found.values()
    error = max(float(np.abs(y - first).max()) for y in others)
    if not error < CLOSE or not np.abs(first).max() > 1e-3:
        raise SystemExit(f"the contestants compute different things: {error}; nothing was timed")
    return float(f"{error:.2g}")


def _microseconds(timing: Timing, count: int) -> dict[str, float]:
    """Of one push in a burst of `count`."""
    found = {name: getattr(timing, name) for name in ("least", "lower", "median", "upper")}
    return {name: float(f"{1e3 * value / count:.4g}") for name, value in found.items()}


def _burst(push: peers.Push, count: int) -> Callable[[], Any]:
    def burst() -> None:
        for _ in range(count):
            push()

    return burst


def _count(push: peers.Push) -> int:
    """How many pushes make a burst."""
    timing = in_turns({"": _burst(push, 20)}, 3)[""]
    return max(5, round(20 * BURST_US / (1e3 * timing.least)))
