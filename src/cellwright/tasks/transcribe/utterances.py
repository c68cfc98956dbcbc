"""Recordings and what is said in them, in normal form. Floor 6.

Refuses what is no list of recordings, lists of different length, and data without one transcript.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.errors import DataError
from cellwright.tasks.data import split_examples
from cellwright.tasks.transcribe.recordings import Recording, of_file, of_values

RATE = 16_000  # of samples in memory, where nothing is said


@dataclass(frozen=True)
class Utterances:
    """Recordings with their transcripts.

    Attributes:
        recordings: every one.
        texts: what is said in each, "" where that is not known; None where it is known of none.
        groups: of each, say its speaker: no group lies in two parts. Empty: there are none.
        note: one line about the files; empty for data from memory.
        columns: which column of the table was which.
        place: the data's name, for messages.
    """

    recordings: Sequence[Recording]
    texts: Sequence[str] | None = None
    groups: Sequence[str] = ()
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    place: str = ""

    def __len__(self) -> int:
        return len(self.recordings)

    def known(self) -> list[str]:
        """The transcripts.

        Raises:
            DataError: there are none.
        """
        if self.texts is None:
            raise DataError(
                "there are no transcripts",
                where=self.place or "y",
                expected="a table with a file and a text in every row",
                fix="put it into the folder, or set --transcripts",
            )
        return list(self.texts)

    def some(self, index: Iterable[int]) -> Utterances:
        """Those at these places."""
        at = [int(k) for k in index]
        return replace(
            self,
            recordings=[self.recordings[k] for k in at],
            texts=None if self.texts is None else [self.texts[k] for k in at],
            groups=[self.groups[k] for k in at] if self.groups else (),
        )

    def whole(self) -> Utterances:
        """Those that training and scoring can use: with a transcript.

        Raises:
            DataError: there are none.
        """
        kept = [k for k, text in enumerate(self.known()) if text]
        if not kept:
            raise DataError(
                "no recording has a transcript", where=self.place or "X, y", got=f"{len(self)} without"
            )
        return self if len(kept) == len(self) else self.some(kept)

    def split(self, share: float, seed: int) -> tuple[Utterances, Utterances]:
        """(rest, held out): by group where there are groups, else each of a few texts spread over both.

        Raises:
            DataError: fewer than two recordings, or groups.
        """
        if self.groups:
            chosen = self._chosen(share, seed)
            held = [k for k, group in enumerate(self.groups) if group in chosen]
        else:
            _, found = split_examples(len(self), self._closed(), (1 - share, share), seed)
            held = found.tolist()
        out = set(held)
        return self.some(k for k in range(len(self)) if k not in out), self.some(held)

    def _chosen(self, share: float, seed: int) -> set[str]:
        """Random groups, one at least, until they have the share; one at least is left."""
        sizes = Counter(self.groups)
        if len(sizes) < 2:
            got = next(iter(sizes), "none")
            raise DataError("one group only, which cannot be split", where=self.place or "groups", got=got)
        order = np.random.default_rng(seed).permutation(sorted(sizes)).tolist()[1:]
        chosen: set[str] = set()
        while order and sum(sizes[group] for group in chosen) < share * len(self) - min(sizes.values()) / 2:
            chosen.add(order.pop())
        return chosen or {order.pop()}

    def _closed(self) -> list[str] | None:
        """The texts, where they are a few that come again and again."""
        counts = Counter(self.known())
        return self.known() if len(counts) > 1 and min(counts.values()) > 1 else None


def normal(X: Any, y: Any = None, *, rate: int = 0) -> Utterances:
    """The user's recordings and transcripts in normal form.

    Args:
        X: a list of arrays of samples, of WAV files' paths, or of both.
        y: a text for each.
        rate: of the arrays, samples a second; 0: 16,000.

    Raises:
        DataError: no list of these, lists of different length, an empty list.
    """
    if isinstance(X, Utterances):
        return X if y is None else replace(X, texts=_texts(y))
    if isinstance(X, (str, bytes, Path)):
        raise DataError("one recording instead of a list of them", where="X", got=repr(X), fix="give [it]")
    given = list(X)
    if not given:
        raise DataError("there are no recordings", where="X", got=0, expected="at least one")
    recordings = [
        of_file(one, str(one))
        if isinstance(one, (str, Path))
        else of_values(one, rate or RATE, f"recording {k}")
        for k, one in enumerate(given, start=1)
    ]
    texts = None if y is None else _texts(y)
    if texts is not None and len(texts) != len(recordings):
        raise DataError("X and y differ in number", got=f"{len(recordings)} recordings, {len(texts)} texts")
    return Utterances(recordings, texts)


def plain(text: str) -> str:
    """A text with one blank between words, its letters composed.

    >>> plain("  so  it\\nis ")
    'so it is'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def _texts(values: Any) -> list[str]:
    found = list(values)
    wrong = next((k for k, value in enumerate(found) if not isinstance(value, str)), None)
    if wrong is not None:
        got = type(found[wrong]).__name__
        raise DataError("no text", where=f"y, text {wrong + 1}", got=got, expected="a text")
    return [plain(value) for value in found]
