"""A model with our layer under torch.compile against the same model without: a training step and a run.

The model is a linear map, the layer, and linear maps with GELU on the last output: something for the compiler
on both sides. `fullgraph=True`: a graph break would end it. The model without torch.compile runs our kernels
as well, so all that the compiler can win lies outside of the loop.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict

import torch
from benchmarks.kernels.rows import Row
from torch import Tensor, nn

import cellwright as cw
from cellwright.testing.speed import Sizes
from cellwright.testing.timing import in_turns

SHAPES = (
    ("lstm", Sizes(100, 32, 64, 128)),
    ("lstm", Sizes(24, 256, 16, 64)),
    ("lstm", Sizes(50, 4, 32, 32)),
    ("gru", Sizes(100, 32, 64, 128)),
    ("peephole", Sizes(100, 32, 64, 128)),
)
CLOSE = 1e-4


class Model(nn.Module):
    """x [T, B, I] -> [B, 8]."""

    def __init__(self, cell: str, sizes: Sizes) -> None:
        super().__init__()
        self.before = nn.Linear(sizes.I, sizes.I)
        self.rnn = cw.nn.Recurrent(cell, sizes.I, sizes.H)
        self.head = nn.Sequential(nn.Linear(sizes.H, sizes.H), nn.GELU(), nn.Linear(sizes.H, 8))

    def forward(self, x: Tensor) -> Tensor:
        """The head of the last output."""
        y: Tensor = self.head(self.rnn(torch.tanh(self.before(x)))[0][-1])
        return y


def row(cell: str, sizes: Sizes, repetitions: int) -> Row:
    """One shape: milliseconds of a training step and of a run, each way, and the seconds of compiling."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain, x = Model(cell, sizes), torch.randn(sizes.T, sizes.B, sizes.I)
    made = copy.deepcopy(plain)
    # What was compiled for another shape would count as one more try at this code.
    torch._dynamo.reset()
    compiled = torch.compile(made, fullgraph=True)
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = _distance(_gradients(compiled, made, x), _gradients(plain, plain, x))
        jobs: dict[str, Callable[[], object]] = {
            "training, eager": lambda: _gradients(plain, plain, x),
            "training, compiled": lambda: _gradients(compiled, made, x),
            "run, eager": lambda: _run(plain, x),
            "run, compiled": lambda: _run(compiled, x),
        }
        jobs["run, compiled"]()
    seconds = time.perf_counter() - begun
    if not error < CLOSE:
        raise SystemExit(f"the compiled model computes something else: {error}; nothing was timed")
    timed = in_turns(jobs, repetitions, time.process_time)
    median = {name: timing.median for name, timing in timed.items()}
    return {
        "cell": cell,
        **asdict(sizes),
        "error": float(f"{error:.2g}"),
        "compiling_s": round(seconds, 1),
        "ms": {name: timing.document() for name, timing in timed.items()},
        "times_as_fast": {
            what: round(median[f"{what}, eager"] / median[f"{what}, compiled"], 3)
            for what in ("training", "run")
        },
    }


def _gradients(call: Callable[[Tensor], Tensor], model: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(call(x).square().mean(), list(model.parameters()))


def _run(call: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.no_grad():
        return call(x)


def _distance(got: tuple[Tensor, ...], wanted: tuple[Tensor, ...]) -> float:
    """The largest, as a part of the largest number of each tensor."""
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(got, wanted, strict=True))
