"""The sequences of a batch in the order in which threads take them. Floor 2."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def order(lengths: Tensor | None, batch: int, threads: int) -> tuple[Tensor, Tensor | None]:
    """The rows as threads take them, each its longest first."""
    if lengths is None:
        return _counted(batch), None
    longest = lengths.argsort(descending=True, stable=True).to(torch.int32)
    bounds = [batch * part // threads for part in range(threads + 1)]
    pieces = _dealt(longest, bounds) if threads > 1 else [longest]
    return torch.cat(pieces), lengths.contiguous()


def _dealt(longest: Tensor, bounds: list[int]) -> list[Tensor]:
    """Long and short sequences shared out evenly: thread p gets every n-th, and the counts of `bounds`."""
    threads = len(bounds) - 1
    hands: list[list[int]] = [[] for _ in range(threads)]
    room = [bounds[p + 1] - bounds[p] for p in range(threads)]
    turn = 0
    for row in longest.tolist():
        while len(hands[turn % threads]) == room[turn % threads]:
            turn += 1
        hands[turn % threads].append(row)
        turn += 1
    return [torch.tensor(hand, dtype=torch.int32) for hand in hands]


@lru_cache(maxsize=64)
def _counted(batch: int) -> Tensor:
    """0, 1, ...: nobody writes to it."""
    return torch.arange(batch, dtype=torch.int32)
