"""The simple forecast under a network's: a transform, an anchor, a linear map of the window. Floor 6.

`choose` finds it; a network then learns what is left. On short or wild series little is left, and the simple
forecast is what one gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

TRANSFORMS = ("none", "log", "sqrt")
ANCHORS = ("last", "mean", "season", "profile")
RECENT = 3  # values by which a profile is raised or lowered
_TOGETHER = 4096  # windows whose regression is computed at once
_MOST_LOG = 700.0  # whose exponential is still a number


@dataclass(frozen=True)
class Extent:
    """How far a window looks back and ahead, in steps; `season` 1 means none."""

    window: int
    horizon: int
    season: int

    @property
    def reach(self) -> int:
        """Rows that must lie before an origin."""
        return max(self.window, self.season)


@dataclass(frozen=True)
class Base:
    """The simple forecast of one target, and the units in which a network sees and corrects it.

    With z the transformed values, the forecast for step h after an origin is

        anchor_h + drift_h + sum_w weights[w, h] (z_w - level)

    Attributes:
        transform: `none`, `log` or `sqrt`.
        anchor: the `last` value, the `mean` of the last season (of the window where there is no season), the
            value one `season` before, or the `profile` of the window's seasons, as high as the last values.
        floor: the least value whose logarithm is taken.
        drift: [horizon].
        weights: [window, horizon] (of a blend: [reach, horizon]), or empty: none.
        spread: of the values of a window around its level; 1 for a constant series.
        error: of this forecast in the training part; 1 where there is none.
    """

    transform: str
    anchor: str
    floor: float = 0.0
    drift: Sequence[float] | Floats = ()
    weights: Sequence[Sequence[float]] | Floats = ()
    spread: float = 1.0
    error: float = 1.0

    def forward(self, values: Floats) -> Floats:
        """Values in the unit of the data, transformed."""
        if self.transform == "log":
            return np.log(np.maximum(values, self.floor))
        return np.sqrt(np.maximum(values, 0.0)) if self.transform == "sqrt" else values

    def back(self, values: Floats) -> Floats:
        """Transformed values in the unit of the data."""
        if self.transform == "log":
            return np.exp(np.minimum(values, _MOST_LOG))
        return np.square(np.maximum(values, 0.0)) if self.transform == "sqrt" else values

    def simple(self, z: Floats, origins: Ints, extent: Extent) -> tuple[Floats, Floats]:
        """The level of each window [N], and its simple forecast, transformed [N, horizon].

        Args:
            z: the transformed target [T].
            origins: the first row to forecast of each window [N].
            extent: the window's extent.
        """
        level, forecast = anchors(z, origins, extent, self.anchor)
        if not len(self.weights):
            return level, forecast
        drift, weights = np.asarray(self.drift), np.asarray(self.weights)
        for start in range(0, len(origins), _TOGETHER):
            some = slice(start, start + _TOGETHER)
            forecast[some] += drift + past(z, origins[some], len(weights), level[some]) @ weights
        return level, forecast


def anchors(z: Floats, origins: Ints, extent: Extent, anchor: str) -> tuple[Floats, Floats]:
    """The level of each window [N], and what a forecast is measured from [N, horizon].

    >>> z = np.arange(6.0)
    >>> level, anchored = anchors(z, np.array([4]), Extent(3, 3, 2), "season")
    >>> level.tolist(), anchored.tolist()
    ([2.5], [[2.0, 3.0, 2.0]])
    """
    if anchor == "last":
        level = z[origins - 1]
        return level, np.repeat(level[:, None], extent.horizon, axis=1)
    length = extent.season if extent.season > 1 else extent.window
    season = z[origins[:, None] - length + np.arange(length)]
    level, ahead = season.mean(axis=1), np.arange(extent.horizon) % length
    if anchor == "season":
        return level, season[:, ahead]
    if anchor == "profile":
        return level, _profile(z, origins, length, max(1, extent.window // length))[:, ahead]
    return level, np.repeat(level[:, None], extent.horizon, axis=1)


def _profile(z: Floats, origins: Ints, season: int, seasons: int) -> Floats:
    """The mean form of the last seasons before each origin, as high as the last values are above it."""
    blocks = z[origins[:, None] - seasons * season + np.arange(seasons * season)].reshape(-1, seasons, season)
    form = (blocks - blocks.mean(axis=2, keepdims=True)).mean(axis=1)
    recent = min(RECENT, season)
    above = (blocks[:, -1] - form)[:, season - recent :].mean(axis=1)
    raised: Floats = form + above[:, None]
    return raised


def past(z: Floats, origins: Ints, rows: int, level: Floats) -> Floats:
    """The values in so many rows before each origin, above the level [N, rows]."""
    found: Floats = z[origins[:, None] - rows + np.arange(rows)] - level[:, None]
    return found


def origins_of(extent: Extent, first: int, stop: int) -> Ints:
    """The origins of all windows that forecast rows from `first` to `stop`.

    >>> origins_of(Extent(3, 2, 1), 0, 10).tolist()
    [3, 4, 5, 6, 7, 8]
    """
    return np.arange(max(first, extent.reach), stop - extent.horizon + 1, dtype=np.int64)


def thinned(count: int, most: int, season: int) -> Ints:
    """`most` places at most of `count`, evenly spaced; the spacing shares no factor with the season.

    >>> thinned(10, 4, 3).tolist(), thinned(10, 10, 3).tolist() == list(range(10))
    ([0, 4, 8], True)
    """
    stride = max(1, -(-count // most))
    while stride > 1 and np.gcd(stride, season) > 1:
        stride += 1
    return np.arange(0, count, stride, dtype=np.int64)
