"""Examples to classify in normal form: texts, genes, proteins or series [T, C], with labels. Floor 6.

Refuses what is neither, infinite values, unequal channels, empty series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.classify.labels import Label, Several, classes, given
from cellwright.tasks.data import split_examples

Series: TypeAlias = npt.NDArray[np.float32]
Kind: TypeAlias = Literal["text", "sequence", "series"]


@dataclass(frozen=True)
class Examples:
    """Texts, sequences of letters or series, and what is known of them.

    Attributes:
        kind: `text`, `sequence` (of a gene or a protein) or `series`.
        inputs: texts, or float32 arrays [T, C] where NaN is a missing value.
        labels: one for each (None: this one has none), or None where there are no labels at all.
        several: whether a label is a set of labels, of any size, the empty one too.
        note: one line about the file, its columns and what was mended; empty for data from memory.
        columns: which column of a table was the text and which the label.
        source: the file's name, for messages.
        alphabet: of sequences, `nucleotide` or `protein`.
        names: of sequences that have them.
        cut_from: what `split` cut this part from, else None.
    """

    kind: Kind
    inputs: Sequence[str] | Sequence[Series]
    labels: Sequence[Label | Several | None] | None = None
    several: bool = False
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    source: str = ""
    alphabet: str = ""
    names: Sequence[str] = ()
    cut_from: Examples | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def texts(self) -> list[str]:
        """The inputs, where they are texts or sequences."""
        return cast("list[str]", list(self.inputs))

    @property
    def series(self) -> list[Series]:
        """The inputs, where they are series."""
        return cast("list[Series]", list(self.inputs))

    def known(self) -> list[Label]:
        """The labels, of examples that have one each.

        Raises:
            DataError: there are none.
        """
        if self.labels is None:
            raise DataError(
                "there are no labels",
                where=self.source or "y",
                expected="one for each example",
                fix="set --label",
            )
        return cast("list[Label]", list(self.labels))

    def sets(self) -> list[Several]:
        """The labels, of examples that have several; those of an example without a label are none."""
        return [
            frozenset() if found is None else found for found in cast("list[Several | None]", self.known())
        ]

    def some(self, index: Iterable[int]) -> Examples:
        """The examples at these places."""
        at = [int(k) for k in index]
        labels = None if self.labels is None else [self.labels[k] for k in at]
        inputs = cast("list[str]", [self.inputs[k] for k in at])
        names = [self.names[k] for k in at if self.names]
        return replace(self, inputs=inputs, labels=labels, names=names, cut_from=None)

    def labelled(self) -> Examples:
        """Those that training and scoring can use: with a label and, from a table, not with an empty text.

        Raises:
            DataError: there are none.
        """
        kept = [k for k, label in enumerate(self.known()) if label is not None]
        if self.kind != "series" and self.columns:
            kept = [k for k in kept if self.texts[k].strip()]
        if not kept:
            got = f"{len(self)} rows, columns {self.columns}" if self.columns else f"{len(self)} examples"
            raise DataError("no example with both input and label", where=self.source or "X, y", got=got)
        return self if len(kept) == len(self) else self.some(kept)

    def split(self, share: float, seed: int) -> tuple[Examples, Examples]:
        """(rest, held out), each class in proportion; a class of one example stays in the rest.

        Raises:
            DataError: one class only, or too few examples.
        """
        labels = self.strata()
        if not self.several and len(set(labels)) == 1:
            raise one_class(self)
        _, held = split_examples(
            len(self), labels if len(set(labels)) > 1 else None, (1 - share, share), seed
        )
        first, second = self.apart(held)
        return replace(first, cut_from=self), replace(second, cut_from=self)

    def apart(self, held: Iterable[int]) -> tuple[Examples, Examples]:
        """(rest, those at the places `held`); an example whose label only these have stays in the rest."""
        away, kept = {int(k) for k in held}, set(range(len(self)))
        if self.several:
            sets = self.sets()
            missing = frozenset().union(*sets) - frozenset().union(*(sets[k] for k in kept - away))
            for label in sorted(missing, key=str):
                away -= {next(k for k in sorted(away) if label in sets[k])}
        return self.some(sorted(kept - away)), self.some(sorted(away))

    def strata(self) -> list[str]:
        """What a split keeps in proportion: the label of each example, of several the rarest."""
        if not self.several:
            codes = {label: str(k) for k, label in enumerate(classes(self.known()))}
            return [codes[label] for label in self.known()]
        counts = Counter(label for one in self.sets() for label in one)
        places = {label: (counts[label], k) for k, label in enumerate(classes(list(counts)))}
        return [str(min((places[label] for label in one), default="")) for one in self.sets()]


def normal(X: Any, y: Any = None) -> Examples:
    """The user's X and y in normal form.

    Args:
        X: texts, or series: arrays [T, C] or [T] each, or one array [N, T, C] or [N, T].
        y: a label for each: a text, a number, true or false, or a tuple of them; or several for each: a list
            or a set of them, or an array of 0 and 1, [N, labels]. None where there are none.

    Raises:
        DataError: X is neither, X and y differ in length, a label is missing or of another type.
    """
    if isinstance(X, Examples):
        return X if y is None else _with_labels(X, y)
    if isinstance(X, (str, bytes)):
        raise DataError("one text instead of a list of texts", where="X", got=repr(X[:40]), fix="give [text]")
    rows = list(X)
    if not rows:
        raise DataError("there are no examples", where="X", got=0, expected="at least one")
    if any(isinstance(row, str) for row in rows):
        found = Examples("text", _texts(rows))
    else:
        found = Examples("series", _series(rows))
    return found if y is None else _with_labels(found, y)


def one_class(part: Examples) -> DataError:
    """The refusal of labels that do not differ."""
    return DataError(
        "one class only",
        where=part.source or "y",
        got=repr(next(iter(part.sets()[0]), None) if part.several else part.known()[0]),
        expected="at least two classes",
        fix="check the label column",
    )


def _texts(rows: list[Any]) -> list[str]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, str):
            raise DataError(
                "an input that is no text",
                where=f"X, example {number}",
                got=type(row).__name__,
                expected="a text, as the others (an empty one is allowed)",
            )
    return [str(row) for row in rows]


def _series(rows: list[Any]) -> list[Series]:
    found = [_one(row, f"X, series {number}") for number, row in enumerate(rows, start=1)]
    for number, values in enumerate(found, start=1):
        if values.shape[1] != found[0].shape[1]:
            raise DataError(
                "series with different numbers of channels",
                where=f"X, series {number}",
                got=values.shape[1],
                expected=f"{found[0].shape[1]}, as series 1",
            )
    return found


def _one(row: Any, where: str) -> Series:
    try:
        values = np.asarray(row, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            "an input that is neither text nor numbers",
            where=where,
            got=repr(row)[:60],
            expected="an array [T, C] or [T] of numbers",
        ) from None
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(
            "a series of the wrong shape",
            where=where,
            got=list(values.shape),
            expected="[T, C] or [T], not empty",
        )
    if np.isinf(values).any():
        step = int(np.argwhere(np.isinf(values))[0][0]) + 1
        raise DataError(
            "an infinite value", where=f"{where}, step {step}", expected="finite numbers (NaN: missing)"
        )
    return values


def _with_labels(part: Examples, y: Any) -> Examples:
    labels, several = given(y, len(part))
    return replace(part, labels=labels, several=several)
