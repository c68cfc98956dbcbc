"""Forecasts as people read them: the future and the past as frames, and a picture. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from cellwright.tasks.data.steps import Stamps
from cellwright.tasks.forecast.series import Panel, Part, Series
from cellwright.tasks.forecast.simple import Extent, Floats, Ints
from cellwright.tasks.forecast.windows import Windows

ROWS = 240  # in a picture, about
PICTURES = 8  # in a report, at most
STEP, SERIES = "step", "series"
Bounds = Mapping[float, tuple[Floats, Floats]]


def future(panel: Panel, forecast: Floats, bounds: Bounds) -> pl.DataFrame:
    """Forecasts [S, horizon, K] as a frame: series (of several), time (or step, from 1), targets.

    After each target come its bounds `TARGET_lo80`, `TARGET_hi80`, for every share that has some.
    """
    horizon = forecast.shape[1]
    columns = [] if len(panel.series) == 1 else [_names(panel, np.arange(len(panel.series)).repeat(horizon))]
    columns.append(_ahead(panel, horizon))
    for k, name in enumerate(panel.first.names):
        columns.append(pl.Series(name, forecast[..., k].ravel()))
        for share, (low, high) in bounds.items():
            columns.append(pl.Series(f"{name}_lo{100 * share:g}", low[..., k].ravel()))
            columns.append(pl.Series(f"{name}_hi{100 * share:g}", high[..., k].ravel()))
    return pl.DataFrame(columns)


def _ahead(panel: Panel, horizon: int) -> pl.Series:
    stamps = [one.stamps_ahead(horizon) for one in panel.series]
    time = panel.first.time
    if time is None or any(one is None for one in stamps):
        return pl.Series(STEP, np.tile(np.arange(1, horizon + 1), len(panel.series)))
    return _times(time, np.concatenate([one[-horizon:] for one in stamps if one is not None]))


def past(panel: Panel, windows: Windows, places: Ints, forecasts: Floats) -> pl.DataFrame:
    """Forecasts [N, horizon, K] from the chosen origins beside the truth, a row for each step and target.

    The columns are `series` (of several), `origin` (the time or row of the first step), the time (or `row`),
    `step` from 1, `target`, `truth`, `forecast`.
    """
    count, horizon, targets = forecasts.shape
    origin, step, target = (grid.ravel() for grid in np.indices((count, horizon, targets)))
    at, which = windows.origins[places][origin], windows.which[places][origin]
    columns = [] if len(panel.series) == 1 else [_names(panel, windows.named[which])]
    stamps = [panel.series[k].stamps for k in windows.named]
    if panel.first.time is None or any(one is None for one in stamps):
        columns += [pl.Series("origin", at + 1), pl.Series("row", at + step + 1)]
    else:
        starts = np.cumsum([0, *(len(one) for one in stamps if one is not None)])[:-1][which]
        line = np.concatenate([one for one in stamps if one is not None])
        columns += [_times("origin", line[starts + at]), _times(panel.first.time, line[starts + at + step])]
    names = np.array(panel.first.names, dtype=object)[target]
    rest = {
        STEP: step + 1,
        "target": names.tolist(),
        "truth": windows.truth(places).ravel(),
        "forecast": forecasts.ravel(),
    }
    return pl.DataFrame([*columns, *(pl.Series(name, values) for name, values in rest.items())])


def origins_shown(part: Part, extent: Extent) -> dict[str, Ints]:
    """Origins of each series whose forecasts follow each other without overlap up to the end of a part."""
    found = {}
    for span in part.spans:
        last = span.stop - extent.horizon
        origins = np.arange(last, max(span.first, extent.reach) - 1, -extent.horizon, dtype=np.int64)
        found[span.series.name] = origins[: max(1, ROWS // extent.horizon)][::-1]
    return found


def picture(
    panel: Panel, windows: Windows, forecasts: Floats, baseline: Floats, bounds: Bounds
) -> list[dict[str, Any]]:
    """For each series and target, row by row: truth, forecasts, bounds, and the seasonal naive beside them.

    Args:
        panel: the data.
        windows: their origins follow each other without overlap in each series.
        forecasts, baseline, bounds: from those origins [N, horizon, K].
    """
    shown: list[dict[str, Any]] = []
    for number, which in enumerate(windows.named):
        some = np.flatnonzero(windows.which == number)
        for k in range(len(panel.first.names)):
            if len(some) and len(shown) < PICTURES:
                shown.append(_picture(panel.series[which], windows, some, k, forecasts, baseline, bounds))
    return shown


def _picture(
    series: Series, windows: Windows, some: Ints, k: int, forecasts: Floats, baseline: Floats, bounds: Bounds
) -> dict[str, Any]:
    origins, horizon = windows.origins[some], windows.extent.horizon
    lead = min(int(origins[0]), max(horizon, ROWS - horizon * len(origins)), 2 * windows.extent.reach)
    start, stop = int(origins[0]) - lead, int(origins[-1]) + horizon
    rows = origins[:, None] - start + np.arange(horizon)
    steps = written(series.stamps[start:stop]) if series.stamps is not None else range(start + 1, stop + 1)

    def placed(values: Floats) -> list[float | None]:
        return _placed(stop - start, rows, values[some][..., k])

    return {
        "target": f"{series.name}, {series.names[k]}" if series.name else series.names[k],
        "time": series.time or "row",
        "steps": [str(step) for step in steps],
        "truth": [None if np.isnan(v) else float(v) for v in series.targets[start:stop, k]],
        "forecast": placed(forecasts),
        "baseline": placed(baseline),
        "baseline_name": "seasonal naive" if windows.extent.season > 1 else "last value",
        "bounds": {f"{100 * share:g}": [placed(low), placed(high)] for share, (low, high) in bounds.items()},
        "origins": (origins - start).tolist(),
    }


def _names(panel: Panel, which: Ints) -> pl.Series:
    column = panel.roles.series
    names = np.array([one.name for one in panel.series], dtype=object)
    return pl.Series(SERIES if column in (None, "columns") else column, names[which].tolist())


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
