"""The emitted kernels against the reference: every cell, both types, awkward sizes, random cells."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from tests.backends.agreement import agree
from tests.random_cells import cells

import cellwright as cw
from cellwright.compiler.trace import Cell

LIBRARY = cw.cells.all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", LIBRARY)
def test_every_cell(name: str, dtype: torch.dtype) -> None:
    agree(name, dtype)
    agree(name, dtype, T=1, B=1, H=4)
    agree(name, dtype, T=40, B=9, H=32, I=5)
    agree(name, dtype, T=5, B=7, H=17, I=1)


@pytest.mark.parametrize("name", LIBRARY)
def test_ragged_lengths(name: str) -> None:
    agree(name, lengths=torch.tensor([5, 0, 6, 1]), B=4)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(cells())
def test_random_cells(cell: Cell) -> None:
    agree(cell, H=6)
