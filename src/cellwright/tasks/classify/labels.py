"""Labels of examples: a text, a number, true or false, a tuple of them; or several of those for one. Floor 6.

Refuses labels that are missing or that a file cannot keep, one label for some and several for others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError

Label: TypeAlias = str | int | float | bool | tuple[Any, ...]
Several: TypeAlias = frozenset[Label]


def given(y: Any, count: int) -> tuple[list[Label | Several], bool]:
    """The user's labels, one for each of `count` examples, and whether each is a set of several.

    Raises:
        DataError: no list; another number of them; one that is missing or cannot be kept.

    >>> given(["a", 2], 2)
    (['a', 2], False)
    >>> labels, several = given([["b"], ["b", "a"], []], 3)
    >>> [sorted(one) for one in labels], several
    ([['b'], ['a', 'b'], []], True)
    """
    if isinstance(y, (str, bytes)) or not isinstance(y, Iterable):
        raise DataError("labels that are no list", where="y", got=repr(y)[:40], expected=f"{count} labels")
    rows = _of_marks(y) if isinstance(y, np.ndarray) and y.ndim == 2 else list(y)
    many = [isinstance(row, (list, set, frozenset)) for row in rows]
    if any(many) and not all(many):
        raise DataError(
            "one label for some examples, several for others",
            where=f"y, example {many.index(not many[0]) + 1}",
            got=repr(rows[many.index(not many[0])])[:40],
            fix="give every example a list of labels, or none",
        )
    found: list[Label | Several] = [
        frozenset(_label(label, number) for label in row) if several else _label(row, number)
        for number, (row, several) in enumerate(zip(rows, many, strict=True), start=1)
    ]
    if len(found) != count:
        raise DataError("X and y differ in length", got=f"{count} and {len(found)}", expected="a label each")
    return found, any(many)


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


def said(names: Sequence[Label], shares: npt.NDArray[np.float32]) -> list[dict[str, Any]]:
    """The most probable of the classes where each has one of `shares`, [N, classes].

    >>> said(["a", "b"], np.array([[0.25, 0.75]], "float32"))
    [{'label': 'b', 'probability': 0.75}]
    """
    best = shares.argmax(axis=1).tolist()
    return [
        {"label": names[k], "probability": round(float(row[k]), 4)}
        for k, row in zip(best, shares, strict=True)
    ]


def as_array(labels: Sequence[Any]) -> npt.NDArray[Any]:
    """Labels as an array [N]: of texts or numbers where all are of one type, else of objects."""
    kinds = {type(label) for label in labels}
    if len(kinds) == 1 and kinds <= {str, int, float, bool}:
        return np.array(labels)
    array = np.empty(len(labels), dtype=object)
    for k, label in enumerate(labels):
        array[k] = label
    return array


def _of_marks(y: npt.NDArray[Any]) -> list[list[int]]:
    """The columns where a row has a 1."""
    if y.dtype.kind not in "biuf" or not np.isin(y, (0, 1)).all():
        bad = np.argwhere(~np.isin(y, (0, 1)))
        row, column = bad[0] if len(bad) else (0, 0)
        raise DataError(
            "a mark that is neither 0 nor 1",
            where=f"y, row {row + 1}, column {column + 1}",
            got=repr(y[row, column]),
            expected="an array of 0 and 1, [N, labels]",
        )
    return [np.flatnonzero(row).tolist() for row in y]


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
