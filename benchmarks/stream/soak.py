"""Ten million pushes: what the process holds before and after, and what Python allocated on the way."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from itertools import repeat

import torch
from benchmarks.kernels.memory import held_now
from benchmarks.kernels.rows import Row
from benchmarks.stream import peers

import cellwright as cw

WARM, TRACED = 200_000, 100_000


def rows(pushes: int, H: int = 16) -> Iterator[Row]:
    """A row for each kind of push."""
    layer = cw.nn.LSTM(H, H).eval()
    for name, push in peers.ours(layer, torch.randn(H)).items():
        _push(push, min(WARM, pushes))
        gc.collect()
        before, begun = held_now(), time.perf_counter()
        _push(push, pushes)
        seconds = time.perf_counter() - begun
        gc.collect()
        yield {
            "cell": "lstm",
            "H": H,
            "kind": name,
            "pushes": pushes,
            "seconds": round(seconds, 2),
            "mib_before": round(before, 3),
            "mib_after": round(held_now(), 3),
            "python_bytes": _traced(push, min(TRACED, pushes)),
        }


def _push(push: peers.Push, count: int) -> None:
    for _ in repeat(None, count):
        push()


def _traced(push: peers.Push, count: int) -> int:
    """What Python holds more after so many pushes than before them."""
    tracemalloc.start()
    try:
        _push(push, 1000)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        _push(push, count)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
