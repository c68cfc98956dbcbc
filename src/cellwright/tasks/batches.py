"""Sequences as batches: padded ones of similar lengths, or contiguous chunks of one long stream. Floor 6.

Refuses empty data and empty sequences (DataError). Time comes first: [T, B] or [T, B, C].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Ragged:
    """Sequences of unequal lengths, stored end to end: whole numbers [T] each, or vectors [T, C] each.

    >>> ragged = Ragged([[1, 2, 3], [4]])
    >>> x, lengths = ragged.pad([1, 0])
    >>> x.tolist(), lengths.tolist()
    ([[4, 1], [0, 2], [0, 3]], [1, 3])
    """

    def __init__(self, sequences: Sequence[Any], pad: int | float = 0) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def pad(self, index: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """The chosen sequences side by side: [T, B] or [T, B, C] with T the longest, and their lengths [B]."""
        raise NotImplementedError


@dataclass(frozen=True)
class Padded:
    """A batch of sequences.

    Attributes:
        x: [T, B] whole numbers or [T, B, C] floats, padded after the end.
        lengths: [B], on the CPU or with x.
        index: [B], the sequences' places in the data.
        y: the targets: [B, ...], or [U, B, ...] padded when they are sequences themselves, or None.
        y_lengths: [B] when the targets are sequences, else None.
    """

    x: Tensor
    lengths: Tensor
    index: Tensor
    y: Tensor | None = None
    y_lengths: Tensor | None = None

    def to(self, device: torch.device) -> Padded:
        """The same batch on another device."""
        raise NotImplementedError


class Bucketed:
    """A feed of padded batches: shuffled by epoch, sequences of similar lengths together.

    Args:
        inputs: the sequences.
        targets: one per sequence ([N, ...]), sequences themselves, or None.
        batch_size: sequences in a batch; the last batch of an epoch may be smaller.
        seed: with the epoch's number it fixes the order.
    """

    def __init__(
        self, inputs: Ragged, targets: Tensor | Ragged | None = None, *, batch_size: int, seed: int = 0
    ) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def epoch(self, number: int, start: int = 0) -> Iterator[Padded]:
        """The batches of one epoch, from batch `start` on."""
        raise NotImplementedError

    def ordered(self) -> Iterator[Padded]:
        """All sequences once, shortest first, the same every time: for evaluation. `index` tells whose they are."""
        raise NotImplementedError


@dataclass(frozen=True)
class Chunk:
    """A piece of a stream in B columns: x [T, B] and the same shifted by one, y [T, B]."""

    x: Tensor
    y: Tensor

    def to(self, device: torch.device) -> Chunk:
        """The same chunk on another device."""
        raise NotImplementedError


class Chunks:
    """A feed for truncated backpropagation through time: chunk k+1 goes on, column by column, where chunk k ended.

    Args:
        stream: the tokens, [N] whole numbers (or [N, C] values).
        batch_size: columns; fewer when the stream is too short for so many chunks.
        length: steps in a chunk; the last chunk of an epoch may be shorter.
    """

    def __init__(self, stream: Tensor, *, batch_size: int, length: int) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def epoch(self, number: int = 0, start: int = 0) -> Iterator[Chunk]:
        """The chunks in order, from chunk `start` on; every epoch is the same."""
        raise NotImplementedError
