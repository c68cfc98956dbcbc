"""Memory of the kernels: blocks that are taken again once nobody holds them. Floor 2.

A fresh large array costs a page fault for every page that is first written, as much as a small kernel's work.
A tensor from here owns its block until the last reference to its storage goes; then the block waits for the
next call of about its size. What waits never exceeds the most that was lately in use at once; the oldest goes
first.
"""

from __future__ import annotations

import mmap
from collections import OrderedDict
from math import prod
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Smaller arrays are the C library's, which keeps them by itself.
LEAST = 1 << 16
_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


class _Lease(np.ndarray[Any, Any]):
    """What a tensor's storage holds on to: gives the block back when it goes (a finalizer costs twice as
    much)."""

    blocks: Blocks | None = None
    block: mmap.mmap | None = None

    def __del__(self) -> None:
        if self.blocks is not None and self.block is not None:
            self.blocks.give(self.block)


class Blocks:
    """Blocks of pages by size; `waiting` and `in_use` are bytes."""

    def __init__(self) -> None:
        # Again by the same thread: a collection of garbage may give a block back while one is taken.
        self._lock = RLock()
        self._idle: OrderedDict[int, mmap.mmap] = OrderedDict()
        self._count = self.waiting = self.in_use = self.most = self._peak = 0

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An array of numbers that mean nothing yet."""
        size = prod(shape) * dtype.itemsize
        # Where torch fills what is not yet written (deterministic algorithms), its own arrays do.
        if size < LEAST or torch.are_deterministic_algorithms_enabled():
            return torch.empty(shape, dtype=dtype)
        block = self._block(_rounded(size))
        lease = np.frombuffer(block, dtype=_NUMPY[dtype], count=size // dtype.itemsize).view(_Lease)
        lease.blocks, lease.block = self, block
        return torch.from_numpy(lease).view(shape)

    def _block(self, size: int) -> mmap.mmap:
        with self._lock:
            self.in_use += size
            self._peak = max(self._peak, self.in_use)
            self.most = max(self.most, self._peak)
            fits = [k for k, block in self._idle.items() if size <= len(block) <= 2 * size]
            if fits:
                block = self._idle.pop(min(fits, key=lambda k: (len(self._idle[k]), -k)))
                self.waiting -= len(block)
                self.in_use += len(block) - size
                return block
            self._trim(self.most - size)
        return _pages(size)

    def give(self, block: mmap.mmap) -> None:
        with self._lock:
            self.in_use -= len(block)
            self.waiting += len(block)
            self._count += 1
            self._idle[self._count] = block
            if self.in_use == 0:
                # One unusual call is forgotten within a few.
                self.most, self._peak = max(self._peak, self.most // 2), 0
            self._trim(self.most)

    def _trim(self, allowed: int) -> None:
        while self.waiting > allowed and self._idle:
            _, oldest = self._idle.popitem(last=False)
            self.waiting -= len(oldest)


def _rounded(size: int) -> int:
    """The next of eight steps to the next power of two: sizes that differ a little share blocks."""
    step = max(1 << (size.bit_length() - 4), mmap.PAGESIZE)
    return -(-size // step) * step


def _pages(size: int) -> mmap.mmap:
    # Private: a forked child must not write into its parent's arrays.
    block = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE") and size >= 1 << 21:
        try:
            block.madvise(mmap.MADV_HUGEPAGE)
        except OSError:  # a kernel without large pages
            return block
    return block


BLOCKS = Blocks()
