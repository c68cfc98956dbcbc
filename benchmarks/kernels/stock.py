"""A training step of LSTM, GRU and RNN against torch.nn's, float32, over the eight shapes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.kernels.rows import Options, Row, checked

from cellwright.testing.speed import LAYERS, Sizes, measure


def rows(options: Options) -> Iterator[Row]:
    """A row for each cell and shape."""
    for name in options.cells_or(tuple(LAYERS)):
        for sizes in options.sizes_or():
            yield checked(partial(_row, name, sizes, options), name, sizes)


def _row(name: str, sizes: Sizes, options: Options) -> Row:
    return measure(name, sizes, repetitions=options.repetitions).document()
