"""From a table, a frame or an array to columns in time order: `Series` and its parts. Floor 6.

Trailing rows without any target are the future to forecast. Refuses other empty cells (unless they are to be
filled), text among numbers, and what is no table; rows of a frame are named as those of a file are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import (
    ForecastRoles,
    Source,
    Step,
    Times,
    fill_gaps,
    forecast_roles,
    numeric,
    read_table,
    read_times,
    resolve,
)
from cellwright.tasks.data.source import shown
from cellwright.tasks.data.steps import UNTIMED, Stamps, stamps_after
from cellwright.tasks.data.table import place
from cellwright.tasks.data.times import interpolated

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What is said about the columns; empty means guessed.

    Attributes:
        time: the time column; `none` takes the rows as they stand.
        target, covariates: columns, separated by commas.
        gaps: `refuse` or `fill`.
        duplicates: `refuse` or `mean`.
    """

    time: str = ""
    target: str | tuple[str, ...] = ""
    covariates: str | tuple[str, ...] = ""
    gaps: str = "refuse"
    duplicates: str = "refuse"


@dataclass(frozen=True)
class Series:
    """Columns over time, without NaN.

    Attributes:
        targets: [T, K], in the unit of the data.
        covariates: [T + F, C], known for F rows ahead of the targets; C may be 0.
        names, covariate_names: of the columns.
        stamps: [T], or None where the rows are taken as they stand.
        step: between the rows.
        time: the name of the time column, or None.
        guessed: whether nobody named the targets.
        source: the name of the data, for messages.
        note: one line about the roles of the columns, and what was mended.
    """

    targets: Floats
    covariates: Floats
    names: tuple[str, ...]
    covariate_names: tuple[str, ...] = ()
    stamps: Stamps | None = None
    step: Step = UNTIMED
    time: str | None = None
    guessed: bool = False
    source: str = "the data"
    note: str = ""

    def __len__(self) -> int:
        return len(self.targets)

    def stamps_ahead(self, count: int) -> Stamps | None:
        """The stamps [T + count] of the rows and of those that follow."""
        if self.stamps is None:
            return None
        return np.concatenate((self.stamps, stamps_after(self.stamps, self.step, count)))

    def tail(self, rows: int) -> Series:
        """The last `rows` rows, and all covariates of the future."""
        start = max(0, len(self) - rows)
        stamps = None if self.stamps is None else self.stamps[start:]
        return replace(self, targets=self.targets[start:], covariates=self.covariates[start:], stamps=stamps)


@dataclass(frozen=True)
class Span:
    """A part of a series in time: the rows from `first` to `stop` count, those before are known by then.

    >>> span = whole(read([1.0, 2.0, 3.0, 4.0]))
    >>> rest, held = span.cut(3)
    >>> len(rest), len(held), len(rest.targets), len(held.targets)
    (3, 1, 3, 4)
    """

    series: Series
    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first

    @property
    def targets(self) -> Floats:
        """All that is known at the end of this part [stop, K]; a training part never sees beyond it."""
        return self.series.targets[: self.stop]

    @property
    def covariates(self) -> Floats:
        """The covariates of the rows of `targets` [stop, C]."""
        return self.series.covariates[: self.stop]

    def cut(self, at: int) -> tuple[Span, Span]:
        """The part before row `at`, and the part from it on."""
        return replace(self, stop=at), replace(self, first=at)


def whole(series: Series) -> Span:
    """All rows of a series as one part."""
    return Span(series, 0, len(series))


def read(data: Any, reading: Reading | None = None, *, known: Mapping[str, Any] | None = None) -> Series:
    """Read what the user gave.

    Args:
        data: a path, a sample's name, a polars DataFrame, an array [T] or [T, K] of targets, or a Series.
        reading: what the user said about the columns.
        known: the columns of the training ("time", "targets", "covariates"), tried before guessing.

    Raises:
        DataError: as the readers of `tasks.data`; an empty cell, an infinite value, nothing to forecast.

    >>> read("sunspots").note
    'time = YEAR, target = SUNACTIVITY, covariates = none (time and target guessed; set --time, --target)'
    """
    if isinstance(data, Series):
        return data
    reading = reading or Reading()
    if isinstance(data, pl.DataFrame):
        return _read_frame(data, Source("the frame", Path("frame.parquet")), reading, known or {})
    if isinstance(data, (str, Path, Source)):
        source = resolve(data)
        return _read_frame(read_table(source), source, reading, known or {})
    if isinstance(data, (np.ndarray, list, tuple)):
        return _read_array(data)
    raise DataError(
        "data of a kind that is not read",
        got=type(data).__name__,
        expected="a path, a polars DataFrame, or an array of numbers [T] or [T, K]",
    )


def _read_array(data: Any) -> Series:
    try:
        values = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("the array is not of numbers", expected="numbers [T] or [T, K]") from None
    if values.ndim not in (1, 2) or values.size == 0:
        raise DataError(
            "the array has the wrong shape", got=list(values.shape), expected="[T] or [T, K], not empty"
        )
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            "no finite number",
            where=f"row {row + 1}, column {column + 1}",
            got=values[row, column],
            expected="a number in every row",
            fix="fill it in",
        )
    names = tuple(f"column_{number}" for number in range(1, values.shape[1] + 1))
    return Series(values, np.zeros((len(values), 0)), names, source="the array")


def _read_frame(
    frame: pl.DataFrame, source: Source, reading: Reading, remembered: Mapping[str, Any]
) -> Series:
    if not frame.width or not frame.height:
        raise DataError("an empty table", where=shown(source), expected="at least one row")
    roles = _roles(frame, source, reading, remembered)
    columns = (*roles.targets, *roles.covariates)
    values = np.stack([numeric(frame, name, source) for name in columns], axis=1)
    times = _times(frame, source, roles, reading)
    known = len(roles.targets)
    ordered = values if times is None else times.arrange(values)
    length = _length(ordered[:, :known], source, roles)
    _refuse_empty(ordered[:length], times, columns, source, reading)
    _refuse_unknown_future(ordered[length:, known:], source, roles)
    stamps, full, filled = _closed(times, ordered, length, known)
    if times is not None and stamps is not None:
        length = int(np.searchsorted(stamps, times.stamps[length - 1])) + 1
    notes = [roles.describe()]
    notes += [source.notice] if source.notice else []
    notes += times.notices if times else []
    notes += [f"{filled} missing values filled by linear interpolation"] if filled else []
    return Series(
        targets=full[:length, :known],
        covariates=full[:, known:],
        names=roles.targets,
        covariate_names=roles.covariates,
        stamps=None if stamps is None else stamps[:length],
        step=times.step if times else UNTIMED,
        time=roles.time,
        guessed="target" in roles.guessed,
        source=shown(source),
        note="; ".join(notes),
    )


def _roles(frame: pl.DataFrame, source: Source, reading: Reading, known: Mapping[str, Any]) -> ForecastRoles:
    """The columns that were named, else those of the training where all are there, else guessed ones."""
    targets = _listed(reading.target, frame.columns) or _all_there(known.get("targets"), frame)
    covariates = _listed(reading.covariates, frame.columns) or _all_there(known.get("covariates"), frame)
    time = reading.time or next(iter(_all_there([known.get("time")], frame)), None)
    return forecast_roles(frame, source, time=time, targets=targets, covariates=covariates)


def _all_there(names: Sequence[str | None] | None, frame: pl.DataFrame) -> tuple[str, ...]:
    found = tuple(name for name in names or () if name in frame.columns)
    return tuple(name for name in found if name) if names and len(found) == len(names) else ()


def _times(frame: pl.DataFrame, source: Source, roles: ForecastRoles, reading: Reading) -> Times | None:
    if roles.time is None:
        return None
    return read_times(
        frame,
        roles.time,
        source,
        gaps="fill" if reading.gaps == "fill" else "refuse",
        duplicates="mean" if reading.duplicates == "mean" else "refuse",
    )


def _listed(names: str | tuple[str, ...], columns: Sequence[str]) -> tuple[str, ...]:
    """Names that were separated by commas; a text that is a column as a whole is that column."""
    if isinstance(names, tuple):
        return names
    if names in columns:
        return (names,)
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _length(targets: Floats, source: Source, roles: ForecastRoles) -> int:
    """How many rows there are up to the last one with a target; those after it are the future."""
    known = np.flatnonzero(~np.isnan(targets).all(axis=1))
    if not len(known):
        raise DataError(
            "a target without any value", where=f"{shown(source)}, column {', '.join(roles.targets)}"
        )
    return int(known[-1]) + 1


def _refuse_empty(
    values: Floats, times: Times | None, columns: Sequence[str], source: Source, reading: Reading
) -> None:
    empty = np.argwhere(np.isnan(values))
    if not len(empty) or reading.gaps == "fill":
        return
    at, column = empty[0]
    row = int(at) if times is None else int(times.order[times.starts[at]])
    raise DataError(
        "an empty cell in a series",
        where=f"{place(source, row)}, column {columns[column]}",
        got=f"{len(empty)} empty of {values.size}",
        expected="a number in every row",
        fix="fill it in, or --gaps fill (linear interpolation)",
    )


def _refuse_unknown_future(covariates: Floats, source: Source, roles: ForecastRoles) -> None:
    empty = np.argwhere(np.isnan(covariates))
    if len(empty):
        raise DataError(
            "a covariate is not known ahead",
            where=f"{shown(source)}, column {roles.covariates[empty[0][1]]}",
            got=f"an empty cell {empty[0][0] + 1} rows after the last target",
            expected="a number in every row of the future",
            fix="fill it in, or leave the column out of --covariates",
        )


def _closed(
    times: Times | None, values: Floats, length: int, known: int
) -> tuple[Stamps | None, Floats, int]:
    """Stamps and values without holes, and how many were filled; the targets' future is still there."""
    ahead = len(values) - length
    holes = int(np.isnan(values[:length]).sum())
    if times is None:
        columns = [interpolated(column) for column in values.T] if holes else list(values.T)
        return None, np.stack(columns, axis=1), holes
    stamps, full, filled = fill_gaps(times, values)
    return stamps, full, filled - ahead * known
