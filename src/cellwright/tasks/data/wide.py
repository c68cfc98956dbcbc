"""Wide tables: one row a series. Which column is the label, which columns are steps and which are channels.

Refuses text among the steps, and a label column that is not there. Floor 6 (tasks).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import names
from cellwright.tasks.data.roles import NO_COLUMN, find_column
from cellwright.tasks.data.source import Data, shown
from cellwright.tasks.data.table import is_numeric, numeric, place, strings
from cellwright.tasks.data.ts import Parsed

_STEP = re.compile(r"(?P<stem>.*?\D)_?(?P<index>\d+)")
_PIXEL = re.compile(r"\D*(?P<row>\d+)\D+(?P<column>\d+)")
_FEW = 30  # distinct whole numbers in a first or last column that may be classes


@dataclass(frozen=True)
class Layout:
    """How the columns of a row make a series: `columns[t][c]` is the value of channel `c` at step `t`."""

    columns: tuple[tuple[str, ...], ...]
    channels: tuple[str, ...]


def split_rows(frame: pl.DataFrame, path: Data, label: str | None) -> Parsed:
    """Each row of `frame` as a series [T, C], with its label if a column is one.

    Args:
        frame: as `read_table` gave it.
        path: for messages.
        label: the label column, `none` for no column, None to guess.

    Raises:
        DataError: no such column, no columns left, text in a step, an empty label.
    """
    chosen = label_column(frame, path, label)
    steps = [name for name in frame.columns if name != chosen]
    if not steps:
        raise DataError("no columns left for the series", where=shown(path), got=", ".join(frame.columns))
    layout = find_layout(steps)
    values = {name: numeric(frame, name, path) for name in steps}
    x = np.stack([np.stack([values[name] for name in step], axis=1) for step in layout.columns], axis=1)
    how = "guessed; set --label" if label is None else "as asked"
    remark = f"label = {chosen} ({how})" if chosen else "no labels"
    return Parsed(trimmed(x), _labels(frame, chosen, path), list(layout.channels), remark)


def find_layout(columns: Sequence[str]) -> Layout:
    """Steps and channels from the names of the columns.

    >>> find_layout(["x1", "y1", "x2", "y2"])
    Layout(columns=(('x1', 'y1'), ('x2', 'y2')), channels=('x', 'y'))
    >>> find_layout(["r0c0", "r0c1", "r1c0", "r1c1"]).channels
    ('c0', 'c1')
    >>> find_layout(["t1", "t2", "t3"]).channels
    ('value',)
    """
    return _pixels(columns) or _stems(columns) or Layout(tuple((name,) for name in columns), ("value",))


def _pixels(written: Sequence[str]) -> Layout | None:
    """Names of a row and a column, such as r3c5: rows are steps, columns are channels."""
    found = [_PIXEL.fullmatch(name) for name in written]
    at = {
        (int(match["row"]), int(match["column"])): name
        for match, name in zip(found, written, strict=True)
        if match
    }
    rows, columns = sorted({row for row, _ in at}), sorted({column for _, column in at})
    if (
        len(at) != len(written)
        or len(written) != len(rows) * len(columns)
        or len(rows) < 2
        or len(columns) < 2
    ):
        return None
    grid = tuple(tuple(at[row, column] for column in columns) for row in rows)
    return Layout(grid, tuple(f"c{column}" for column in columns))


def _stems(written: Sequence[str]) -> Layout | None:
    """Names of a stem and a rising index, such as x1, y1, x2, y2: stems are channels, indices are steps."""
    found = [_STEP.fullmatch(name) for name in written]
    at = {
        (match["stem"], int(match["index"])): name
        for match, name in zip(found, written, strict=True)
        if match
    }
    stems = list(dict.fromkeys(stem for stem, _ in at))
    indices = sorted({index for _, index in at})
    if (
        len(at) != len(written)
        or len(written) != len(stems) * len(indices)
        or len(stems) < 2
        or len(indices) < 2
    ):
        return None
    return Layout(tuple(tuple(at[stem, index] for stem in stems) for index in indices), tuple(stems))


def label_column(frame: pl.DataFrame, path: Data, label: str | None) -> str | None:
    """The column of the labels as `split_rows` finds it, or None."""
    if label == NO_COLUMN and label not in frame.columns:
        return None
    if label is not None:
        return find_column(frame.columns, label, "--label", path)
    return _guess(frame)


def _guess(frame: pl.DataFrame) -> str | None:
    """A usual name; else the only text column; else the one name that is no step; else few whole numbers."""
    columns = frame.columns
    named = [name for name in columns if name.lower() in names.LABEL]
    if len(named) == 1:
        return named[0]
    texts = [
        name for name in columns if not is_numeric(frame, name) and frame[name].null_count() < frame.height
    ]
    if len(texts) == 1:
        return texts[0]
    headed = not all(name == f"column_{number}" for number, name in enumerate(columns, start=1))
    if headed:
        odd = [
            name
            for name in columns
            if not (_STEP.fullmatch(name) or _PIXEL.fullmatch(name) or name.isdecimal())
        ]
        return odd[0] if len(odd) == 1 and len(columns) > 2 else None
    few = {name: count for name in (columns[0], columns[-1]) if (count := _class_count(frame, name))}
    return min(few, key=lambda name: few[name], default=None) if len(columns) > 2 else None


def _class_count(frame: pl.DataFrame, name: str) -> int:
    """How many classes a column of whole numbers could name; 0 where it could not."""
    values = numeric(frame, name, "") if is_numeric(frame, name) else np.array([np.nan])
    distinct = len(np.unique(values))
    whole = not np.isnan(values).any() and bool((values == np.round(values)).all())
    return distinct if whole and 1 < distinct <= min(_FEW, len(values) // 2) else 0


def _labels(frame: pl.DataFrame, column: str | None, path: Data) -> list[str]:
    if column is None:
        return []
    labels = []
    for row, cell in enumerate(strings(frame, column)):
        if cell is None:
            raise DataError(
                "an empty label",
                where=f"{place(path, row)}, column {column}",
                fix="label the row, or remove it",
            )
        labels.append(cell.strip())
    return labels


def trimmed(x: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Series without the empty steps at their end: rows padded with empty cells have unequal lengths."""
    held = np.asarray(~np.isnan(x).all(axis=2))
    ends = [
        int(np.flatnonzero(held[row])[-1]) + 1 if held[row].any() else x.shape[1] for row in range(len(x))
    ]
    return [series[:end] for series, end in zip(x, ends, strict=True)]
