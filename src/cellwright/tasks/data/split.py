"""Splits: seeded and stratified for examples, in time order for series. Parts are disjoint and lose nothing.

Refuses a single class, fractions that are none, and parts that would be empty. Floor 6 (tasks).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError, SettingError

Indices: TypeAlias = npt.NDArray[np.intp]


def split_examples(
    n: int, labels: Sequence[str] | None, fractions: Sequence[float], seed: int
) -> tuple[Indices, ...]:
    """Split `n` examples into parts, each class spread over the parts in proportion.

    Every class has at least one example in the first part: a class of one lies there alone.

    Args:
        n: how many examples.
        labels: a label each, or None to split without regard to classes.
        fractions: the share of each part; they add up to 1.
        seed: of the shuffle; the same seed gives the same split.

    Returns:
        One ascending array of indices a part.

    Raises:
        DataError: labels of one class only, or fewer examples than parts.
        SettingError: fractions that are not positive or do not add up to 1.

    >>> [len(part) for part in split_examples(10, list("aaaaabbbbb"), (0.6, 0.2, 0.2), seed=0)]
    [6, 2, 2]
    """
    _check_fractions(fractions)
    if n < len(fractions):
        raise DataError("too few examples to split", got=n, expected=f"at least {len(fractions)}")
    classes = _classes(n, labels)
    order = _shuffled_by_class(classes, np.random.default_rng(seed))
    parts = _spread(n, fractions)[np.argsort(order)]
    _keep_each_class_in_first(parts, classes)
    if len(np.unique(parts)) < len(fractions):
        raise DataError(
            "too few examples to split",
            got=n,
            expected=f"an example in each of {len(fractions)} parts",
            fix="add rows",
        )
    return tuple(np.flatnonzero(parts == part) for part in range(len(fractions)))


def split_time(n: int, fractions: Sequence[float]) -> tuple[slice, ...]:
    """Cut `n` steps in time order: the first part is the oldest. Slices, so that parts are views.

    Raises:
        DataError: a part that would be empty.
        SettingError: fractions that are not positive or do not add up to 1.

    >>> split_time(10, (0.7, 0.1, 0.2))
    (slice(0, 7, None), slice(7, 8, None), slice(8, 10, None))
    """
    _check_fractions(fractions)
    cuts = [0, *(round(n * math.fsum(fractions[: end + 1])) for end in range(len(fractions)))]
    parts = tuple(slice(start, stop) for start, stop in pairwise(cuts))
    if any(part.stop == part.start for part in parts):
        raise DataError("too few rows to split", got=n, expected=f"a row in each of {len(parts)} parts")
    return parts


def _check_fractions(fractions: Sequence[float]) -> None:
    if not fractions or min(fractions) <= 0 or not math.isclose(math.fsum(fractions), 1.0, abs_tol=1e-6):
        raise SettingError(
            "shares that do not make a whole",
            got=tuple(fractions),
            expected="positive numbers that add up to 1",
        )


def _classes(n: int, labels: Sequence[str] | None) -> Indices:
    if labels is None:
        return np.zeros(n, dtype=np.intp)
    if len(labels) != n:
        raise ValueError(f"{len(labels)} labels for {n} examples")
    names, classes = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
    if len(names) == 1:
        raise DataError(
            "one class only", got=names[0], expected="at least two classes", fix="check the label column"
        )
    return classes.astype(np.intp)


def _shuffled_by_class(classes: Indices, rng: np.random.Generator) -> Indices:
    """All examples, those of a class together, in a random order within it."""
    shuffled = rng.permutation(len(classes))
    return shuffled[np.argsort(classes[shuffled], kind="stable")]


def _spread(n: int, fractions: Sequence[float]) -> Indices:
    """A part for each of `n` places, evenly mixed: each place goes to the part that is most behind its share.

    Any stretch of places then holds the parts in nearly their shares, so every class does.
    """
    filled = [0] * len(fractions)
    parts = np.empty(n, dtype=np.intp)
    for place in range(n):
        behind = [share * (place + 1) - count for share, count in zip(fractions, filled, strict=True)]
        parts[place] = part = behind.index(max(behind))
        filled[part] += 1
    return parts


def _keep_each_class_in_first(parts: Indices, classes: Indices) -> None:
    """A class that the first part has not seen gives it one example."""
    for missing in np.setdiff1d(classes, classes[parts == 0]):
        parts[np.flatnonzero(classes == missing)[0]] = 0
