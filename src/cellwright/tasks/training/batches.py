"""Sequences as batches: padded ones of similar lengths, or contiguous chunks of one long stream. Floor 6.

Refuses empty data and empty sequences (DataError). Time comes first: [T, B] or [T, B, C].
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.training.seeds import generator

POOL = 50


class Ragged:
    """Sequences of unequal lengths, stored end to end: whole numbers [T] each, or vectors [T, C] each.

    Args:
        sequences: lists, arrays or tensors; all of whole numbers (kept as int64) or all of floats (float32).
        pad: what stands after the end of the shorter ones.

    Raises:
        DataError: no sequences, an empty one, or different numbers of channels.

    >>> x, lengths = Ragged([[1, 2, 3], [4]]).pad([1, 0])
    >>> x.tolist(), lengths.tolist()
    ([[4, 1], [0, 2], [0, 3]], [1, 3])
    """

    def __init__(self, sequences: Sequence[Any], pad: int | float = 0) -> None:
        tensors = [_as_tensor(sequence) for sequence in sequences]
        if not tensors:
            raise DataError("there are no sequences", got=0, expected="at least one")
        for number, tensor in enumerate(tensors):
            if tensor.ndim not in (1, 2) or len(tensor) == 0:
                raise DataError(
                    "a sequence is empty or of the wrong shape",
                    where=f"sequence {number + 1}",
                    got=f"shape {list(tensor.shape)}",
                    expected="[T] or [T, C]",
                )
            if tensor.shape[1:] != tensors[0].shape[1:]:
                raise DataError(
                    "the sequences differ in their channels",
                    where=f"sequence {number + 1}",
                    got=list(tensor.shape[1:]),
                    expected=list(tensors[0].shape[1:]),
                )
        self.pad_value = pad
        self.lengths = torch.tensor([len(tensor) for tensor in tensors])
        self._flat = torch.cat(tensors)
        self._starts = self.lengths.cumsum(0) - self.lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def pad(self, index: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """The chosen sequences side by side, [T, B] or [T, B, C], T the longest; and their lengths [B]."""
        chosen = torch.as_tensor(index)
        lengths = self.lengths[chosen]
        time = torch.arange(int(lengths.max()))[:, None]
        outside = time >= lengths
        places = (self._starts[chosen] + time).masked_fill_(outside, 0)
        values = self._flat[places]
        values[outside] = self.pad_value
        return values, lengths


@dataclass(frozen=True)
class Padded:
    """A batch of sequences.

    Attributes:
        x: [T, B] whole numbers or [T, B, C] floats, padded after the end.
        lengths: [B].
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
        """The same batch on another device (itself when it is there already)."""
        if self.x.device == device:
            return self
        parts = (self.x, self.lengths, self.index, self.y, self.y_lengths)
        return Padded(*(None if part is None else part.to(device) for part in parts))  # type: ignore[arg-type]


class Bucketed:
    """A feed of padded batches: shuffled by epoch, sequences of similar lengths together.

    Each epoch shuffles all sequences, sorts pools of 50 batches by length, cuts them into batches and
    shuffles the batches: little padding, and still another mixture every time.

    Args:
        inputs: the sequences.
        targets: one per sequence ([N, ...]), sequences themselves, or None.
        batch_size: sequences in a batch; one batch of an epoch may be smaller.
        seed: with the epoch's number it fixes the order.
    """

    def __init__(
        self, inputs: Ragged, targets: Tensor | Ragged | None = None, *, batch_size: int, seed: int = 0
    ) -> None:
        if targets is not None and len(targets) != len(inputs):
            raise DataError("inputs and targets differ in number", got=len(targets), expected=len(inputs))
        self.inputs, self.targets = inputs, targets
        self.batch_size, self.seed = batch_size, seed

    def __len__(self) -> int:
        return -(-len(self.inputs) // self.batch_size)

    def epoch(self, number: int, start: int = 0) -> Iterator[Padded]:
        """The batches of one epoch, from batch `start` on; the same ones for the same number."""
        for index in self._order(number)[start:]:
            yield self._batch(index)

    def ordered(self) -> Iterator[Padded]:
        """All sequences once, shortest first, the same every time. `index` tells whose they are."""
        for index in torch.split(self.inputs.lengths.argsort(stable=True), self.batch_size):
            yield self._batch(index)

    def _order(self, number: int) -> list[Tensor]:
        random = generator(self.seed, number)
        shuffled = torch.randperm(len(self.inputs), generator=random)
        batches: list[Tensor] = []
        for pool in torch.split(shuffled, POOL * self.batch_size):
            by_length = pool[self.inputs.lengths[pool].argsort(stable=True)]
            batches.extend(torch.split(by_length, self.batch_size))
        return [batches[k] for k in torch.randperm(len(batches), generator=random).tolist()]

    def _batch(self, index: Tensor) -> Padded:
        x, lengths = self.inputs.pad(index)
        if isinstance(self.targets, Ragged):
            return Padded(x, lengths, index, *self.targets.pad(index))
        return Padded(x, lengths, index, None if self.targets is None else self.targets[index])


@dataclass(frozen=True)
class Chunk:
    """A piece of a stream in B columns: x [T, B, ...] and the same one step later, y [T, B, ...]."""

    x: Tensor
    y: Tensor

    def to(self, device: torch.device) -> Chunk:
        """The same chunk on another device."""
        return Chunk(self.x.to(device), self.y.to(device))


class Chunks:
    """A feed for truncated backpropagation through time: chunk k+1 goes on, column by column, where k ended.

    Args:
        stream: the tokens [N], or values [N, C].
        batch_size: columns B; a short stream gets fewer. At most B - 1 steps at its end are left out.
        length: steps in a chunk; the last chunk of an epoch may be shorter.
        vary: a seed: chunks of other lengths in every epoch, as many and as long on the whole. They are drawn
            around `length`, one in twenty around half of it (Merity, Keskar & Socher 2018, section 5).

    Raises:
        DataError: fewer than two steps.

    >>> [(c.x.tolist(), c.y.tolist()) for c in Chunks(torch.arange(7), batch_size=2, length=2).epoch()]
    [([[0, 3], [1, 4]], [[1, 4], [2, 5]]), ([[2, 5]], [[3, 6]])]
    """

    def __init__(self, stream: Tensor, *, batch_size: int, length: int, vary: int | None = None) -> None:
        if len(stream) < 2:
            raise DataError(
                "the stream is too short to learn what comes next", got=len(stream), expected="2 steps"
            )
        columns = min(batch_size, len(stream) - 1)
        steps = (len(stream) - 1) // columns
        used = columns * steps
        self._x = _columns(stream[:used], columns)
        self._y = _columns(stream[1 : used + 1], columns)
        self.length, self.vary = length, vary

    def __len__(self) -> int:
        return -(-len(self._x) // self.length)

    def epoch(self, number: int = 0, start: int = 0) -> Iterator[Chunk]:
        """The chunks in order, from chunk `start` on; every epoch is the same unless they vary."""
        ends = self._ends(number)
        for begin, end in list(pairwise((0, *ends)))[start:]:
            yield Chunk(self._x[begin:end], self._y[begin:end])

    def _ends(self, number: int) -> list[int]:
        """Where the chunks of an epoch end; each has a step at least."""
        steps, count = len(self._x), len(self)
        if self.vary is None:
            return [min(steps, (k + 1) * self.length) for k in range(count)]
        draw = random.Random(f"{self.vary} {number}")
        around = [self.length * (0.5 if draw.random() < 0.05 else 1.0) for _ in range(count)]
        wished = np.cumsum([max(1.0, draw.gauss(length, self.length / 14)) for length in around])
        free = wished / wished[-1] * (steps - count)
        return [round(end) + k + 1 for k, end in enumerate(free)]


def _columns(stream: Tensor, columns: int) -> Tensor:
    """[B * T, ...] -> [T, B, ...], column b holding the b-th stretch of the stream."""
    return stream.reshape(columns, -1, *stream.shape[1:]).transpose(0, 1).contiguous()


def _as_tensor(sequence: Any) -> Tensor:
    tensor = sequence if isinstance(sequence, Tensor) else torch.from_numpy(np.array(sequence))
    return tensor.to(torch.float32 if tensor.is_floating_point() else torch.int64)
