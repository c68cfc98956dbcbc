"""A softmax over many classes: `cw.nn.linear_cross_entropy` against torch's ways, forward and back.

T steps of B sequences, I numbers each, H classes. torch's are the two functions that everybody writes, and
its own `linear_cross_entropy` in pieces where it has one. The three products alone, by torch.mm, are what the
processor asks at least of anybody who uses them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from benchmarks.kernels.rows import Row
from benchmarks.layers.alike import distance
from torch import Tensor
from torch.nn import functional

import cellwright as cw
from cellwright.testing.speed import Sizes
from cellwright.testing.timing import in_turns

# Penn Treebank by 200 and by 512 units, WikiText-2, word pieces of a translation, bytes, letters.
SHAPES = (
    ("softmax", Sizes(20, 20, 200, 10_000)),
    ("softmax", Sizes(32, 32, 512, 10_000)),
    ("softmax", Sizes(35, 20, 400, 33_278)),
    ("softmax", Sizes(15, 64, 256, 4_000)),
    ("softmax", Sizes(100, 32, 128, 256)),
    ("softmax", Sizes(100, 32, 256, 65)),
)
OURS, PLAIN, PIECES = "cellwright", "linear, cross_entropy", "torch, in pieces"
PRODUCTS = "the three products"


def row(cell: str, sizes: Sizes, repetitions: int) -> Row:
    """One shape: the milliseconds of each way."""
    ways, leaves = _ways(sizes)
    error = _checked(ways, leaves)
    jobs: dict[str, Callable[[], object]] = {name: _step(way, leaves) for name, way in ways.items()}
    jobs[PRODUCTS] = _products(leaves)
    timed = in_turns(jobs, repetitions, time.process_time)
    median = {name: timing.median for name, timing in timed.items()}
    return {
        "cell": cell,
        **asdict(sizes),
        "error": error,
        "ms": {name: timing.document() for name, timing in timed.items()},
        "times_as_fast": round(median[PLAIN] / median[OURS], 3),
        "of_products": round(median[OURS] / median[PRODUCTS], 3),
    }


def _ways(sizes: Sizes) -> tuple[dict[str, Callable[[], Tensor]], list[Tensor]]:
    """What gives the loss, by name, and its leaves: x, weight, bias."""
    random = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    x, weight, bias = drawn(sizes.T * sizes.B, sizes.I), drawn(sizes.H, sizes.I) / 10, drawn(sizes.H)
    leaves = [v.requires_grad_() for v in (x, weight, bias)]
    wanted = torch.randint(sizes.H, (len(x),), generator=random)
    ways = {
        OURS: lambda: cw.nn.linear_cross_entropy(x, weight, wanted, linear_bias=bias),
        PLAIN: lambda: functional.cross_entropy(functional.linear(x, weight, bias), wanted),
    }
    if hasattr(functional, "linear_cross_entropy"):
        options: Any = torch.nn.LinearCrossEntropyOptions()
        theirs = functional.linear_cross_entropy
        ways[PIECES] = lambda: theirs(x, weight, wanted, linear_bias=bias, options=options)
    return ways, leaves


def _checked(ways: dict[str, Callable[[], Tensor]], leaves: list[Tensor]) -> float:
    """The largest distance of the loss and its gradients from torch's, as a part of the largest number."""
    found = {name: [way().detach(), *torch.autograd.grad(way(), leaves)] for name, way in ways.items()}
    return distance(found, PLAIN)


def _step(way: Callable[[], Tensor], leaves: list[Tensor]) -> Callable[[], object]:
    return lambda: torch.autograd.grad(way(), leaves)


def _products(leaves: list[Tensor]) -> Callable[[], object]:
    x, weight = (v.detach() for v in leaves[:2])
    slope = torch.mm(x, weight.T)
    return lambda: (torch.mm(x, weight.T), torch.mm(slope, weight), torch.mm(slope.T, x))
