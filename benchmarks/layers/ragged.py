"""Sequences of different lengths: `lengths=` of ours against torch.nn's PackedSequence, forward and back.

The lengths are drawn evenly from 1 to T, the longest is T, their order is random; packing and padding again
is timed with the run, for that is what torch.nn asks for. What both cost without lengths stands beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import torch
from benchmarks.kernels.rows import Row
from benchmarks.layers.alike import distance
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import cellwright as cw
from cellwright.testing.speed import Sizes
from cellwright.testing.timing import in_turns

KINDS = {"lstm": "LSTM", "gru": "GRU"}
SHAPES = (
    *(("lstm", Sizes(steps, 16, 32, 64)) for steps in (50, 200, 1_000, 4_000)),
    ("lstm", Sizes(1_000, 32, 64, 256)),
    ("gru", Sizes(1_000, 16, 32, 64)),
)
OURS, PACKED = "cellwright, lengths", "torch.nn, PackedSequence"


def row(cell: str, sizes: Sizes, repetitions: int) -> Row:
    """One shape: the milliseconds of each way."""
    ways, leaves = _ways(cell, sizes)
    error = _checked(ways, leaves)
    jobs = {name: _step(way, leaves[name]) for name, way in ways.items()}
    timed = in_turns(jobs, repetitions, time.process_time)
    median = {name: timing.median for name, timing in timed.items()}
    return {
        "cell": cell,
        **asdict(sizes),
        "error": error,
        "ms": {name: timing.document() for name, timing in timed.items()},
        "times_as_fast": round(median[PACKED] / median[OURS], 3),
        "of_padded": round(median[OURS] / median["cellwright, padded"], 3),
        "torch_of_padded": round(median[PACKED] / median["torch.nn, padded"], 3),
    }


def _ways(cell: str, sizes: Sizes) -> tuple[dict[str, Callable[[], Tensor]], dict[str, list[Tensor]]]:
    """What gives y, by name, and the leaves of each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = getattr(nn, KINDS[cell])(sizes.I, sizes.H)
        x = torch.randn(sizes.T, sizes.B, sizes.I, requires_grad=True)
        lengths = torch.randint(1, sizes.T + 1, (sizes.B,))
        lengths[int(torch.randint(sizes.B, ()))] = sizes.T
    ours = getattr(cw.nn, KINDS[cell])(sizes.I, sizes.H)
    ours.load_state_dict(theirs.state_dict())
    open_ = cw.nn.Recurrent(cell, sizes.I, sizes.H)
    _copied(ours, open_)

    def packed() -> Tensor:
        y, _ = theirs(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(y, total_length=sizes.T)[0]

    ways = {
        OURS: lambda: open_(x, lengths=lengths)[0],
        PACKED: packed,
        "cellwright, PackedSequence": lambda: _through(ours, x, lengths, sizes.T),
        "cellwright, padded": lambda: open_(x)[0],
        "torch.nn, padded": lambda: theirs(x)[0],
    }
    own: dict[str, nn.Module] = {OURS: open_, "cellwright, padded": open_, "cellwright, PackedSequence": ours}
    return ways, {name: [x, *own.get(name, theirs).parameters()] for name in ways}


def _copied(ours: cw.nn.LSTM | cw.nn.GRU, layer: cw.nn.Recurrent) -> None:
    with torch.no_grad():
        for name, weight in ours.weights(0).items():
            layer.weights(0)[name].copy_(weight)


def _through(layer: nn.Module, x: Tensor, lengths: Tensor, steps: int) -> Tensor:
    y, _ = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
    return pad_packed_sequence(y, total_length=steps)[0]


def _checked(ways: dict[str, Callable[[], Tensor]], leaves: dict[str, list[Tensor]]) -> float:
    """The largest distance of y and dx from torch.nn's, as a part of its largest number."""
    found = {}
    for name in (OURS, "cellwright, PackedSequence", PACKED):
        y = ways[name]()
        found[name] = [y.detach(), torch.autograd.grad(y.square().sum(), leaves[name][0])[0]]
    return distance(found, PACKED)


def _step(way: Callable[[], Tensor], leaves: list[Tensor]) -> Callable[[], object]:
    return lambda: torch.autograd.grad(way().sum(), leaves)
