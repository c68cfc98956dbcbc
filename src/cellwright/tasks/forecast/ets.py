"""Exponential smoothing beside a network, where statsmodels is installed (the extra `forecast`). Floor 6.

Its numbers are fitted on the training part alone; then every value moves its state on, and a forecast stands
after each. Left out where it would take long: many series, seasons too long for a state.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np

from cellwright.tasks.forecast.series import Part, carried
from cellwright.tasks.forecast.simple import Floats, Ints
from cellwright.tasks.forecast.windows import Windows

MOST = 12  # series and targets
LONGEST_SEASON = 24
FITTED = 1500  # the last rows, at most
SMOOTHED = 40_000  # rows that a state runs through, at most


def ets(windows: Windows, places: Ints, seen: Part) -> Floats | None:
    """ETS(A, Ad, A) forecasts from the chosen origins, of logarithms where the simple forecast takes them.

    Args:
        windows: of the held-out part.
        places: the chosen windows.
        seen: the training part.

    Returns:
        [N, horizon, K], or None where it is left out.
    """
    spans, season = [seen.spans[number] for number in windows.named], windows.extent.season
    targets = len(windows.bases)
    long = season > LONGEST_SEASON or sum(len(span.series) for span in spans) * targets > SMOOTHED
    if find_spec("statsmodels") is None or long or len(spans) * targets > MOST:
        return None
    found = np.empty((len(places), windows.extent.horizon, targets))
    for number, span in enumerate(spans):
        rows = np.flatnonzero(windows.which[places] == number)
        values = carried(span.series.targets, season)
        for k, base in enumerate(windows.bases):
            z = np.log(np.maximum(values[:, k], 1e-9)) if base.transform == "log" else values[:, k]
            said = _smoothed(z, span.stop, season, windows.origins[places][rows], windows.extent.horizon)
            if said is None:
                return None
            found[rows, :, k] = np.exp(said) if base.transform == "log" else said
    return found


def _smoothed(z: Floats, stop: int, season: int, origins: Ints, horizon: int) -> Floats | None:
    """Forecasts [N, horizon] of z [T] from origins, by numbers fitted on z[:stop]."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    seasonal = season > 1 and stop >= 3 * season
    form: dict[str, Any] = {"error": "add", "trend": "add", "damped_trend": True}
    form |= {"seasonal": "add", "seasonal_periods": season} if seasonal else {}
    start = max(0, stop - FITTED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a baseline that did not converge is still a baseline
        try:
            fitted = ETSModel(z[start:stop], **form).fit(disp=False)
            run = ETSModel(z[start:], **form).smooth(fitted.params)
        except (ValueError, np.linalg.LinAlgError):
            return None
    level, trend = np.asarray(run.level), np.asarray(run.slope)
    damping = np.cumsum(float(run.phi) ** np.arange(1, horizon + 1))
    at = origins - start - 1
    said = level[at, None] + trend[at, None] * damping
    if seasonal:
        states = np.asarray(run.season)
        said = said + states[at[:, None] - season + 1 + np.arange(horizon) % season]
    return said if np.isfinite(said).all() else None
