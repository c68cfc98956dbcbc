"""Scores of tags: whole chunks, found exactly or not at all; single tags. Floor 6."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cellwright.tasks.tag.scheme import NONE, chunks

Tags = Sequence[Sequence[str]]


def f1(right: int, said: int, true: int) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean; 0 where there is nothing to count.

    >>> [round(v, 3) for v in f1(1, 2, 4)]
    [0.5, 0.25, 0.333]
    """
    precision, recall = right / said if said else 0.0, right / true if true else 0.0
    return precision, recall, 2 * right / (said + true) if said + true else 0.0


def counted(truth: Tags, said: Tags) -> dict[str, tuple[int, int, int]]:
    """By type of chunk: how many were found right (type and both ends), were said, are true."""
    right: Counter[str] = Counter()
    claims: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    for own, other in zip(truth, said, strict=True):
        true, claimed = set(chunks(own)), set(chunks(other))
        right.update(chunk.kind for chunk in true & claimed)
        claims.update(chunk.kind for chunk in claimed)
        facts.update(chunk.kind for chunk in true)
    return {kind: (right[kind], claims[kind], facts[kind]) for kind in sorted(claims.keys() | facts.keys())}


def accuracy(truth: Tags, said: Tags) -> float:
    """The share of tokens with the right tag."""
    pairs = [a == b for own, other in zip(truth, said, strict=True) for a, b in zip(own, other, strict=True)]
    return sum(pairs) / len(pairs)


def scores(truth: Tags, said: Tags, scheme: str) -> dict[str, float]:
    """All scores, both in one scheme.

    Of chunks: F1, precision and recall over all of them (micro averages), as the CoNLL shared tasks count.
    Of plain tags (`none`) every token has one: F1 over all of them is the accuracy.
    """
    share = accuracy(truth, said)
    if scheme == NONE:
        return {"f1": share, "accuracy": share}
    total = [sum(column) for column in zip(*counted(truth, said).values(), strict=True)] or [0, 0, 0]
    precision, recall, both = f1(*total)
    return {"f1": both, "precision": precision, "recall": recall, "accuracy": share}
