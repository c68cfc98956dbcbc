"""Covariates of a table as numbers: known ahead, static, holidays; names become columns of 0 and 1. Floor 6.

Refuses a static column that changes within a series, and columns of too many names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import ForecastRoles, Source, numeric
from cellwright.tasks.data.source import shown
from cellwright.tasks.data.table import is_numeric, place, strings
from cellwright.tasks.forecast.series import Floats

MOST_NAMES = 64
NO_HOLIDAY = frozenset({"", "0", "0.0", "false", "no", "none", "否", "无"})


@dataclass(frozen=True)
class Extra:
    """The covariates of a table.

    Attributes:
        names: of the columns of `values`.
        values: [rows, C]; NaN where a cell is empty.
        static: those of the names that never change within a series.
        encodings: of a column that holds names, the names in the order of its columns.
        days: which columns are of holidays: an hour that is put in is none.
    """

    names: tuple[str, ...]
    values: Floats
    static: tuple[str, ...]
    encodings: dict[str, list[str]]
    days: npt.NDArray[np.bool_]

    def closed(self, values: Floats) -> Floats:
        """Covariates of one series [T, C], rows put in: what is static goes on, an ordinary day is 0."""
        if not np.isnan(values).any():
            return values
        closed: Floats = values.copy()
        closed[:, self.days] = np.nan_to_num(closed[:, self.days])
        for k, name in enumerate(self.names):
            if name in self.static:
                closed[:, k] = values[~np.isnan(values[:, k]), k][0]
        return closed


def extras(
    frame: pl.DataFrame,
    source: Source,
    roles: ForecastRoles,
    groups: Sequence[npt.NDArray[np.intp]],
    known: Mapping[str, Sequence[str]],
) -> Extra:
    """All covariates of a table.

    Args:
        frame, source: the table.
        roles: its columns.
        groups: the rows of each series.
        known: the encodings of the training; names that it has not seen are no name.

    Raises:
        DataError: text in a numeric column, a static column that changes or is empty, too many names.
    """
    names, columns, encodings = (
        list(roles.covariates),
        [numeric(frame, n, source) for n in roles.covariates],
        {},
    )
    static: list[str] = []
    for column in roles.static:
        _refuse_changing(frame, column, source, groups)
        if is_numeric(frame, column) and column not in known:
            static, names = [*static, column], [*names, column]
            columns.append(numeric(frame, column, source))
            continue
        cells = strings(frame, column)
        encodings[column] = _names(cells, known.get(column), column, source)
        made = [f"{column}: {name}" for name in encodings[column]]
        static, names = [*static, *made], [*names, *made]
        columns += [_is(cells, name) for name in encodings[column]]
    ordinary = len(names)
    if roles.holidays:
        days = [_holiday(cell) for cell in strings(frame, roles.holidays)]
        found = _names(days, known.get(roles.holidays), roles.holidays, source)
        encodings[roles.holidays] = found
        names += [roles.holidays, *(f"{roles.holidays}: {name}" for name in found if len(found) > 1)]
        columns.append(np.array([float(day is not None) for day in days]))
        columns += [_is(days, name) for name in found if len(found) > 1]
    values = np.stack(columns, axis=1) if columns else np.zeros((frame.height, 0))
    days_of = np.arange(len(names)) >= ordinary
    return Extra(tuple(names), values, tuple(static), encodings, days_of)


def _names(
    cells: Sequence[str | None], known: Sequence[str] | None, column: str, source: Source
) -> list[str]:
    if known is not None:
        return list(known)
    names = sorted({cell for cell in cells if cell is not None})
    if len(names) > MOST_NAMES:
        raise DataError(
            "a column of too many names",
            where=f"{shown(source)}, column {column}",
            got=len(names),
            expected=f"{MOST_NAMES} at most",
            fix="group them, or leave the column out",
        )
    return names


def _is(cells: Sequence[str | None], name: str) -> Floats:
    return np.array([float(cell == name) for cell in cells])


def _holiday(cell: str | None) -> str | None:
    """The name of a holiday; None for an ordinary day, however that is written."""
    text = (cell or "").strip()
    return None if text.lower() in NO_HOLIDAY else text


def _refuse_changing(
    frame: pl.DataFrame, column: str, source: Source, groups: Sequence[npt.NDArray[np.intp]]
) -> None:
    cells = strings(frame, column)
    for rows in groups:
        first = cells[rows[0]]
        other = next((row for row in rows if cells[row] != first), None)
        if other is not None or first is None:
            raise DataError(
                "a static column that changes within a series"
                if first
                else "an empty cell in a static column",
                where=f"{place(source, int(rows[0] if other is None else other))}, column {column}",
                got=None if other is None else f"{cells[other]}, {first} before",
                expected="one value for each series",
                fix="give it as --covariates if it is known ahead, or leave it out",
            )
