"""Several labels of a row: columns of 0 and 1, cells with a separator in them, or lists. Floor 6.

Refuses a mark that is neither 0 nor 1, a separator that no cell holds, a list that holds something else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.classify.labels import Several
from cellwright.tasks.data import strings
from cellwright.tasks.data.roles import find_column
from cellwright.tasks.data.source import Data, shown
from cellwright.tasks.data.table import place

JOINED = ","  # stands between the names of label columns, which are one setting
YES, NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})


def named(frame: pl.DataFrame, label: str | None, source: Data) -> list[str]:
    """The columns that a label setting names: one, or several with commas between them.

    Raises:
        DataError: one of several that is not there.
    """
    if label is None or label in frame.columns or JOINED not in label:
        return [] if label is None else [label]
    names = [name.strip() for name in label.split(JOINED) if name.strip()]
    return [find_column(frame.columns, name, "--label", source) for name in dict.fromkeys(names)]


def marked(frame: pl.DataFrame, columns: Sequence[str], source: Data) -> list[Several | None]:
    """The columns that say 1 (or true) in each row; None for a row whose cells are all empty.

    Raises:
        DataError: a cell that is neither 0 nor 1, or empty beside others that are not.
    """
    found: list[Several | None] = []
    cells = [[cell and cell.strip().lower() for cell in strings(frame, name)] for name in columns]
    for number, row in enumerate(zip(*cells, strict=True)):
        for name, cell in zip(columns, row, strict=True):
            if cell not in YES | NO and any(row):
                raise DataError(
                    "a label that is neither 0 nor 1",
                    where=f"{place(source, number)}, column {name}",
                    got=repr(cell or "")[:40],
                    expected="0 or 1: several label columns mark what holds",
                )
        said = frozenset(name for name, cell in zip(columns, row, strict=True) if cell in YES)
        found.append(said if any(row) else None)
    return found


def listed(frame: pl.DataFrame, column: str, source: Data) -> list[Several | None] | None:
    """The labels of a column of lists (JSON Lines, Parquet), or None where it is no such column.

    Raises:
        DataError: some cells are lists and another is not; something in a list is no label.
    """
    cells = _lists(frame[column])
    held = [number for number, cell in enumerate(cells) if cell is not None]
    if not any(isinstance(cells[number], list) for number in held):
        return None
    for number in held:
        cell = cells[number]
        if not isinstance(cell, list) or not all(isinstance(one, (str, int, float, bool)) for one in cell):
            raise DataError(
                "a cell that is no list of labels, as others are",
                where=f"{place(source, number)}, column {column}",
                got=repr(cell)[:40],
                expected="a list of texts or numbers",
            )
    return [None if cell is None else frozenset(str(one) for one in cell) for cell in cells]


def separated(
    frame: pl.DataFrame, column: str, separator: str, source: Data, *, needed: bool
) -> list[Several | None]:
    """The labels of each cell; an empty cell has none.

    Args:
        needed: whether at least one cell must hold the separator (training).

    Raises:
        DataError: none does.
    """
    cells = [cell or "" for cell in strings(frame, column)]
    if needed and not any(separator in cell for cell in cells):
        raise DataError(
            "no cell of the label column holds the separator",
            where=f"{shown(source)}, column {column}",
            got=f"--separator {separator!r}",
            expected="several labels in at least one row",
            fix="set another --separator, or leave it",
        )
    parts = ([part.strip() for part in cell.split(separator)] for cell in cells)
    return [frozenset(part for part in cell if part) for cell in parts]


def _lists(cells: pl.Series) -> list[Any]:
    """Each cell as it is, a JSON list as a list."""
    if cells.dtype != pl.String:
        return list(cells.to_list())
    if not cells.str.starts_with("[").any():
        return list(cells)
    return [_parsed(cell) for cell in cells]


def _parsed(cell: str | None) -> Any:
    try:
        return json.loads(cell) if cell and cell.startswith("[") else cell
    except ValueError:
        return cell
