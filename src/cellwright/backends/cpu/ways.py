"""One way of a kernel, as ctypes calls it: where its arrays stand, the room it works in. Floor 2.

A small step is soon done: what does not change from call to call is worked out once for each set of sizes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from cellwright.backends.cpu.loops import FIXED, NUMBERS
from cellwright.backends.cpu.memory import BLOCKS
from cellwright.backends.cpu.widths import Widths

# What an entry says it needs: reals of packed matrices, of one thread's sums, of its packed rows.
NEEDS = ctypes.c_int64 * 3
PARTS = ("panels", "piles", "room", "scratch", "marks")
MANY = 256  # sets of sizes that are remembered


@dataclass(frozen=True)
class Run:
    """How one call is cut: threads, whether they share the rows' units instead of the rows, and the steps of
    a chunk each way."""

    steps: int
    batch: int
    threads: int
    together: bool
    forward: int
    backward: int


@dataclass(frozen=True)
class Layout:
    """What the kernel is told of sizes; how many reals it works in, and where each of PARTS begins there."""

    numbers: ctypes.Array[ctypes.c_int64]
    room: int
    starts: tuple[int, ...]


class Way:
    """An entry of a built program: `arrays` are what it takes, `given` the names of what a call hands it."""

    def __init__(self, name: str, built: ctypes.CDLL, arrays: Sequence[str], given: Sequence[str]) -> None:
        self.name = name
        self._entry, self._needs = getattr(built, name), getattr(built, f"{name}_needs")
        place = {array: k for k, array in enumerate((*given, *PARTS, "gate"))}
        # Kept: ctypes would make a new type for every call, and leave it to the garbage collector.
        self._pointers = ctypes.c_void_p * (FIXED + len(arrays))
        self._places = [place.get(array, -1) for array in arrays]
        self._layouts: dict[Any, Layout] = {}

    def layout(self, run: Run, w: Widths, keep: bool) -> Layout:
        """`keep`: whether what the way back needs is kept."""
        key = (run, w.letters, keep)
        found = self._layouts.get(key)
        if found is None:
            if len(self._layouts) >= MANY:
                self._layouts.clear()
            found = self._layouts[key] = self._laid_out(run, w, keep)
        return found

    def _laid_out(self, run: Run, w: Widths, keep: bool) -> Layout:
        chunk = run.forward if self.name == "forward" else run.backward
        ring, window = (-1, -1) if keep else (1, chunk - 1)
        told = (run.steps, run.batch, ring, int(keep), run.threads, int(run.together), chunk, window)
        assert len(told) == len(NUMBERS)
        numbers = (ctypes.c_int64 * (len(told) + len(w.letters)))(*told, *w.letters)
        needs = NEEDS()
        self._needs(numbers, self._pointers(), needs)
        listed = run.threads if run.together else 1
        sizes = (
            needs[0],
            needs[1] if run.together else run.threads * needs[1],
            run.threads * needs[2],
            run.batch * w.scratch[self.name],
            listed * chunk * run.batch,  # four bytes each, no more than a real has
        )
        # One block for all that ends with the call; each part begins at a cache line.
        starts = tuple(accumulate((-(-size // 16) * 16 for size in sizes), initial=0))
        return Layout(numbers, starts[-1], starts[:-1])

    def run(
        self,
        layout: Layout,
        fixed: tuple[Tensor | None, ...],
        values: Sequence[Tensor | None],
        like: Tensor,
        team: tuple[Any, Any, bool],
    ) -> None:
        """`values`: the arrays named `given`, `like`: one of their type, `team`: both pools, and which."""
        work = BLOCKS.take((layout.room,), like.dtype)
        base, each = work.data_ptr(), like.element_size()
        run, run_together, together = team
        gate = torch.zeros(16, dtype=torch.int64) if together else None
        addresses = [None if v is None else v.data_ptr() for v in values]
        addresses += [base + each * start for start in layout.starts]
        addresses += [None if gate is None else gate.data_ptr(), None]
        pointers = self._pointers(
            *[None if v is None else v.data_ptr() for v in fixed], *[addresses[k] for k in self._places]
        )
        self._entry(layout.numbers, pointers, run, run_together)
