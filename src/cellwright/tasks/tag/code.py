"""Sentences as the numbers a network reads, by facts of the training part alone. Floor 6.

A word is a number by its lower-case text, digits as 0, and beside it its characters as they are; tokens of
one character each (Chinese) have no characters of their own but pairs with the token before. Refuses inputs
without the further columns of training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.networks import UNKNOWN
from cellwright.tasks.tag import scheme as schemes
from cellwright.tasks.tag.sentences import Sentences
from cellwright.tasks.training.batches import Bucketed, Ragged

Facts = dict[str, Any]
Ints = npt.NDArray[np.int64]

SPECIAL = 2  # padding and the unknown stand before what is known
NO_TAG = -1  # of a tag that training has not seen
LONGEST_WORD = 40  # characters of a word that are read: its beginning and its end
_DIGIT = re.compile(r"\d")


def facts_of(train: Sentences, *, lower: bool, min_count: int, max_tokens: int, pairs: bool = True) -> Facts:
    """All that the training part teaches.

    Args:
        train: with tags, its scheme known.
        lower: whether capital letters count as small ones in a word's number.
        min_count: tokens seen less often are unknown; characters and values of further columns need one.
        max_tokens: words to keep at most, 0 for all; and as many pairs.
        pairs: whether tokens of one character are numbered together with the one before, too.

    Raises:
        DataError: one tag only.
    """
    single = all(len(token) == 1 for row in train.tokens for token in row)
    learnt = learnt_tags(train)
    tags = (
        sorted({tag for row in learnt for tag in row})
        if train.scheme == schemes.NONE
        else schemes.inventory(learnt)
    )
    if len(tags) < 2:
        raise DataError(
            "one tag only", where=train.source or "y", got=tags[0], expected="at least two different tags"
        )
    written = [[word(token, lower) for token in row] for row in train.tokens]
    facts: Facts = {
        "scheme": train.scheme,
        "tags": tags,
        "lower": lower,
        "words": _frequent((w for row in written for w in row), min_count, max_tokens),
        "characters": [] if single else _frequent((c for row in train.tokens for t in row for c in t), 1, 0),
        "single": single,
        "features": {
            name: _frequent((v for row in rows for v in row), 1, 0) for name, rows in train.features.items()
        },
        "intents": sorted(set(train.intents)) if train.intents else [],
        "columns": dict(train.columns),
    }
    if single and pairs:
        facts["pairs"] = _frequent((pair for row in written for pair in _pairs(row)), 2, max_tokens)
    return facts


def word(token: str, lower: bool) -> str:
    """What stands for a token in the vocabulary.

    >>> word("U.S.", True), word("1987-88", True)
    ('u.s.', '0000-00')
    """
    return _DIGIT.sub("0", token.lower() if lower else token)


def learnt_tags(part: Sentences) -> list[list[str]]:
    """The tags as a network learns them: chunks in BIOES, plain tags as they are."""
    if part.scheme == schemes.NONE:
        return [list(tags) for tags in part.known()]
    return [schemes.converted(tags, schemes.LEARNT) for tags in part.known()]


def answered(tags: Sequence[str], scheme: str) -> list[str]:
    """Learnt tags in the scheme of the data."""
    return list(tags) if scheme == schemes.NONE else schemes.converted(tags, scheme)


@dataclass(frozen=True)
class Batch:
    """Sentences side by side.

    Attributes:
        words: [T, B, 1] or, with pairs, [T, B, 2].
        features: [T, B, F] of further columns.
        forms: [T, B], each token's place among the batch's different forms.
        characters: [L, forms], of each form.
        form_lengths: [forms].
        lengths: [B].
        index: [B], the sentences' places in the data.
        tags: [T, B], or None.
        intents: [B], or None.
    """

    words: Tensor
    features: Tensor
    forms: Tensor
    characters: Tensor
    form_lengths: Tensor
    lengths: Tensor
    index: Tensor
    tags: Tensor | None = None
    intents: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        values = (getattr(self, name) for name in self.__dataclass_fields__)
        return Batch(*(None if value is None else value.to(device) for value in values))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Coded:
    """A part as numbers.

    Attributes:
        inputs: of each sentence [T, columns]: the word, the pair, further columns, the form.
        forms: the characters of each different form; None where they are not read.
        tags: of each sentence [T], NO_TAG for one that training has not seen; None without tags.
        intents: [N], NO_TAG likewise; None without.
        truth: the tags in the scheme of the data.
    """

    inputs: Ragged
    forms: Ragged | None
    words: int
    tags: Ragged | None
    intents: Tensor | None
    truth: tuple[tuple[str, ...], ...] | None


def encoded(part: Sentences, facts: Facts) -> Coded:
    """A part as numbers.

    Raises:
        DataError: further columns that the model reads are not there.
    """
    missing = [name for name in facts["features"] if name not in part.features]
    if missing:
        raise DataError(
            "columns that the model reads are missing",
            where=part.source or "X",
            got=f"no column {', '.join(missing)}",
            fix="give a file with the columns of training",
        )
    columns = [_numbered(facts["words"], _written(part, facts))]
    if "pairs" in facts:
        columns.append(_numbered(facts["pairs"], [_pairs(row) for row in _written(part, facts)]))
    columns += [_numbered(values, part.features[name]) for name, values in facts["features"].items()]
    forms: dict[str, int] = {}
    columns.append([np.array([forms.setdefault(t, len(forms)) for t in row]) for row in part.tokens])
    inputs = [np.stack(rows, axis=1) for rows in zip(*columns, strict=True)]
    tags = None
    if part.tags is not None:
        places = {tag: k for k, tag in enumerate(facts["tags"])}
        tags = Ragged([[places.get(tag, NO_TAG) for tag in row] for row in learnt_tags(part)], pad=NO_TAG)
    order = {intent: k for k, intent in enumerate(facts["intents"])}
    known = part.intents is not None and bool(order)
    return Coded(
        Ragged(inputs),
        Ragged(_spelt(forms, facts["characters"])) if facts["characters"] else None,
        1 + ("pairs" in facts),
        tags,
        torch.tensor([order.get(i, NO_TAG) for i in part.intents or ()]) if known else None,
        part.tags,
    )


def sizes(facts: Facts) -> list[int]:
    """How many numbers the word, and the pair where there is one, can have."""
    return [len(facts[name]) + SPECIAL for name in ("words", "pairs") if name in facts]


class Sides:
    """A feed of batches of similar lengths.

    Args:
        coded: the sentences.
        batch_size, seed: as `Bucketed`.
    """

    def __init__(self, coded: Coded, *, batch_size: int, seed: int = 0) -> None:
        self.coded = coded
        self._feed = Bucketed(coded.inputs, coded.tags, batch_size=batch_size, seed=seed)

    def __len__(self) -> int:
        return len(self._feed)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on."""
        for batch in self._feed.epoch(number, start):
            yield self._side_by_side(batch)

    def ordered(self) -> Iterator[Batch]:
        """All sentences once, the shortest first."""
        for batch in self._feed.ordered():
            yield self._side_by_side(batch)

    def _side_by_side(self, batch: Any) -> Batch:
        coded = self.coded
        own, places = batch.x[..., -1].unique(return_inverse=True)
        if coded.forms is None:
            characters, lengths = own.new_zeros((0, 0)), own.new_zeros(0)
        else:
            characters, lengths = coded.forms.pad(own)
        return Batch(
            batch.x[..., : coded.words],
            batch.x[..., coded.words : -1],
            places,
            characters,
            lengths,
            batch.lengths,
            batch.index,
            batch.y,
            None if coded.intents is None else coded.intents[batch.index],
        )


def _written(part: Sentences, facts: Facts) -> list[list[str]]:
    return [[word(token, facts["lower"]) for token in row] for row in part.tokens]


def _pairs(row: Sequence[str]) -> list[str]:
    """Each token with the one before it.

    >>> _pairs(["我", "爱"])
    ['\\n我', '我爱']
    """
    return [before + token for before, token in zip(["\n", *row], row, strict=False)]


def _frequent(values: Iterable[str], least: int, most: int) -> list[str]:
    """The values seen at least so often, the most frequent first; all where none is that frequent."""
    counts = Counter(values)
    kept = [value for value in counts if counts[value] >= least] or list(counts)
    return sorted(kept, key=lambda value: (-counts[value], value))[: most or None]


def _numbered(known: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Ints]:
    places = {value: k for k, value in enumerate(known, start=SPECIAL)}
    return [np.array([places.get(value, UNKNOWN) for value in row], dtype=np.int64) for row in rows]


def _spelt(forms: Iterable[str], known: Sequence[str]) -> list[Ints]:
    """The characters of each form; of a very long one the beginning and the end."""
    half = LONGEST_WORD // 2
    cut = [form if len(form) <= LONGEST_WORD else form[:half] + form[-half:] for form in forms]
    return _numbered(known, cut)
