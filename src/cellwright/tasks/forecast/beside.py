"""The forecasts that need no network, from the same origins: what a score is printed beside. Floor 6.

The linear one is the ridge regression on the window that a network corrects: on a window with its level taken
off it is what NLinear and DLinear (Zeng et al. 2023) are, solved instead of descended.
"""

from __future__ import annotations

from cellwright.tasks.forecast.ets import ets
from cellwright.tasks.forecast.score import drift, naive
from cellwright.tasks.forecast.series import Part
from cellwright.tasks.forecast.simple import Floats, Ints
from cellwright.tasks.forecast.windows import Windows


def beside(windows: Windows, places: Ints, seen: Part) -> dict[str, Floats]:
    """The forecasts of every simple method from the chosen origins [N, horizon, K].

    Args:
        windows: of the held-out part, over the simple forecasts that `seen` gave.
        places: the chosen windows.
        seen: what the methods may learn from.
    """
    found = {
        "seasonal_naive": naive(windows, places, windows.extent.season),
        "last_value": naive(windows, places, 1),
        "drift": drift(windows, places),
        "linear": windows.forecasts(None, places),
    }
    smoothed = ets(windows, places, seen)
    return found if smoothed is None else found | {"ets": smoothed}
