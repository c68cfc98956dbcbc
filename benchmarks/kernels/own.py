"""Cells that torch.nn has not: against the loop in torch, torch.compile of it, JAX's scan, and our own LSTM.

The last is the price of leaving the beaten track: multiply-adds a second as a part of those of our LSTM at
the same shape, timed in the same turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec

from benchmarks.kernels.loops import compiled, loop
from benchmarks.kernels.rows import Options, Row, checked

from cellwright.description import describe
from cellwright.testing.speed import Contest, Contestant, Sizes, check, measure, ours, prepare

OUR_LSTM = "our lstm"
MINE = "benchmarks/kernels/mine.py:mine"
CELLS = ("lstm_layer_norm", "peephole", "slstm", MINE)
SIZES = tuple(map(Sizes.parse, ("100,32,64,128", "100,64,128,256", "200,32,256,512")))
# torch.compile unrolls the loop: a minute or two at T = 100.
SHORT = (Sizes.parse("20,32,64,128"),)


@dataclass
class Peers:
    """Those who run beside a cell; `notes` says what the times do not."""

    with_compile: bool
    notes: Row = field(default_factory=dict)

    def __call__(self, contest: Contest) -> Sequence[Contestant]:
        """The contestants for one cell at one shape."""
        found = [loop(contest), _our_lstm(contest)]
        if find_spec("jax") is None:
            self.notes["no jax scan"] = "JAX is not installed: benchmarks/kernels/requirements.txt"
        else:
            from benchmarks.kernels.scans import scan

            found.append(scan(contest))
        if self.with_compile:
            one, seconds = compiled(contest)
            self.notes["torch.compile until the first step, s"] = round(seconds, 1)
            found.append(one)
        return found


def rows(options: Options) -> Iterator[Row]:
    """A row for each cell and shape."""
    for name in options.cells_or(CELLS):
        for sizes in options.sizes_or(SHORT if options.with_compile else SIZES):
            yield checked(partial(_row, name, sizes, options), name, sizes)


def _row(name: str, sizes: Sizes, options: Options) -> Row:
    peers = Peers(options.with_compile)
    found = measure(name, sizes, repetitions=options.repetitions, peers=peers)
    lstm = describe("lstm", units=sizes.H, inputs=sizes.I).multiply_adds
    rate = found.ratio(OUR_LSTM) * found.multiply_adds / lstm
    return {**found.document(), **peers.notes, "rate_of_our_lstm": round(rate, 3)}


def _our_lstm(contest: Contest) -> Contestant:
    """Checked like everything that is timed; it computes something else, so nothing is compared with it."""
    own = prepare("lstm", contest.sizes, contest.x.dtype)
    check(own, [ours(own)])
    return replace(ours(own), name=OUR_LSTM, values=None)
