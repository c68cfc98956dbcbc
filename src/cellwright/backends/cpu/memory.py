"""Memory of the kernels: blocks that are taken again once nobody holds them. Floor 2.

A fresh large array costs a page fault for every page that is first written, as much as a small kernel's work.
A tensor from here owns its block until the last reference to its storage goes; then the block waits for the
next call of about its size. What waits and what is in use are never more than twice what was lately in use at
once; the oldest goes first.
"""

from __future__ import annotations

import mmap
from collections import OrderedDict, defaultdict
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
        self._of_size: defaultdict[int, list[int]] = defaultdict(list)  # keys of those, the latest last
        self._count = self.waiting = self.in_use = self.most = self._peak = 0

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An array of numbers that mean nothing yet."""
        count = prod(shape)
        size = count * dtype.itemsize
        # Where torch fills what is not yet written (deterministic algorithms), its own arrays do.
        if size < LEAST or torch.are_deterministic_algorithms_enabled():
            return torch.empty(shape, dtype=dtype)
        block = self._block(_rounded(size))
        lease = _Lease(shape, _NUMPY[dtype], block)
        lease.blocks, lease.block = self, block
        return torch.from_numpy(lease)

    def _block(self, size: int) -> mmap.mmap:
        with self._lock:
            block = self._waiting_of(size)
            self.in_use += size if block is None else len(block)
            self._peak = max(self._peak, self.in_use)
            self.most = max(self.most, self._peak)
            if block is not None:
                return block
            self._trim()
        return _pages(size)

    def _waiting_of(self, size: int) -> mmap.mmap | None:
        """One that waits: of this very size, or of the next larger up to twice it."""
        for fit in (size,) if self._of_size[size] else sorted(self._of_size):
            if size <= fit <= 2 * size and self._of_size[fit]:
                self.waiting -= fit
                return self._idle.pop(self._of_size[fit].pop())
        return None

    def give(self, block: mmap.mmap) -> None:
        with self._lock:
            size, keys = len(block), self._of_size[len(block)]
            self.in_use -= size
            self.waiting += size
            self._count = key = self._count + 1
            self._idle[key] = block
            keys.append(key)
            if self.in_use == 0:
                # One unusual call is forgotten within a few.
                self.most, self._peak = max(self._peak, self.most // 2), 0
            self._trim()

    def _trim(self) -> None:
        """Not all that a program takes in turn is in use at once: twice that in all is its own."""
        while self.waiting + self.in_use > 2 * self.most and self._idle:
            key, oldest = self._idle.popitem(last=False)
            self._of_size[len(oldest)].remove(key)
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
