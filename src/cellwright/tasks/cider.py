"""CIDEr-D: how much of what people agree on about a picture a caption says (Vedantam et al. 2015). Floor 6.

Refuses nothing: callers give as many lists of references as captions, each with one at least.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LONGEST = 4  # words of an n-gram
SPREAD = 6.0  # words by which a caption may be longer or shorter before it counts little

Words = Sequence[str]
Gram = tuple[str, ...]


@dataclass(frozen=True)
class _Vector:
    """A caption's n-grams, each as often as it stands in it times how rare it is, and the length of that."""

    weights: Mapping[Gram, float]
    norm: float


class Cider:
    """The references of N pictures, ready to score captions.

    A word's weight is log(N / pictures whose references have it), so a score depends on what it is computed
    with, and where all references are of one picture every score is 0.

    Args:
        references: of each picture one or more captions, cut into words.

    >>> scorer = Cider([[["a", "red", "dog"]], [["a", "cat"]]])
    >>> round(scorer.score([["a", "red", "dog"], ["a", "cow"]]))
    375
    """

    def __init__(self, references: Sequence[Sequence[Words]]) -> None:
        seen: Counter[Gram] = Counter()
        for captions in references:
            seen.update(
                {gram for words in captions for n in range(1, LONGEST + 1) for gram in grams(words, n)}
            )
        self._rarity = {gram: math.log(len(references) / count) for gram, count in seen.items()}
        self._unseen = math.log(max(1, len(references)))
        self._wanted = [
            [(len(words), [self._vector(words, n) for n in range(1, LONGEST + 1)]) for words in captions]
            for captions in references
        ]

    def score(self, said: Sequence[Words]) -> float:
        """The mean over all pictures, as papers print it: 1000 where each caption is its only reference."""
        return sum(self.each(said)) / len(said)

    def each(self, said: Sequence[Words]) -> list[float]:
        """The score of every picture's caption.

            100 * mean over n = 1..4 of 10/m sum_j exp(-(l - l_j)^2 / 2 s^2) min(g, g_j) . g_j / (|g| |g_j|)

        g counts each n-gram times its rarity (as the authors' program does, without dividing by the number of
        n-grams), l is the number of words, s = 6.
        """
        return [self._one(words, k) for k, words in enumerate(said)]

    def _one(self, words: Words, picture: int) -> float:
        own = [self._vector(words, n) for n in range(1, LONGEST + 1)]
        total = 0.0
        for length, wanted in self._wanted[picture]:
            near = math.exp(-((len(words) - length) ** 2) / (2 * SPREAD**2))
            total += near * sum(_alike(a, b) for a, b in zip(own, wanted, strict=True))
        return 1000 * total / (LONGEST * len(self._wanted[picture]))

    def _vector(self, words: Words, n: int) -> _Vector:
        weights = {
            gram: count * self._rarity.get(gram, self._unseen) for gram, count in grams(words, n).items()
        }
        return _Vector(weights, math.sqrt(sum(w * w for w in weights.values())))


def grams(words: Words, n: int) -> Counter[Gram]:
    """How often each n-gram stands in a caption.

    >>> grams(["a", "b", "a", "b"], 2)[("a", "b")]
    2
    """
    return Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))


def _alike(own: _Vector, wanted: _Vector) -> float:
    if not own.norm or not wanted.norm:
        return 0.0
    shared = own.weights.keys() & wanted.weights.keys()
    product = sum(min(own.weights[gram], wanted.weights[gram]) * wanted.weights[gram] for gram in shared)
    return product / (own.norm * wanted.norm)
