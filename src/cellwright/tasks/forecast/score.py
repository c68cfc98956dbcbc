"""The scores of forecasts from many origins. Floor 6."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellwright.tasks import metrics
from cellwright.tasks.baselines import seasonal_naive
from cellwright.tasks.forecast.simple import Floats, Ints
from cellwright.tasks.forecast.windows import Windows


def scores(truth: Floats, said: Floats, naive_error: Sequence[float]) -> dict[str, float]:
    """MAE and RMSE in the unit of the data, MAPE (sMAPE where the truth holds a zero), MASE.

    Args:
        truth, said: [N, horizon, K].
        naive_error: of each target, the mean absolute error of the seasonal naive in the training part [K]; a
            constant series, whose error is 0, counts in its own unit.

    >>> scores(np.array([[[2.0], [4.0]]]), np.array([[[1.0], [4.0]]]), [0.5])
    {'mae': 0.5, 'rmse': 0.7071067811865476, 'mape': 25.0, 'mase': 1.0}
    """
    percent = metrics.mape(truth, said)
    unit = np.array([error or 1.0 for error in naive_error])
    return {
        "mae": metrics.mae(truth, said),
        "rmse": metrics.rmse(truth, said),
        **({"smape": metrics.smape(truth, said)} if percent is None else {"mape": percent}),
        "mase": float((np.abs(truth - said).mean(axis=(0, 1)) / unit).mean()),
    }


def naive(windows: Windows, places: Ints, season: int) -> Floats:
    """The seasonal naive forecast from the chosen origins [N, horizon, K]; with season 1 the last value."""
    origins, horizon = windows.origins[places], windows.extent.horizon
    said = [seasonal_naive(windows.targets[:at], horizon, season) for at in origins]
    return np.stack(said)
