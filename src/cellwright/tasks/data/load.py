"""From a file to what a task trains on: texts with labels, or the columns of a forecast, with notices.

Rows without a text or a label are left out and said; empty cells of a target are refused or filled. Floor 6
(tasks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data.roles import ForecastRoles, TextRoles, forecast_roles, text_roles
from cellwright.tasks.data.source import Data, resolve, shown
from cellwright.tasks.data.steps import UNTIMED, Stamps, Step
from cellwright.tasks.data.table import numeric, place, read_table, strings
from cellwright.tasks.data.times import Floats, Times, fill_gaps, interpolated, read_times

Gaps: TypeAlias = Literal["refuse", "fill"]


@dataclass(frozen=True)
class TextData:
    """Texts with their labels (empty where there are none), the rows they came from, and notices to print."""

    texts: list[str]
    labels: list[str]
    rows: list[int]
    roles: TextRoles
    notices: tuple[str, ...]


@dataclass(frozen=True)
class ForecastData:
    """Columns in time order.

    Attributes:
        stamps: [T], or None where the rows are taken as they stand.
        targets: [T, K] float64, without NaN.
        covariates: [T, C] float64, without NaN; C may be 0.
        roles: which column is which.
        step: between the rows; `untimed` without a time column.
        times: what to ask for future stamps, or None.
        notices: sentences to print.
    """

    stamps: Stamps | None
    targets: Floats
    covariates: Floats
    roles: ForecastRoles
    step: Step
    times: Times | None
    notices: tuple[str, ...]


def load_texts(
    data: Data, *, text: str | None = None, label: str | None = None, labelled: bool = True
) -> TextData:
    """Read a table of texts. For training (`labelled`) rows without text or label are left out and said.

    Without `labelled` every row is kept, an empty text as "", so that predictions stay beside their rows;
    labels are given only where every row has one.

    Raises:
        DataError: what `read_table` and `text_roles` refuse; no row with both text and label.
    """
    source = resolve(data)
    frame = read_table(source)
    roles = text_roles(frame, source, text=text, label=label, labelled=labelled)
    texts = strings(frame, roles.text)
    labels = strings(frame, roles.label) if roles.label else [None] * len(texts)
    notices = [source.notice] if source.notice else []
    if not labelled:
        known = [found.strip() for found in labels if found is not None]
        kept = known if len(known) == len(texts) else []
        return TextData(
            [found or "" for found in texts], kept, list(range(len(texts))), roles, tuple(notices)
        )
    rows = [row for row, pair in enumerate(zip(texts, labels, strict=True)) if None not in pair]
    if not rows:
        raise DataError("no row with both text and label", where=shown(source), got=roles.describe())
    if len(rows) < len(texts):
        out = sorted(set(range(len(texts))) - set(rows))
        first = place(source, out[0])
        notices.append(f"{len(out)} of {len(texts)} rows left out: no text or no label (the first: {first})")
    pairs = [(texts[row] or "", (labels[row] or "").strip()) for row in rows]
    return TextData([pair[0] for pair in pairs], [pair[1] for pair in pairs], rows, roles, tuple(notices))


def load_forecast(
    data: Data,
    *,
    time: str | None = None,
    targets: Sequence[str] = (),
    covariates: Sequence[str] = (),
    gaps: Gaps = "refuse",
    duplicates: Literal["refuse", "mean"] = "refuse",
) -> ForecastData:
    """Read a table over time, in time order. What is mended is said in the notices.

    Args:
        data: a path or a sample's name.
        time, targets, covariates: columns the user named; see `forecast_roles`.
        gaps: `fill` puts in missing stamps and empty cells by linear interpolation.
        duplicates: `mean` merges the rows of one stamp.

    Raises:
        DataError: what `read_table`, `forecast_roles` and `read_times` refuse; an empty cell (with its line).
    """
    source = resolve(data)
    frame = read_table(source)
    roles = forecast_roles(frame, source, time=time, targets=targets, covariates=covariates)
    notices = [source.notice] if source.notice else []
    values = _columns(frame, source, (*roles.targets, *roles.covariates), gaps)
    times = read_times(frame, roles.time, source, gaps=gaps, duplicates=duplicates) if roles.time else None
    stamps: Stamps | None = None
    if times is not None:
        notices += times.notices
        values = times.arrange(values)
        stamps = times.stamps
    if gaps == "fill":
        stamps, values, filled = _closed(times, values)
        if filled:
            notices.append(f"{shown(source)}: {filled} missing values filled by linear interpolation")
    split = len(roles.targets)
    step = times.step if times else UNTIMED
    return ForecastData(stamps, values[:, :split], values[:, split:], roles, step, times, tuple(notices))


def _columns(frame: pl.DataFrame, source: Data, names: Sequence[str], gaps: Gaps) -> Floats:
    columns = []
    for name in names:
        values = numeric(frame, name, source)
        empty = np.flatnonzero(np.isnan(values))
        if gaps == "refuse" and len(empty):
            raise DataError(
                "an empty cell in a series",
                where=f"{place(source, int(empty[0]))}, column {name}",
                got=f"{len(empty)} empty of {len(values)}",
                expected="a number in every row",
                fix="fill it in, or --gaps fill (linear interpolation)",
            )
        if len(empty) == len(values):
            raise DataError("a column without any value", where=f"{shown(source)}, column {name}")
        columns.append(values)
    return np.stack(columns, axis=1)


def _closed(times: Times | None, values: Floats) -> tuple[Stamps | None, npt.NDArray[np.float64], int]:
    if times is not None:
        return fill_gaps(times, values)
    filled = int(np.isnan(values).sum())
    return None, np.stack([interpolated(column) for column in values.T], axis=1), filled
