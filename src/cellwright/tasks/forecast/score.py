"""The scores of forecasts from many origins, and the simple forecasts beside them. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cellwright.tasks import metrics
from cellwright.tasks.forecast.simple import Floats, Ints
from cellwright.tasks.forecast.windows import Windows


def scores(truth: Floats, said: Floats, naive_error: npt.ArrayLike) -> dict[str, float]:
    """MAE and RMSE in the unit of the data, MAPE (sMAPE where the truth holds a zero), MASE.

    Args:
        truth, said: [N, horizon, K]; what is NaN in the truth is not scored.
        naive_error: of each target, the mean absolute error of the seasonal naive in the training part [K],
            or [N, K] where series have their own; a constant series, of error 0, counts in its own unit.

    >>> scores(np.array([[[2.0], [4.0]]]), np.array([[[1.0], [4.0]]]), [0.5])
    {'mae': 0.5, 'rmse': 0.7071067811865476, 'mape': 25.0, 'mase': 1.0}
    """
    there = ~np.isnan(truth)
    unit = np.asarray(naive_error, dtype=np.float64)
    unit = np.where(unit == 0, 1.0, unit).reshape(-1, 1, truth.shape[2])
    scaled = np.where(there, np.abs(truth - said) / unit, 0.0).sum(axis=(0, 1))
    counts = there.sum(axis=(0, 1))
    if not counts.any():
        return {"mae": np.nan, "rmse": np.nan, "mape": np.nan, "mase": np.nan}
    known, guess = truth[there], said[there]
    percent = metrics.mape(known, guess)
    return {
        "mae": metrics.mae(known, guess),
        "rmse": metrics.rmse(known, guess),
        **({"smape": metrics.smape(known, guess)} if percent is None else {"mape": percent}),
        "mase": float((scaled[counts > 0] / counts[counts > 0]).mean()),
    }


def coverages(truth: Floats, bounds: Mapping[float, tuple[Floats, Floats]]) -> dict[str, float]:
    """The share of the truth within the bounds, in percent.

    Args:
        truth: [N, horizon, K]; NaN is not counted.
        bounds: for each share that they are said to hold, lower and upper [N, horizon, K].

    >>> one = np.ones((1, 2, 1))
    >>> coverages(np.array([[[2.0], [4.0]]]), {0.8: (one, 3 * one)})
    {'coverage_80': 50.0}
    """
    there = ~np.isnan(truth)
    return {
        f"coverage_{100 * share:g}": float(100 * ((truth >= low) & (truth <= high))[there].mean())
        for share, (low, high) in bounds.items()
        if there.any()
    }


def naive(windows: Windows, places: Ints, season: int) -> Floats:
    """The seasonal naive forecast from the chosen origins [N, horizon, K]; with season 1 the last value."""
    steps = season - np.arange(windows.extent.horizon) % season
    return windows.past(places, steps)


def drift(windows: Windows, places: Ints) -> Floats:
    """The last value and the mean slope of what the series showed before the origin [N, horizon, K]."""
    last = windows.past(places, np.array([1]))
    rows = windows.origins[places]
    first = windows.past_at(places, np.zeros_like(rows))[:, None]
    slope = (last - first) / np.maximum(rows - 1, 1)[:, None, None]
    ahead: Floats = last + slope * np.arange(1, windows.extent.horizon + 1)[:, None]
    return ahead
