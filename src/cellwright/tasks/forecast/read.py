"""From a table, a frame or an array to a `Panel`: columns in time order, one series or many. Floor 6.

Trailing rows without any target are the future to forecast. Refuses other empty cells (unless they are to be
masked or filled), text among numbers, and what is no table; rows of a frame are named as those of a file are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import (
    ForecastRoles,
    Source,
    Times,
    fill_gaps,
    forecast_roles,
    numeric,
    on_grid,
    read_table,
    read_times,
    resolve,
)
from cellwright.tasks.data.roles import COLUMNS
from cellwright.tasks.data.source import shown
from cellwright.tasks.data.steps import UNTIMED, Stamps
from cellwright.tasks.data.table import place, strings
from cellwright.tasks.data.times import interpolated
from cellwright.tasks.forecast.columns import Extra, extras
from cellwright.tasks.forecast.series import Floats, Panel, Series, missing

Rows: TypeAlias = npt.NDArray[np.intp]
ONE = ("value",)  # the target of each series of a wide table
NAMED = 3  # series in a message


@dataclass(frozen=True)
class Reading:
    """What is said about the columns; empty means guessed.

    Attributes:
        time: the time column; `none` takes the rows as they stand.
        target, covariates, static: columns, separated by commas.
        series: the column that names the series of a row; `columns`: every target is one; `none`: one series.
        holidays: a column with the names of holidays.
        gaps: `refuse`, `mask` or `fill`.
        duplicates: `refuse` or `mean`.
    """

    time: str = ""
    target: str | tuple[str, ...] = ""
    covariates: str | tuple[str, ...] = ""
    series: str = ""
    static: str | tuple[str, ...] = ""
    holidays: str = ""
    gaps: str = "refuse"
    duplicates: str = "refuse"


def read(data: Any, reading: Reading | None = None, *, known: Mapping[str, Any] | None = None) -> Panel:
    """Read what the user gave.

    Args:
        data: a path, a sample's name, a polars DataFrame, an array [T] or [T, K] of targets, a Series or a
            Panel.
        reading: what the user said about the columns.
        known: the facts of the training: its columns are tried before guessing.

    Raises:
        DataError: as the readers of `tasks.data`; an empty cell, an infinite value, nothing to forecast.

    >>> read("sunspots").note
    'time = YEAR, target = SUNACTIVITY, covariates = none (time and target guessed; set --time, --target)'
    """
    if isinstance(data, Panel):
        return data
    if isinstance(data, Series):
        return Panel((data,), ForecastRoles(data.time, data.names, data.covariate_names))
    reading = reading or Reading()
    if isinstance(data, pl.DataFrame):
        return _read_frame(data, Source("the frame", Path("frame.parquet")), reading, known or {})
    if isinstance(data, (str, Path, Source)):
        source = resolve(data)
        return _read_frame(read_table(source), source, reading, known or {})
    if isinstance(data, (np.ndarray, list, tuple)):
        return _read_array(data, masked=reading.gaps == "mask")
    raise DataError(
        "data of a kind that is not read",
        got=type(data).__name__,
        expected="a path, a polars DataFrame, or an array of numbers [T] or [T, K]",
    )


def columns_of(panel: Panel) -> dict[str, Any]:
    """The columns that a panel was read from, JSON-able: what `read` takes as `known["columns"]`."""
    return {name: value for name, value in asdict(panel.roles).items() if name != "guessed"}


def _read_array(data: Any, masked: bool) -> Panel:
    try:
        values = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("the array is not of numbers", expected="numbers [T] or [T, K]") from None
    if values.ndim not in (1, 2) or values.size == 0:
        raise DataError(
            "the array has the wrong shape", got=list(values.shape), expected="[T] or [T, K], not empty"
        )
    values = values.reshape(len(values), -1)
    bad = np.isinf(values) if masked else ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            "no finite number",
            where=f"row {row + 1}, column {column + 1}",
            got=values[row, column],
            expected="a number in every row",
            fix="fill it in" if masked else "fill it in, or set gaps to mask",
        )
    names = tuple(f"column_{number}" for number in range(1, values.shape[1] + 1))
    one = Series(values, np.zeros((len(values), 0)), names, source="the array")
    return Panel((one,), ForecastRoles(None, names))


def _read_frame(
    frame: pl.DataFrame, source: Source, reading: Reading, remembered: Mapping[str, Any]
) -> Panel:
    if not frame.width or not frame.height:
        raise DataError("an empty table", where=shown(source), expected="at least one row")
    roles = _roles(frame, source, reading, remembered.get("columns") or {})
    groups = _groups(frame, source, roles)
    more = extras(frame, source, roles, list(groups.values()), remembered.get("encodings") or {})
    targets = np.stack([numeric(frame, name, source) for name in roles.targets], axis=1)
    table = _Table(source, roles, reading, more, np.concatenate((targets, more.values), axis=1))
    if roles.series == COLUMNS:
        times = _times(frame, table, np.arange(frame.height))
        found = [table.series(name, times, k) for k, name in enumerate(roles.targets)]
        read_times_of = [times]
    else:
        read_times_of = [_times(frame[rows], table, rows) for rows in groups.values()]
        pairs = zip(groups.items(), read_times_of, strict=True)
        found = [table.series(name, times, rows=rows) for (name, rows), times in pairs]
    _refuse_several_steps(found)
    notes = [roles.describe(), *([source.notice] if source.notice else []), *_told(found, table.filled)]
    notes += _joined([notice for times in read_times_of if times for notice in times.notices])
    return Panel(tuple(found), roles, more.static, more.encodings, "; ".join(notes))


@dataclass
class _Table:
    """A table while it is read: targets and covariates side by side [rows, K + C]."""

    source: Source
    roles: ForecastRoles
    reading: Reading
    more: Extra
    values: Floats
    filled: int = 0

    def series(
        self, name: str, times: Times | None, target: int | None = None, rows: Rows | None = None
    ) -> Series:
        """The series of some rows; of one target alone, where it is given."""
        count = len(self.roles.targets)
        columns = [*(range(count) if target is None else [target]), *range(count, self.values.shape[1])]
        values = self.values[:, columns] if rows is None else self.values[rows][:, columns]
        known = 1 if target is not None else count
        ordered = values if times is None else times.arrange(values)
        first, length = self._extent(ordered[:, :known], columns[:known])
        if self.reading.gaps == "refuse":
            self._refuse_empty(ordered[first:length], times, columns, first, rows)
        self._refuse_unknown_future(ordered[length:, known:])
        stamps, full, length = self._closed(times, ordered, length, known)
        start = 0 if times is None or stamps is None else int(np.searchsorted(stamps, times.stamps[first]))
        start = first if stamps is None else start
        return Series(
            targets=full[start:length, :known],
            covariates=self.more.closed(full[start:, known:]),
            names=ONE if target is not None else self.roles.targets,
            covariate_names=self.more.names,
            stamps=None if stamps is None else stamps[start:length],
            step=times.step if times else UNTIMED,
            time=self.roles.time,
            guessed="target" in self.roles.guessed and target is None,
            source=shown(self.source),
            name=name,
        )

    def _extent(self, targets: Floats, columns: Sequence[int]) -> tuple[int, int]:
        """The first row with a target (of a panel: else 0), and the number of rows up to the last one."""
        known = np.flatnonzero(~np.isnan(targets).all(axis=1))
        if not len(known):
            names = ", ".join(self.roles.targets[k] for k in columns)
            raise DataError("a target without any value", where=f"{shown(self.source)}, column {names}")
        return (int(known[0]) if self.roles.series else 0), int(known[-1]) + 1

    def _refuse_empty(
        self, values: Floats, times: Times | None, columns: Sequence[int], first: int, rows: Rows | None
    ) -> None:
        empty = np.argwhere(np.isnan(values))
        if not len(empty):
            return
        at, column = int(empty[0][0]) + first, columns[int(empty[0][1])]
        row = at if times is None else int(times.order[times.starts[at]])
        names = (*self.roles.targets, *self.more.names)
        raise DataError(
            "an empty cell in a series",
            where=f"{place(self.source, row if rows is None else int(rows[row]))}, column {names[column]}",
            got=f"{len(empty)} empty of {values.size}",
            expected="a number in every row",
            fix="fill it in, or --gaps mask (left out), or --gaps fill (linear interpolation)",
        )

    def _refuse_unknown_future(self, covariates: Floats) -> None:
        empty = np.argwhere(np.isnan(covariates))
        if len(empty):
            raise DataError(
                "a covariate is not known ahead",
                where=f"{shown(self.source)}, column {self.more.names[empty[0][1]]}",
                got=f"an empty cell {empty[0][0] + 1} rows after the last target",
                expected="a number in every row of the future",
                fix="fill it in, or leave the column out of --covariates",
            )

    def _closed(
        self, times: Times | None, values: Floats, length: int, known: int
    ) -> tuple[Stamps | None, Floats, int]:
        """Stamps and values at every step, and the number of rows; gaps are filled only if that was asked."""
        if times is None or self.reading.gaps == "refuse":
            full, stamps = values, None if times is None else times.stamps
        else:
            stamps, full = on_grid(times, values)
            length = int(np.searchsorted(stamps, times.stamps[length - 1])) + 1
        holes = int(np.isnan(full[:length]).sum())
        if self.reading.gaps == "fill" and holes:
            self.filled += holes
            if times is not None:
                _, full, _ = fill_gaps(times, values)
            else:
                full = np.stack([interpolated(column) for column in full.T], axis=1)
        return stamps, full, length


def _groups(frame: pl.DataFrame, source: Source, roles: ForecastRoles) -> dict[str, Rows]:
    """The rows of each series by its name, in order of appearance; all rows where there is one series."""
    if roles.series in (None, COLUMNS):
        return {"": np.arange(frame.height)}
    names = strings(frame, str(roles.series))
    if None in names:
        row = names.index(None)
        raise DataError(
            "a row that names no series",
            where=f"{place(source, row)}, column {roles.series}",
            expected="a name in every row",
            fix="fill it in, or remove the row",
        )
    found: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        found.setdefault(str(name).strip(), []).append(row)
    return {name: np.array(rows, dtype=np.intp) for name, rows in found.items()}


def _roles(frame: pl.DataFrame, source: Source, reading: Reading, known: Mapping[str, Any]) -> ForecastRoles:
    """The columns that were named, else those of the training where all are there, else guessed ones."""

    def listed(said: str | tuple[str, ...], role: str) -> tuple[str, ...]:
        return _listed(said, frame.columns) or _all_there(known.get(role), frame)

    def one(said: str, role: str) -> str | None:
        return said or next(iter(_all_there([known.get(role)], frame)), None)

    series = reading.series or (COLUMNS if known.get("series") == COLUMNS else one("", "series"))
    return forecast_roles(
        frame,
        source,
        ForecastRoles(
            one(reading.time, "time"),
            listed(reading.target, "targets"),
            listed(reading.covariates, "covariates"),
            series=series,
            static=listed(reading.static, "static"),
            holidays=one(reading.holidays, "holidays"),
        ),
    )


def _all_there(names: Sequence[str | None] | None, frame: pl.DataFrame) -> tuple[str, ...]:
    found = tuple(name for name in names or () if name in frame.columns)
    return tuple(name for name in found if name) if names and len(found) == len(names) else ()


def _times(frame: pl.DataFrame, table: _Table, rows: Rows) -> Times | None:
    if table.roles.time is None:
        return None
    return read_times(
        frame,
        table.roles.time,
        table.source,
        gaps="refuse" if table.reading.gaps == "refuse" else "fill",
        duplicates="mean" if table.reading.duplicates == "mean" else "refuse",
        rows=rows.tolist(),
    )


def _listed(names: str | tuple[str, ...], columns: Sequence[str]) -> tuple[str, ...]:
    """Names that were separated by commas; a text that is a column as a whole is that column."""
    if isinstance(names, tuple):
        return names
    if names in columns:
        return (names,)
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _refuse_several_steps(found: Sequence[Series]) -> None:
    """Series of one panel have one step; a series too short to tell has that of the others."""
    steps = {one.step.name: one for one in found if one.step.kind != "irregular"}
    if len(steps) > 1:
        (a, first), (b, second), *_ = steps.items()
        raise DataError(
            "series of different steps",
            where=first.source,
            got=f"{a} in series {first.name}, {b} in series {second.name}",
            expected="one step",
            fix="bring them to one step, or give a file for each step",
        )


def _told(found: Sequence[Series], filled: int) -> list[str]:
    """How many series there are, and what became of missing values."""
    lengths = [len(one) for one in found]
    told = [f"{len(found)} series of {min(lengths):,} to {max(lengths):,} rows"] if len(found) > 1 else []
    told += [f"{filled:,} missing values filled by linear interpolation"] if filled else []
    lost = missing(found)
    return told + ([f"{lost:,} missing values are masked: no input, no score"] if lost else [])


def _joined(notices: Sequence[str]) -> list[str]:
    """Each notice once; how many there were where several series have some."""
    distinct = list(dict.fromkeys(notices))
    more = len(distinct) - NAMED
    return distinct[:NAMED] + ([f"and {more} more notices of that kind"] if more > 0 else [])
