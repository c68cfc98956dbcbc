"""The time column: stamps, the step between them, gaps, and the season people usually mean by that step.

Sorts what is out of order, with a notice. Refuses what is no time, times with and without an offset in one
column, duplicates (naming their lines), stamps off a regular step, a step that changes, and gaps unless the
caller fills them. Floor 6 (tasks).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data.source import Data, shown
from cellwright.tasks.data.steps import (
    IRREGULAR,
    Stamps,
    Step,
    changes_at,
    detect_step,
    missing_between,
    off_the_step,
    stamps_after,
)
from cellwright.tasks.data.table import lines, place, strings

Floats: TypeAlias = npt.NDArray[np.float64]
_STAMP = re.compile(
    r"(?P<Y>\d{4})(?:[-/年](?P<m>\d{1,2})月?(?:[-/]?(?P<d>\d{1,2})日?"
    r"(?:[T ](?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2}(?:[.,]\d{1,6})?))?\d*(?P<z>Z|[+-]\d{2}:?\d{2})?)?)?)?"
)
# What most columns are, all of them: looked at and read without a step in Python for every cell.
_PLAIN = r"^\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?$"
_MOST_FILLED = 10  # missing stamps for each row that is there
_FORMS = "2024, 2024-05, 2024-05-01 or 2024-05-01 13:00:00"


@dataclass(frozen=True)
class Times:
    """A time column in order.

    Attributes:
        stamps: datetime64[us], ascending and distinct [T].
        order: the rows of the table in time order [rows].
        starts: where in `order` the rows of each stamp begin [T]; one row a stamp unless duplicates are
            merged.
        step: what lies between two stamps.
        notices: sentences to print.
    """

    stamps: Stamps
    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    step: Step
    notices: tuple[str, ...] = ()

    def arrange(self, values: Floats) -> Floats:
        """Values [rows, K] of the table in the order of the stamps [T, K]; rows of one stamp give a mean."""
        ordered = values[self.order]
        if len(self.starts) == len(ordered):
            return ordered
        known = ~np.isnan(ordered)
        counts = np.add.reduceat(known, self.starts, axis=0, dtype=np.float64)
        sums = np.add.reduceat(np.where(known, ordered, 0.0), self.starts, axis=0)
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)

    def future(self, count: int) -> Stamps:
        """The `count` stamps after the last one (irregular steps go on by the median step)."""
        return stamps_after(self.stamps, self.step, count)


def read_times(
    frame: pl.DataFrame,
    column: str,
    path: Data,
    *,
    gaps: Literal["refuse", "fill"] = "refuse",
    duplicates: Literal["refuse", "mean"] = "refuse",
    rows: Sequence[int] | None = None,
) -> Times:
    """Read a time column: years, months, ISO dates and times (also with / or 年月日); offsets become UTC.

    `frame` is as `read_table` gave it. With `gaps="fill"` gaps are let through, for `fill_gaps` to close;
    with `duplicates="mean"` rows of one stamp are merged by `Times.arrange`. `rows` says where each row of
    `frame` stands in the file, where it is a part of one.

    Raises:
        DataError: a cell that is empty or no time, times with and without an offset, two rows of one stamp, a
            stamp off a regular step, a step that changes, a gap.
    """
    at = np.arange(frame.height) if rows is None else np.asarray(rows)
    read, offsets = _parse(frame, column, path, at)
    order = np.argsort(read, kind="stable")
    ordered, starts = np.unique(read[order], return_index=True)
    if duplicates == "refuse":
        _refuse_duplicates(read[order], at[order], column, path)
    step = detect_step(ordered)
    where = f"{shown(path)}, column {column}"
    if gaps == "refuse":
        _refuse_another_step(ordered, at[order[starts]], column, path)
    off = off_the_step(ordered, step)
    if off is not None:
        raise DataError(
            "a time stamp off the regular step",
            where=f"{place(path, int(at[order[starts[off]]]))}, column {column}",
            got=_written(ordered[off]),
            expected=f"{step.name} stamps",
            fix="mend or remove the row, or set --time none",
        )
    if gaps == "refuse":
        _refuse_gaps(ordered, step, where)
    notices = [*_notices(read, ordered, step, where), *_zones(offsets, where)]
    return Times(ordered, order, starts, step, tuple(notices))


def on_grid(times: Times, values: Floats) -> tuple[Stamps, Floats]:
    """The full stamps [T'], those that are missing put in, and the values there; NaN where there are none.

    Args:
        times: from `read_times(..., gaps="fill")`.
        values: the rows in the order of `times.stamps`, [T] or [T, K].

    Raises:
        DataError: far more missing than is there.
    """
    missing = missing_between(times.stamps, times.step)
    if missing.sum() > _MOST_FILLED * len(times.stamps):
        raise DataError(
            "far more is missing than is there",
            got=f"{int(missing.sum())} {times.step.name} stamps missing, {len(times.stamps)} rows",
            fix="check the times, or set --time none (rows as they stand)",
        )
    at = np.arange(len(times.stamps)) + np.concatenate(([0], np.cumsum(missing)))
    length = int(at[-1]) + 1
    stamps = np.empty(length, dtype=times.stamps.dtype)
    stamps[at] = times.stamps
    for gap in np.flatnonzero(missing):
        start = int(at[gap])
        count = int(missing[gap])
        stamps[start + 1 : start + 1 + count] = stamps_after(times.stamps[: gap + 1], times.step, count)
    grid = np.full((length, *values.shape[1:]), np.nan)
    grid[at] = values
    return stamps, grid


def fill_gaps(times: Times, values: Floats) -> tuple[Stamps, Floats, int]:
    """Close gaps by linear interpolation over the steps: missing stamps are put in, NaN values are filled.

    A NaN before the first or after the last value takes that value. Takes what `on_grid` takes.

    Returns:
        The full stamps [T'], the full values [T'] or [T', K], and how many values were filled.

    Raises:
        DataError: a column without any value; far more missing than is there.
    """
    stamps, grid = on_grid(times, values)
    filled = int(np.isnan(grid).sum())
    columns = [interpolated(column) for column in grid.reshape(len(grid), -1).T]
    return stamps, np.stack(columns, axis=1).reshape(grid.shape), filled


def interpolated(values: Floats) -> Floats:
    """Values [T] with each NaN replaced on the straight line between its neighbours (the ends are held).

    >>> interpolated(np.array([1.0, np.nan, 3.0, np.nan])).tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    known = ~np.isnan(values)
    if not known.any():
        raise DataError(
            "a column without any value", expected="at least one number", fix="choose another column"
        )
    return np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])


def looks_like_times(frame: pl.DataFrame, column: str) -> bool:
    """Whether every cell is a time; bare years and YYYYMMDD count only where they rise row by row."""
    if not (frame[column].dtype.is_temporal() or frame[column].dtype in (pl.String, pl.Int64, pl.Int32)):
        return False
    if _plain(frame, column) is not None:
        return True
    cells = strings(frame, column)
    if not all(cell and _match(cell) for cell in cells):
        return False
    if not all(cell and cell.strip().isdecimal() for cell in cells):
        return True
    years = [int(cell) for cell in cells if cell]
    return all(later > earlier for earlier, later in pairwise(years))


def _parse(frame: pl.DataFrame, column: str, path: Data, at: npt.NDArray[np.intp]) -> tuple[Stamps, set[str]]:
    """The stamps in UTC as far as offsets are written, and the offsets that are."""
    plain = _plain(frame, column)
    if plain is not None:
        with suppress(ValueError):  # a month 13: which row it is, is found below
            return np.array(plain, dtype="datetime64[us]"), set()
    matches = [_match(cell) if cell else None for cell in strings(frame, column)]
    written = [_canonical(match) if match else "" for match in matches]
    bad = next((row for row, match in enumerate(matches) if match is None), None)
    if bad is None:
        try:
            stamps: Stamps = np.array(written, dtype="datetime64[us]")
        except ValueError:  # a month 13, a 30th of February: find which
            bad = next(row for row, cell in enumerate(written) if not _exists(cell))
        else:
            zones = [match["z"] for match in matches if match]
            _refuse_mixed_zones(zones, written, column, path, at)
            stamps -= np.array([_minutes_ahead(zone) for zone in zones], dtype="timedelta64[m]")
            return stamps, {zone for zone in zones if zone}
    cell = frame[column][bad]
    raise DataError(
        "no time" if cell is not None else "an empty time",
        where=f"{place(path, int(at[bad]))}, column {column}",
        got=None if cell is None else repr(str(cell)[:40]),
        expected=_FORMS,
        fix="mend the cell, or set --time to another column (--time none: rows as they stand)",
    )


def _plain(frame: pl.DataFrame, column: str) -> list[str] | None:
    """The cells, if each is a date, or a date and a time, as ISO writes it; else None."""
    if frame[column].dtype != pl.String or not frame.height or frame[column].null_count():
        return None
    return frame[column].to_list() if frame[column].str.contains(_PLAIN).all() else None


def _match(cell: str) -> re.Match[str] | None:
    written = cell.strip()
    if len(written) == 8 and written.isdecimal():  # ISO's basic form, 20240501
        written = f"{written[:4]}-{written[4:6]}-{written[6:]}"
    return _STAMP.fullmatch(written)


def _canonical(match: re.Match[str]) -> str:
    """A time in numpy's own form, without its offset."""
    year, month, day, hour, minute, second = match.group("Y", "m", "d", "H", "M", "S")
    clock = f"{hour:0>2}:{minute}:{(second or '00').replace(',', '.')}" if hour else "00:00:00"
    return f"{year}-{month or '1':0>2}-{day or '1':0>2}T{clock}"


def _minutes_ahead(zone: str | None) -> int:
    """How far a clock is ahead of UTC; zero where no offset is written."""
    if zone in (None, "Z"):
        return 0
    digits = str(zone)[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return -minutes if str(zone).startswith("-") else minutes


def _exists(cell: str) -> bool:
    try:
        np.datetime64(cell)
    except ValueError:
        return False
    return True


def _refuse_mixed_zones(
    zones: Sequence[str | None], written: Sequence[str], column: str, path: Data, at: npt.NDArray[np.intp]
) -> None:
    """Times with an offset beside times without one: nobody can say how they lie to each other."""
    with_offset, without = (
        next((row for row, zone in enumerate(zones) if (zone is None) == bare), None)
        for bare in (False, True)
    )
    if with_offset is None or without is None:
        return
    rows = [with_offset, without]
    first, second = lines(path, [int(at[row]) for row in rows])
    raise DataError(
        "times with and without an offset from UTC",
        where=f"{shown(path)}, column {column}",
        got=f"{written[rows[0]].replace('T', ' ')}{zones[rows[0]]} in {first}, "
        f"{written[rows[1]].replace('T', ' ')} in {second}",
        expected="an offset in every row, or in none",
        fix="write all of them in one way",
    )


def _zones(offsets: set[str], where: str) -> list[str]:
    if len({_minutes_ahead(zone) for zone in offsets}) < 2:
        return []
    return [f"{where}: offsets {', '.join(sorted(offsets))} are mixed; all times are taken in UTC"]


def _refuse_another_step(ordered: Stamps, rows: npt.NDArray[np.intp], column: str, path: Data) -> None:
    at = changes_at(ordered)
    if at is None:
        return
    before, after = detect_step(ordered[:at]), detect_step(ordered[at - 1 :])
    raise DataError(
        "the step between the times changes",
        where=f"{place(path, int(rows[at]))}, column {column}",
        got=f"{before.name} up to {_written(ordered[at - 1])}, {after.name} from there",
        expected="one step",
        fix="bring the rows to one step, give one part of them, or set --time none (rows as they stand)",
    )


def _refuse_duplicates(ordered: Stamps, order: npt.NDArray[np.intp], column: str, path: Data) -> None:
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if not len(twice):
        return
    first, second = lines(path, [int(order[row]) for row in (twice[0], twice[0] + 1)])
    raise DataError(
        "two rows of one time",
        where=f"{shown(path)}, column {column}",
        got=f"{_written(ordered[twice[0]])} in {first} and {second} ({len(twice)} such pairs)",
        fix="keep one row a time, or --duplicates mean (their mean), or --series COLUMN (several series)",
    )


def _refuse_gaps(ordered: Stamps, step: Step, where: str) -> None:
    missing = missing_between(ordered, step)
    gaps = np.flatnonzero(missing)
    if not len(gaps):
        return
    before, after = _written(ordered[gaps[0]]), _written(ordered[gaps[0] + 1])
    raise DataError(
        "a gap in the times",
        where=where,
        got=f"{missing[gaps[0]]} {step.name} stamps missing between {before} and {after} "
        f"({int(missing.sum())} missing in {len(gaps)} gaps)",
        fix="add the rows, or --gaps mask (left out), or --gaps fill (linear interpolation), or --time none",
    )


def _notices(read: Stamps, ordered: Stamps, step: Step, where: str) -> list[str]:
    notices = []
    backwards = int((read[1:] < read[:-1]).sum())
    if backwards:
        notices.append(
            f"{where}: the rows were not in time order ({backwards} steps back) and have been sorted"
        )
    merged = len(read) - len(ordered)
    if merged:
        notices.append(f"{where}: {merged} rows of a time that another row has were merged (mean)")
    if step.name == IRREGULAR:
        notices.append(f"{where}: no regular step between the times; rows are taken as evenly spaced")
    return notices


def _written(stamp: np.datetime64) -> str:
    text = np.datetime_as_string(stamp, unit="auto")
    return str(text).replace("T", " ")
