"""`cw.inspect.record` beside a plain forward of the same layer, in turns in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from benchmarks.kernels.rows import Row

import cellwright as cw

SHAPES = (
    ("lstm", 100, 32, 64, 128), ("gru", 100, 32, 64, 128), ("elman", 100, 32, 64, 128),
    ("slstm", 100, 32, 64, 128), ("peephole", 50, 20, 200, 200), ("lstm", 24, 256, 7, 64),
    ("gru", 1000, 8, 32, 64), ("lstm", 200, 1, 64, 512), ("lstm", 1000, 1, 16, 64), ("lstm", 50, 1, 4, 8),
)  # fmt: skip
WARM = 3


Shape = tuple[str, int, int, int, int]


def rows(repetitions: int, shapes: Sequence[Shape] = SHAPES) -> Iterator[Row]:
    """A row for each cell and shape: medians in ms, and how many times as long a recording takes."""
    for name, T, B, I, H in shapes:
        torch.manual_seed(0)
        layer, x = cw.nn.Recurrent(name, I, H), torch.randn(T, B, I)
        forward, recording = partial(_forward, layer, x), partial(cw.inspect.record, layer, x)
        plain, record = _in_turns(forward, recording, repetitions)
        ms = {"forward": round(1e3 * plain, 3), "record": round(1e3 * record, 3)}
        yield {
            "cell": name, "T": T, "B": B, "I": I, "H": H, "ms": ms, "times_as_long": round(record / plain, 2)
        }  # fmt: skip


@torch.no_grad()
def _forward(layer: cw.nn.Recurrent, x: torch.Tensor) -> None:
    layer(x)


def _in_turns(
    one: Callable[[], object], other: Callable[[], object], repetitions: int
) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM + repetitions):
        for work, found in zip((one, other), times, strict=True):
            begun = time.perf_counter()
            work()
            if turn >= WARM:
                found.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])
