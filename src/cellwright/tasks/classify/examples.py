"""Examples to classify in normal form: texts, genes, proteins or series [T, C], with labels. Floor 6.

Refuses what is neither, infinite values, unequal channels, empty series, labels that are missing or that a
file cannot keep.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.data import split_examples

Label: TypeAlias = str | int | float | bool | tuple[Any, ...]
Series: TypeAlias = npt.NDArray[np.float32]
Kind: TypeAlias = Literal["text", "sequence", "series"]


@dataclass(frozen=True)
class Examples:
    """Texts, sequences of letters or series, and what is known of them.

    Attributes:
        kind: `text`, `sequence` (of a gene or a protein) or `series`.
        inputs: texts, or float32 arrays [T, C] where NaN is a missing value.
        labels: one for each (None: this one has none), or None where there are no labels at all.
        note: one line about the file, its columns and what was mended; empty for data from memory.
        columns: which column of a table was the text and which the label.
        source: the file's name, for messages.
        alphabet: of sequences, `nucleotide` or `protein`.
        names: of sequences that have them.
    """

    kind: Kind
    inputs: Sequence[str] | Sequence[Series]
    labels: Sequence[Label | None] | None = None
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    source: str = ""
    alphabet: str = ""
    names: Sequence[str] = ()

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
        """The labels.

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

    def some(self, index: Iterable[int]) -> Examples:
        """The examples at these places."""
        at = [int(k) for k in index]
        labels = None if self.labels is None else [self.labels[k] for k in at]
        inputs = cast("list[str]", [self.inputs[k] for k in at])
        return replace(self, inputs=inputs, labels=labels, names=[self.names[k] for k in at if self.names])

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
        codes = {label: str(k) for k, label in enumerate(classes(self.known()))}
        labels = [codes[label] for label in self.known()]
        if len(codes) == 1:
            raise one_class(self)
        rest, held = split_examples(len(self), labels, (1 - share, share), seed)
        return self.some(rest), self.some(held)


def normal(X: Any, y: Any = None) -> Examples:
    """The user's X and y in normal form.

    Args:
        X: texts, or series: arrays [T, C] or [T] each, or one array [N, T, C] or [N, T].
        y: a label for each: a text, a number, true or false, or a tuple of them; None where there are none.

    Raises:
        DataError: X is neither, X and y differ in length, a label is missing or of another type.
    """
    if isinstance(X, Examples):
        return X if y is None else replace(X, labels=_labels(y, len(X)))
    if isinstance(X, (str, bytes)):
        raise DataError("one text instead of a list of texts", where="X", got=repr(X[:40]), fix="give [text]")
    rows = list(X)
    if not rows:
        raise DataError("there are no examples", where="X", got=0, expected="at least one")
    labels = None if y is None else _labels(y, len(rows))
    if any(isinstance(row, str) for row in rows):
        return Examples("text", _texts(rows), labels)
    return Examples("series", _series(rows), labels)


def classes(labels: Sequence[Label]) -> list[Label]:
    """The distinct labels in order; those that cannot be compared with each other, by type and text.

    >>> classes(["b", "a", "b"]), classes([2, "a", 1])
    (['a', 'b'], [1, 2, 'a'])
    """
    distinct = list(dict.fromkeys(labels))
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=lambda label: (type(label).__name__, str(label)))


def to_json(label: Label) -> Any:
    """A label as JSON keeps it: a tuple becomes {"tuple": [...]}."""
    return {"tuple": [to_json(part) for part in label]} if isinstance(label, tuple) else label


def from_json(value: Any) -> Label:
    """The label that `to_json` wrote."""
    if isinstance(value, dict):
        return tuple(from_json(part) for part in value["tuple"])
    return cast("Label", value)


def as_array(labels: Sequence[Label]) -> npt.NDArray[Any]:
    """Labels as an array [N]: of texts or numbers where all are of one type, else of objects."""
    kinds = {type(label) for label in labels}
    if len(kinds) == 1 and kinds <= {str, int, float, bool}:
        return np.array(labels)
    array = np.empty(len(labels), dtype=object)
    for k, label in enumerate(labels):
        array[k] = label
    return array


def one_class(part: Examples) -> DataError:
    """The refusal of labels that do not differ."""
    return DataError(
        "one class only",
        where=part.source or "y",
        got=repr(part.known()[0]),
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


def _labels(y: Any, count: int) -> list[Label | None]:
    if isinstance(y, (str, bytes)) or not isinstance(y, Iterable):
        raise DataError("labels that are no list", where="y", got=repr(y)[:40], expected=f"{count} labels")
    labels: list[Label | None] = [_label(label, number) for number, label in enumerate(y, start=1)]
    if len(labels) != count:
        raise DataError("X and y differ in length", got=f"{count} and {len(labels)}", expected="a label each")
    return labels


def _label(value: Any, number: int) -> Label:
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or (isinstance(plain, float) and math.isnan(plain)):
        raise DataError(
            "a label is missing", where=f"y, example {number}", got=plain, fix="leave the example out"
        )
    if isinstance(plain, tuple):
        return tuple(_label(part, number) for part in plain)
    if not isinstance(plain, (str, int, float, bool)):
        raise DataError(
            "a label that cannot be kept in a file",
            where=f"y, example {number}",
            got=f"{type(plain).__name__} {plain!r}"[:60],
            expected="a text, a number, true or false, or a tuple of them",
        )
    return plain
