"""The problems of long memory: what a sequence looks like, what its answer is, when it is right.

Hochreiter & Schmidhuber 1997, Long short-term memory, Neural Computation 9(8), experiments 4 to 6: adding,
multiplication, temporal order. Copying: Arjovsky, Shah & Bengio 2016, Unitary evolution recurrent neural
networks, section 4.1. Each draws new sequences for ever; none is seen twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, mse_loss, one_hot

ERROR = 0.04  # of a sum or a product; more is wrong
CLASS_ERROR = 0.3  # of any class's probability; more is wrong
LETTERS, COPIED = 8, 10  # of copying: different letters, letters to copy


@dataclass(frozen=True)
class Batch:
    """Sequences x [T, B, I], their lengths [B], and the answer: [B], or of copying [COPIED, B] letters."""

    x: Tensor
    lengths: Tensor
    answer: Tensor


@dataclass(frozen=True)
class Theirs:
    """A row of the paper's tables: how many of 2,560 test sequences were wrong, sequences until the stop."""

    wrong: int
    sequences: int


@dataclass(frozen=True)
class Problem:
    """A problem at one distance.

    Attributes:
        name, distance: which, and T: the least length of its sequences (of copying, how long to keep).
        inputs, outputs: the width of x and of what is said.
        draw: so many sequences by a generator.
        stops: how many of the last 2,000 training sequences may be wrong at a stop, strictest last.
        theirs: the paper's row for each stop, where it has one.
    """

    name: str
    distance: int
    inputs: int
    outputs: int
    draw: Callable[[int, Generator], Batch]
    stops: tuple[int, ...] = (0,)
    theirs: tuple[Theirs, ...] = ()

    @property
    def answers(self) -> int:
        """How many steps at the end of a sequence are answered."""
        return COPIED if self.name == "copying" else 1

    def loss(self, said: Tensor, answer: Tensor) -> Tensor:
        """Of what was said [A, B, outputs]: squared error of a number, cross-entropy of classes."""
        if self.outputs == 1:
            return mse_loss(said[0, :, 0], answer)
        return cross_entropy(said.flatten(0, 1), answer.flatten())

    def wrong(self, said: Tensor, answer: Tensor) -> Tensor:
        """Which sequences are not answered, [B]: by the paper's measure; of copying, any letter wrong."""
        if self.outputs == 1:
            return (said[0, :, 0] - answer).abs() > ERROR
        if self.answers > 1:
            return (said.argmax(-1) != answer).any(0)
        return ((said[0].softmax(-1) - one_hot(answer, self.outputs)).abs() > CLASS_ERROR).any(-1)


def adding(T: int, count: int, by: Generator) -> Batch:
    """Two marked numbers of [-1, 1] anywhere in the first half; the answer is 0.5 + (X1 + X2) / 4."""
    x, lengths, values = _marked(T, count, by, low=-1.0, of_first=0.0)
    return Batch(x, lengths, 0.5 + (values[0] + values[1]) / 4)


def multiplication(T: int, count: int, by: Generator) -> Batch:
    """As `adding` with numbers of [0, 1]; the answer is their product."""
    x, lengths, values = _marked(T, count, by, low=0.0, of_first=1.0)
    return Batch(x, lengths, values[0] * values[1])


def order(places: tuple[tuple[int, int], ...], count: int, by: Generator) -> Batch:
    """X or Y at a few places of a hundred letters a to d, between a start and an end: in which order?

    The letters are numbered a b c d X Y start end.
    """
    longest = 110
    letters = torch.randint(4, (longest, count), generator=by)
    lengths = torch.randint(100, longest + 1, (count,), generator=by)
    chosen = torch.randint(2, (len(places), count), generator=by)
    column = torch.arange(count)
    for (first, last), which in zip(places, chosen, strict=True):
        at = torch.randint(first, last + 1, (count,), generator=by)
        letters[at - 1, column] = 4 + which  # places are counted from 1
    letters[0], letters[lengths - 1, column] = 6, 7
    numbers = (chosen * (2 ** torch.arange(len(places) - 1, -1, -1))[:, None]).sum(0)
    return Batch(one_hot(letters, 8).float(), lengths, numbers)


def copying(T: int, count: int, by: Generator) -> Batch:
    """Ten letters of eight, T blanks of which the last asks, ten more blanks in which to say the letters.

    Numbered: letters 0 to 7, the blank 8, the question 9. Only the ten answers count here; the published
    loss is the mean over all T + 20 steps, of which a network says all but these without effort.
    """
    letters = torch.randint(LETTERS, (COPIED, count), generator=by)
    x = torch.full((T + 2 * COPIED, count), LETTERS)
    x[:COPIED], x[T + COPIED - 1] = letters, LETTERS + 1
    return Batch(one_hot(x, LETTERS + 2).float(), torch.full((count,), len(x)), letters)


def _marked(T: int, count: int, by: Generator, low: float, of_first: float) -> tuple[Tensor, Tensor, Tensor]:
    """x [T', count, 2] of a number and a marker, lengths, the marked numbers [2, count].

    The first mark is among the first ten steps, the second among the first T/2 - 1 that are left. First and
    last step have the marker -1; where the first step is a marked one too, its number counts as `of_first`.
    """
    longest = T + T // 10
    x = torch.zeros(longest, count, 2)
    x[..., 0] = low + (1 - low) * torch.rand(longest, count, generator=by)
    lengths = torch.randint(T, longest + 1, (count,), generator=by)
    column = torch.arange(count)
    first = torch.randint(min(10, T // 2 - 1), (count,), generator=by)
    second = torch.randint(T // 2 - 2, (count,), generator=by)
    second += second >= first
    values = []
    for at in (first, second):
        x[at, column, 1] = 1.0
        values.append(torch.where(at == 0, of_first, x[at, column, 0]))
    x[0, :, 1] = x[lengths - 1, column, 1] = -1.0
    return x, lengths, torch.stack(values)


def problem(name: str, distance: int = 0) -> Problem:
    """By its name; `distance` is T of adding, multiplication and copying."""
    if name == "adding":
        theirs = {100: Theirs(1, 74_000), 500: Theirs(0, 209_000), 1000: Theirs(1, 853_000)}.get(distance)
        draw = partial(adding, distance)
        return Problem(name, distance, 2, 1, draw, theirs=(theirs,) if theirs else ())
    if name == "multiplication":
        theirs_at = (Theirs(139, 482_000), Theirs(14, 1_273_000)) if distance == 100 else ()
        return Problem(name, distance, 2, 1, partial(multiplication, distance), (139, 12), theirs_at)
    if name == "copying":
        return Problem(name, distance, LETTERS + 2, LETTERS, partial(copying, distance), (20,))
    places, theirs_of = ORDERS[name]
    return Problem(name, 100, 8, 2 ** len(places), partial(order, places), theirs=(theirs_of,))


ORDERS: Mapping[str, tuple[tuple[tuple[int, int], ...], Theirs]] = {
    "order 6a": (((10, 20), (50, 60)), Theirs(1, 31_390)),
    "order 6b": (((10, 20), (33, 43), (66, 76)), Theirs(2, 571_100)),
}
