"""Pairs of sentences in normal form. Floor 6.

Refuses what is no list of texts, lists of different length, and data without one whole pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cellwright.errors import DataError
from cellwright.tasks.data import split_examples


@dataclass(frozen=True)
class Pairs:
    """Sentences, and what they are in another language.

    Attributes:
        sources: every sentence, "" where a line is empty.
        targets: one for each, or None where there are none at all.
        note: one line about the files; empty for data from memory.
        columns: which column of a table was which; empty for plain lines.
        place: the file's name, for messages.
        lines: whether they are plain lines, not rows of a table.
    """

    sources: Sequence[str]
    targets: Sequence[str] | None = None
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    place: str = ""
    lines: bool = False

    def __len__(self) -> int:
        return len(self.sources)

    def known(self) -> list[str]:
        """The targets.

        Raises:
            DataError: there are none.
        """
        if self.targets is None:
            raise DataError(
                "there are no translations",
                where=self.place or "y",
                expected="one for each sentence",
                fix="name two files with a comma between them, or a table with two columns",
            )
        return list(self.targets)

    def some(self, index: Iterable[int]) -> Pairs:
        """The pairs at these places."""
        at = [int(k) for k in index]
        targets = None if self.targets is None else [self.targets[k] for k in at]
        return replace(self, sources=[self.sources[k] for k in at], targets=targets)

    def whole(self) -> Pairs:
        """Those that training and scoring can use: neither side empty.

        Raises:
            DataError: there are none.
        """
        pairs = zip(self.sources, self.known(), strict=True)
        kept = [k for k, (source, target) in enumerate(pairs) if source.strip() and target.strip()]
        if not kept:
            raise DataError(
                "no pair with both sentences", where=self.place or "X, y", got=f"{len(self)} lines"
            )
        return self if len(kept) == len(self) else self.some(kept)

    def split(self, share: float, seed: int) -> tuple[Pairs, Pairs]:
        """(rest, held out): a sentence with several translations lies in one part with all of them.

        Raises:
            DataError: fewer than two different sentences.
        """
        order = {source: k for k, source in enumerate(dict.fromkeys(self.sources))}
        _, held = split_examples(len(order), None, (1 - share, share), seed)
        inside = set(held.tolist())
        places = [order[source] in inside for source in self.sources]
        return (
            self.some(k for k, held_out in enumerate(places) if not held_out),
            self.some(k for k, held_out in enumerate(places) if held_out),
        )


def normal(X: Any, y: Any = None) -> Pairs:
    """The user's sentences and their translations in normal form.

    Raises:
        DataError: no list of texts, lists of different length, an empty list.
    """
    if isinstance(X, Pairs):
        return X if y is None else replace(X, targets=_texts(y, "y"))
    sources = _texts(X, "X")
    if not sources:
        raise DataError("there are no sentences", where="X", got=0, expected="at least one")
    targets = None if y is None else _texts(y, "y")
    if targets is not None and len(targets) != len(sources):
        raise DataError("X and y differ in number", got=f"{len(sources)} and {len(targets)} sentences")
    return Pairs(sources, targets)


def _texts(values: Any, where: str) -> list[str]:
    if isinstance(values, (str, bytes)):
        raise DataError(
            "one text instead of a list of them", where=where, got=repr(values[:40]), fix="give [text]"
        )
    found = list(values)
    wrong = next((k for k, value in enumerate(found) if not isinstance(value, str)), None)
    if wrong is not None:
        got = type(found[wrong]).__name__
        raise DataError("no text", where=f"{where}, sentence {wrong + 1}", got=got, expected="a text")
    return found
