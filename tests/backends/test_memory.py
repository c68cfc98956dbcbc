"""The kernels' memory: blocks are taken again, never shared, and not hoarded."""

from __future__ import annotations

import gc

import pytest
import torch

from cellwright.backends.cpu import memory
from cellwright.backends.cpu.memory import LEAST, Blocks

MANY = LEAST  # float32: four times the least


def test_a_block_is_taken_again_once_nobody_holds_it() -> None:
    blocks = Blocks()
    first = blocks.take((MANY,), torch.float32)
    second = blocks.take((MANY,), torch.float32)
    assert first.data_ptr() != second.data_ptr()
    place, view = first.data_ptr(), first[10:20]
    del first
    assert blocks.take((MANY,), torch.float32).data_ptr() != place, "a view still holds it"
    del view
    gc.collect()
    assert blocks.take((MANY,), torch.float32).data_ptr() == place


def test_an_unusual_call_is_forgotten() -> None:
    blocks = Blocks()
    large = blocks.take((64 * MANY,), torch.float32)
    del large
    assert blocks.waiting >= 64 * MANY * 4
    for _ in range(12):
        blocks.take((MANY,), torch.float32)
    assert blocks.in_use == 0
    assert blocks.waiting <= 2 * MANY * 4


def test_what_takes_turns_is_not_mapped_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    pages = memory._pages
    monkeypatch.setattr(memory, "_pages", lambda size: made.append(size) or pages(size))  # type: ignore[func-returns-value]
    blocks = Blocks()
    held = blocks.take((8 * MANY,), torch.float32)
    for _ in range(4):
        del held
        room = blocks.take((40 * MANY,), torch.float32)
        held = blocks.take((8 * MANY,), torch.float32)
        del room
        back = [blocks.take((size * MANY,), torch.float32) for size in (15, 17)]
        del back
    assert len(made) == 4, "one each"
    assert blocks.waiting + blocks.in_use <= 2 * blocks.most


def test_sizes_and_types() -> None:
    blocks = Blocks()
    for shape in ((3,), (0,), (1000, 77), (LEAST, 3)):
        for dtype in (torch.float32, torch.float64):
            made = blocks.take(shape, dtype)
            assert made.shape == shape and made.dtype == dtype and made.is_contiguous()
            assert made.fill_(2).sum() == 2 * made.numel()
            assert made.data_ptr() % 64 == 0
