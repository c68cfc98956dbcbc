"""From what is likely at every step to a text: the best path, and the search over prefixes. Floor 6.

CTC: a path says a token or nothing (0) at every step; a text is what is left of a path when repeats are
joined and nothings are taken out. Refuses nothing.

Sources: Graves et al. 2006 (the paths, the best path); Hannun et al. 2014, algorithm 1 (the prefixes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.tasks.transcribe.alphabet import BLANK

Row = npt.NDArray[np.float32]
NEVER = -math.inf
UNLIKELY = math.log(1e-5)  # a token below it opens no new prefix at that step


@dataclass(frozen=True)
class Said:
    """A token that was said: its number, the step at which it began, and how probable it was there."""

    token: int
    step: int
    share: float


def best_path(logs: npt.NDArray[np.float32]) -> list[Said]:
    """The tokens of the likeliest path, from log probabilities [T, tokens].

    >>> [said.token for said in best_path(np.log(np.eye(3)[[0, 1, 1, 0, 1, 2]] + 1e-9))]
    [1, 1, 2]
    """
    found, before = [], BLANK
    for step, number in enumerate(logs.argmax(axis=1).tolist()):
        if number not in (BLANK, before):
            found.append(Said(number, step, float(np.exp(logs[step, number]))))
        before = number
    return found


class Prefixes:
    """The likeliest beginnings of the text, step by step: the sum over all paths to each, as far as kept.

    Args:
        width: how many are kept after a step; 0: all.
        unlikely: log probability below which a token is left out at a step.
    """

    def __init__(self, width: int, unlikely: float = UNLIKELY) -> None:
        self.width, self.unlikely = width, unlikely
        self.reset()

    def reset(self) -> None:
        """The empty beginning alone, certain."""
        self._kept: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}

    def push(self, row: Row) -> None:
        """One step: log probabilities [tokens]."""
        logs = row.tolist()
        likely = [k for k in np.flatnonzero(row > self.unlikely).tolist() if k != BLANK]
        # Of each prefix the log probabilities of its paths that end in nothing, and of those that do not.
        grown: dict[tuple[int, ...], list[float]] = {}
        for prefix, (silent, spoken) in self._kept.items():
            whole = _add(silent, spoken)
            here = grown.setdefault(prefix, [NEVER, NEVER])
            here[0] = _add(here[0], whole + logs[BLANK])
            if prefix:
                here[1] = _add(here[1], spoken + logs[prefix[-1]])
            for k in likely:
                longer = grown.setdefault((*prefix, k), [NEVER, NEVER])
                repeated = prefix[-1:] == (k,)
                longer[1] = _add(longer[1], (silent if repeated else whole) + logs[k])
        ranked = sorted(grown.items(), key=lambda item: (-_add(*item[1]), item[0]))
        self._kept = {prefix: (a, b) for prefix, (a, b) in ranked[: self.width or None]}

    def best(self) -> tuple[int, ...]:
        """The likeliest text so far."""
        return next(iter(self._kept))

    def log_probability(self, text: Sequence[int]) -> float:
        """Of a text, the sum over its paths that were kept."""
        return _add(*self._kept.get(tuple(text), (NEVER, NEVER)))

    def carried(self) -> list[Any]:
        """As JSON, for `carry`."""
        return [
            [list(prefix), *(None if v == NEVER else v for v in both)] for prefix, both in self._kept.items()
        ]

    def carry(self, kept: list[Any]) -> None:
        """Go on from what `carried` gave."""
        self._kept = {
            tuple(prefix): (NEVER if a is None else a, NEVER if b is None else b) for prefix, a, b in kept
        }


def decoded(logs: npt.NDArray[np.float32], width: int) -> tuple[int, ...]:
    """The text of log probabilities [T, tokens]: by the best path with a width of 1, else by prefixes."""
    if width == 1:
        return tuple(said.token for said in best_path(logs))
    prefixes = Prefixes(width)
    for row in logs:
        prefixes.push(row)
    return prefixes.best()


def _add(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == NEVER else a + math.log1p(math.exp(b - a))
