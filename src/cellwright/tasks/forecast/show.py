"""Forecasts as people read them: the future and the past as frames, and a picture. Floor 6."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from cellwright.tasks.data.steps import Stamps
from cellwright.tasks.forecast.read import Series, Span
from cellwright.tasks.forecast.simple import Extent, Floats, Ints
from cellwright.tasks.forecast.windows import Windows

ROWS = 240  # in a picture, about
TARGETS = 8  # in a report, at most
STEP = "step"


def future(series: Series, forecast: Floats) -> pl.DataFrame:
    """A forecast [horizon, K] as a frame: the time (or the step, from 1), and a column for each target."""
    stamps = series.stamps_ahead(len(forecast))
    if stamps is None or series.time is None:
        first = pl.Series(STEP, np.arange(1, len(forecast) + 1))
    else:
        first = _times(series.time, stamps[len(series) :])
    return pl.DataFrame([first, *(pl.Series(name, forecast[:, k]) for k, name in enumerate(series.names))])


def past(series: Series, windows: Windows, places: Ints, forecasts: Floats) -> pl.DataFrame:
    """Forecasts [N, horizon, K] from the chosen origins beside the truth, a row for each step and target.

    The columns are `origin` (the time or row of the first step), the time (or `row`), `step` from 1,
    `target`, `truth`, `forecast`.
    """
    count, horizon, targets = forecasts.shape
    origin, step, target = (grid.ravel() for grid in np.indices((count, horizon, targets)))
    at = windows.origins[places][origin]
    truth = windows.truth(places).ravel()
    if series.stamps is None or series.time is None:
        times = [pl.Series("origin", at + 1), pl.Series("row", at + step + 1)]
    else:
        times = [_times("origin", series.stamps[at]), _times(series.time, series.stamps[at + step])]
    names = np.array(series.names, dtype=object)[target]
    columns = {STEP: step + 1, "target": names.tolist(), "truth": truth, "forecast": forecasts.ravel()}
    return pl.DataFrame([*times, *(pl.Series(name, values) for name, values in columns.items())])


def origins_shown(part: Span, extent: Extent) -> Ints:
    """Origins whose forecasts follow each other without overlap up to the end of a part."""
    last = part.stop - extent.horizon
    origins = np.arange(last, max(part.first, extent.reach) - 1, -extent.horizon, dtype=np.int64)
    return origins[: max(1, ROWS // extent.horizon)][::-1]


def picture(series: Series, windows: Windows, forecasts: Floats, baseline: Floats) -> list[dict[str, Any]]:
    """For each target, row by row: the truth, the forecasts, and the seasonal naive from the same origins.

    Args:
        series: the data.
        windows: their origins follow each other without overlap.
        forecasts, baseline: from those origins [N, horizon, K].
    """
    origins, horizon = windows.origins, windows.extent.horizon
    lead = min(int(origins[0]), max(horizon, ROWS - horizon * len(origins)), 2 * windows.extent.reach)
    start, stop = int(origins[0]) - lead, int(origins[-1]) + horizon
    rows = origins[:, None] - start + np.arange(horizon)
    steps = written(series.stamps[start:stop]) if series.stamps is not None else range(start + 1, stop + 1)
    return [
        {
            "target": name,
            "time": series.time or "row",
            "steps": [str(step) for step in steps],
            "truth": series.targets[start:stop, k].tolist(),
            "forecast": _placed(stop - start, rows, forecasts[..., k]),
            "baseline": _placed(stop - start, rows, baseline[..., k]),
            "baseline_name": "seasonal naive" if windows.extent.season > 1 else "last value",
            "origins": (origins - start).tolist(),
        }
        for k, name in enumerate(series.names[:TARGETS])
    ]


def _placed(length: int, rows: Ints, values: Floats) -> list[float | None]:
    line: list[float | None] = [None] * length
    for row, value in zip(rows.ravel().tolist(), values.ravel().tolist(), strict=True):
        line[row] = value
    return line


def _times(name: str, stamps: Stamps) -> pl.Series:
    """Stamps as dates where all of them are at midnight."""
    times = pl.Series(name, stamps)
    return times.cast(pl.Date) if _midnight(stamps) else times


def written(stamps: Stamps) -> Sequence[str]:
    """Stamps as people write them: dates where all of them are at midnight."""
    unit = "datetime64[D]" if _midnight(stamps) else "datetime64[m]"
    return [str(stamp).replace("T", " ") for stamp in stamps.astype(unit)]


def _midnight(stamps: Stamps) -> bool:
    return bool((stamps == stamps.astype("datetime64[D]").astype(stamps.dtype)).all())
