"""The first and the last letters of a word as numbers: what a word hardly seen is like. Floor 6."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.tasks.networks import UNKNOWN

FIRST, LAST = 4, 3  # letters; with the word's edge one more
SPECIAL = 2  # padding and the unknown one stand before the others
EDGE = "·"


def ends(word: str) -> tuple[str, str]:
    """The beginning and the ending of a word, marked where they are all of it.

    >>> ends("questions"), ends("who")
    (('ques', 'ons'), ('who·', '·who'))
    """
    return (word + EDGE)[:FIRST], (EDGE + word)[-LAST - (len(word) <= LAST) :]


def affix_facts(sentences: Iterable[Sequence[str]]) -> list[list[str]]:
    """The beginnings and the endings that occur at least twice, each in order."""
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for words in sentences:
        for word in words:
            for count, part in zip(counts, ends(word), strict=True):
                count[part] += 1
    return [sorted(part for part in count if count[part] > 1) for count in counts]


class Affixes:
    """Words to the numbers of their beginnings and endings.

    Args:
        known: as `affix_facts` gave them.
    """

    def __init__(self, known: Any) -> None:
        self._places = [{part: k for k, part in enumerate(parts, start=SPECIAL)} for parts in known]
        self._seen: dict[str, list[int]] = {}

    def numbers(self, words: Sequence[str]) -> npt.NDArray[np.int64]:
        """[T, 2]."""
        return np.array([self._seen.get(word) or self._of(word) for word in words], dtype=np.int64)

    def _of(self, word: str) -> list[int]:
        pairs = zip(self._places, ends(word), strict=True)
        self._seen[word] = found = [places.get(part, UNKNOWN) for places, part in pairs]
        return found
