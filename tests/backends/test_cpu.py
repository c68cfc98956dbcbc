"""The emitted kernels against the reference: every cell, both types, awkward sizes."""

from __future__ import annotations

import pytest
import torch
from tests.backends.agreement import agree

import cellwright as cw

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
