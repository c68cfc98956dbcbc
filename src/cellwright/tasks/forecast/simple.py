"""The simple forecast under a network's: a transform, an anchor, a ridge regression on the window. Floor 6.

Which of them, the end of the training part decides; a network then learns what is left. On short or wild
series little is left, and the simple forecast is what one gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

TRANSFORMS = ("none", "log", "sqrt")
ANCHORS = ("last", "mean", "season")
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e6)
_TRIED, _FITTED = 2000, 10_000  # windows that a choice and a regression look at, at most
_TOGETHER = 4096  # windows whose regression is computed at once
_HELD = 0.3  # share of the windows, the last ones, that judge a choice
_FLOOR = 0.1  # of the least training value: the least value whose logarithm is taken
_CYCLE = 0.3  # autocorrelation of the differences that makes a cycle
_LONGEST = 400  # the longest cycle looked for
_DIGITS = 7


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
        anchor: the `last` value, the `mean` of the last season (of the window where there is no season), or
            the value one `season` before.
        floor: the least value whose logarithm is taken.
        drift: [horizon].
        weights: [window, horizon], or empty: none.
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
            return np.exp(values)
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
            forecast[some] += drift + _past(z, origins[some], extent, level[some]) @ weights
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
    past = z[origins[:, None] - length + np.arange(length)]
    level = past.mean(axis=1)
    if anchor == "season":
        return level, past[:, np.arange(extent.horizon) % length]
    return level, np.repeat(level[:, None], extent.horizon, axis=1)


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


def choose(
    values: Floats, extent: Extent, kinds: Iterable[str], measured_from: Iterable[str], *, linear: bool
) -> Base:
    """The simple forecast of a target [T] whose mean absolute error on the last of its windows is least.

    Every transform, anchor and penalty is fitted on the windows before those. A transform that some value
    does not have is left out. What was chosen is then fitted on all windows.

    Args:
        values: the training part of one target.
        extent: the window's extent; the values reach for one window at least.
        kinds: the transforms to try.
        measured_from: the anchors to try.
        linear: whether a ridge regression may be added.
    """
    candidates = [Base(kind, anchor) for kind, anchor in product(_possible(values, kinds), measured_from)]
    candidates = [replace(base, floor=_FLOOR * float(values.min())) for base in candidates]
    origins = _thin_origins(extent, len(values), _TRIED)
    held = round(_HELD * len(origins))
    known = origins[: len(origins) - held]
    known = known[known + extent.horizon <= origins[-held]] if held else known
    best, penalty = candidates[0], max(PENALTIES)
    if held and len(known):
        trials = [
            trial for base in candidates for trial in _trials(values, known, origins[-held:], extent, base)
        ]
        trials = trials if linear else [trial for trial in trials if trial[1] == max(PENALTIES)]
        _, penalty, best = min(trials, key=lambda trial: trial[0])
    return _fitted(values, extent, best, penalty if linear else None)


def cycle(values: Floats) -> int:
    """The season of a series [T] without a usual one; 1: none.

    It is where the autocorrelation of the differences has its highest peak.

    >>> cycle(np.sin(np.arange(120) * 2 * np.pi / 10))
    10
    """
    steps = np.diff(values)
    steps = steps - steps.mean()
    power = float(steps @ steps)
    most = min(_LONGEST, len(values) // 4)
    if power == 0 or most < 4:
        return 1
    spectrum = np.abs(np.fft.rfft(steps, 2 * len(steps))) ** 2
    correlation = np.fft.irfft(spectrum)[: most + 2] / power
    lags = np.arange(2, most + 1)
    peaks = lags[(correlation[lags] > correlation[lags - 1]) & (correlation[lags] >= correlation[lags + 1])]
    if not len(peaks):
        return 1
    best = int(peaks[correlation[peaks].argmax()])
    return best if correlation[best] > _CYCLE else 1


def _thin_origins(extent: Extent, rows: int, most: int) -> Ints:
    origins = origins_of(extent, 0, rows)
    return origins[thinned(len(origins), most, extent.season)]


def _possible(values: Floats, kinds: Iterable[str]) -> list[str]:
    least = values.min()
    possible = {"none": True, "log": least > 0, "sqrt": least >= 0}
    return [kind for kind in kinds if possible[kind]] or ["none"]


def _past(z: Floats, origins: Ints, extent: Extent, level: Floats) -> Floats:
    past: Floats = z[origins[:, None] - extent.window + np.arange(extent.window)] - level[:, None]
    return past


def _trials(
    values: Floats, known: Ints, held: Ints, extent: Extent, base: Base
) -> list[tuple[float, float, Base]]:
    """The error on the held windows, for each penalty, of a regression on the known ones."""
    z = base.forward(values)
    truth = values[held[:, None] + np.arange(extent.horizon)]
    found = []
    for penalty, (drift, weights) in _ridges(z, known, extent, base, PENALTIES):
        _, said = replace(base, drift=drift, weights=weights).simple(z, held, extent)
        found.append((float(np.abs(base.back(said) - truth).mean()), penalty, base))
    return found


def _ridges(
    z: Floats, origins: Ints, extent: Extent, base: Base, penalties: Iterable[float]
) -> list[tuple[float, tuple[Floats, Floats]]]:
    """For each penalty the drift [horizon] and the weights [window, horizon] of a ridge regression.

    The penalty is measured against windows of spread 1; the drift is not penalised.
    """
    level, anchored = anchors(z, origins, extent, base.anchor)
    x = _past(z, origins, extent, level)
    y = z[origins[:, None] + np.arange(extent.horizon)] - anchored
    middle, mean = x.mean(axis=0), y.mean(axis=0)
    x, y, unit = x - middle, y - mean, _spread(x)
    power, axes = np.linalg.eigh(x.T @ x)
    image = axes.T @ (x.T @ y)
    found = []
    for penalty in penalties:
        weights = axes @ (image / (np.maximum(power, 0.0) + penalty * unit**2)[:, None])
        found.append((penalty, (mean - middle @ weights, weights)))
    return found


def _fitted(values: Floats, extent: Extent, base: Base, penalty: float | None) -> Base:
    """The base with its numbers, from all windows; without a penalty it is the anchor alone."""
    z = base.forward(values)
    origins = _thin_origins(extent, len(values), _FITTED)
    if penalty is not None:
        ((_, (drift, weights)),) = _ridges(z, origins, extent, base, [penalty])
        base = replace(base, drift=_rounded(drift), weights=[_rounded(row) for row in weights])
    level, said = base.simple(z, origins, extent)
    error = z[origins[:, None] + np.arange(extent.horizon)] - said
    return replace(base, spread=_spread(_past(z, origins, extent, level)), error=_spread(error))


def _rounded(row: Floats) -> list[float]:
    """Short numbers: the facts of a run are read by people, too."""
    return [float(f"{value:.{_DIGITS}g}") for value in row]


def _spread(values: Floats) -> float:
    spread = float(np.sqrt(np.square(values).mean()))
    return spread if spread > 1e-12 else 1.0
