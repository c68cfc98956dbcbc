"""Which simple forecast a training part asks for: chosen by later windows, and blended. Floor 6.

What is best on a few windows is best by luck in part, so those nearly as good are averaged with it (Bates &
Granger 1969: weights by the inverse error): less is lost than by any one choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from cellwright.tasks.forecast.proof import CHANCE, proven
from cellwright.tasks.forecast.simple import Base, Extent, Floats, Ints, anchors, origins_of, past, thinned

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e6)
_TRIED, _FITTED = 2000, 10_000  # windows that a choice and a regression look at, at most
_CUTS = (0.55, 0.7, 0.85)  # of the windows in time: up to there they are fitted, the next ones judge a choice
_LEAST = 8  # windows before a cut, for a choice
_SEASONS, _LEVELS, _TOGETHER_GO = 4, 0.1, 0.8  # seasons, spread of log means, correlation: for a transform
_SHARPNESS, _LEAST_WEIGHT = 8, 0.05  # a forecast counts by its error to this power, if it counts that much
_FLOOR = 0.1  # of the least training value: the least value whose logarithm is taken
_CYCLE = 0.3  # autocorrelation of the differences that makes a cycle
_LONGEST = 400  # the longest cycle looked for
_ROWS = 256  # of the window that are mapped at once
_DIGITS = 7

Trial = tuple[Base, "float | None"]


@dataclass(frozen=True)
class Pool:
    """One target in all series of a training part, one series after another.

    Attributes:
        values: scaled, without NaN [T].
        known: which of them were there [T].
        origins: the first row to forecast of each window, counted through all series [N].
        places: where each window lies in its own series, from 0 (the first) to 1 (the last) [N].
        ends: the same of the last row that a window forecasts; above 1 for the last ones [N].
    """

    values: Floats
    known: npt.NDArray[np.bool_]
    origins: Ints
    places: Floats
    ends: Floats

    def thinned(self, most: int, season: int) -> Pool:
        """At most so many windows."""
        some = thinned(len(self.origins), most, season)
        return replace(self, origins=self.origins[some], places=self.places[some], ends=self.ends[some])

    def answered(self, extent: Extent) -> Ints:
        """The origins whose horizon is known; all, where none is."""
        ahead = self.known[self.origins[:, None] + np.arange(extent.horizon)].all(axis=1)
        return self.origins[ahead] if ahead.any() else self.origins


Fold = tuple[Pool, Pool]  # windows that are fitted, and those that judge


def pool(series: Sequence[Floats], extent: Extent, known: Sequence[npt.NDArray[np.bool_]] = ()) -> Pool:
    """The pool of one target: its values in each series [T], without NaN, and which of them were there."""
    starts = np.cumsum([0, *(len(values) for values in series)])
    locals_ = [origins_of(extent, 0, len(values)) for values in series]
    spans = [max(1, len(origins) - 1) for origins in locals_]
    places = [(o - o[:1]) / span for o, span in zip(locals_, spans, strict=True)]
    ends = [(o - o[:1] + extent.horizon) / span for o, span in zip(locals_, spans, strict=True)]
    there = list(known) or [np.ones(len(values), dtype=bool) for values in series]
    return Pool(
        np.concatenate(list(series)),
        np.concatenate(there),
        np.concatenate([o + start for o, start in zip(locals_, starts[:-1], strict=True)]),
        np.concatenate(places),
        np.concatenate(ends),
    )


def choose(
    series: Sequence[Floats],
    extent: Extent,
    kinds: Iterable[str],
    measured_from: Iterable[str],
    *,
    linear: bool,
    known: Sequence[npt.NDArray[np.bool_]] = (),
    chance: float = CHANCE,
) -> Base:
    """The simple forecast of a target, by the mean absolute errors of many on later windows.

    Every transform, anchor and penalty is fitted on the windows before a cut in time and judged on those
    after it, for three cuts; of a shorter horizon, where the series are too short for that. A transform that
    some value does not have is left out; where swings plainly grow with the level, the transform that makes
    them alike is the only one. The forecast is the mean of those of the best one's transform, each fitted on
    all windows and weighted by its inverse error to the power of 8. Where no anchor alone is better than the
    last value, that mean must be proven to be (`proof`); else the last value is the forecast.

    Args:
        series: the target in the training part of each series, scaled, without NaN [T]; one at least is long
            enough for a window.
        extent: the window's extent.
        kinds: the transforms to try.
        measured_from: the anchors to try.
        linear: whether a ridge regression may be added; if not, the best anchor alone is the forecast.
        known: which of the values were there [T]; all, where nothing is said.
        chance: how often what is not better than the last value may replace it.
    """
    whole = pool(series, extent, known)
    values = whole.values[whole.known]
    least, possible = _FLOOR * float(values.min()), _possible(values, kinds)
    steady = steadying(series, extent.season)
    possible = [steady] if steady in possible else possible
    candidates = [Base(kind, anchor, floor=least) for kind, anchor in product(possible, measured_from)]
    tried, folds = _judges(series, extent, known)
    if not folds:
        return _fitted(whole, extent, candidates[0], max(PENALTIES) if linear else None)
    found = _judged(folds, tried, candidates, linear)
    best = min(found, key=lambda trial: found[trial])
    bare = min((trial for trial in found if trial[1] is None), key=lambda trial: found[trial])
    if not linear:
        return _fitted(whole, extent, *bare)
    shares = {
        trial: (found[best] / max(error, 1e-300)) ** _SHARPNESS
        for trial, error in found.items()
        if trial[0].transform == best[0].transform
    }
    shares = {trial: share for trial, share in shares.items() if share >= _LEAST_WEIGHT}
    if bare[0].anchor == "last" and not proven(*_gains(folds, tried, bare[0], best[0], shares), chance):
        return _fitted(whole, extent, *bare)
    return _blended(whole, extent, best[0], shares)


def _judges(
    series: Sequence[Floats], extent: Extent, known: Sequence[npt.NDArray[np.bool_]]
) -> tuple[Extent, list[Fold]]:
    """The folds of a choice; of a shorter horizon, where the series are too short for the whole."""
    tried = extent
    while tried.horizon:
        folds = list(_folds(pool(series, tried, known).thinned(_TRIED, extent.season), tried))
        if folds:
            return tried, folds
        tried = replace(tried, horizon=tried.horizon // 2)
    return extent, []


def _judged(
    folds: Sequence[Fold], extent: Extent, candidates: Sequence[Base], linear: bool
) -> dict[Trial, float]:
    """The summed error of each anchor, bare and with each penalty, on windows after the cuts."""
    found: dict[Trial, float] = {}
    for before, after in folds:
        for base in candidates:
            for error, penalty in _trials(before, after, extent, base, linear):
                found[base, penalty] = found.get((base, penalty), 0.0) + error
    return found


def _gains(
    folds: Sequence[Fold], extent: Extent, bare: Base, best: Base, shares: Mapping[Trial, float]
) -> tuple[Floats, int]:
    """By how much a blend is better than an anchor on each window after the cuts, and how many overlap.

    The windows are in the order of time; those of several series at one time overlap too.
    """
    gains, places = [], np.concatenate([after.places for _, after in folds])
    for before, after in folds:
        blend = _blended(before, extent, best, shares)
        gains.append((_off(bare, after, extent) - _off(blend, after, extent)).mean(axis=1))
    width = float(np.mean(np.concatenate([after.ends - after.places for _, after in folds])))
    overlap = len(places) * width / max(float(np.ptp(places)), width)
    return np.concatenate(gains)[np.argsort(places, kind="stable")], int(np.ceil(overlap))


def _off(base: Base, held: Pool, extent: Extent) -> Floats:
    """The errors of a forecast on each window and step [N, horizon]; 0 where the truth is not known."""
    rows = held.origins[:, None] + np.arange(extent.horizon)
    _, said = base.simple(base.forward(held.values), held.origins, extent)
    error: Floats = np.abs(base.back(said) - held.values[rows]) * held.known[rows]
    return error


def steadying(series: Sequence[Floats], season: int) -> str | None:
    """The transform that makes the swings of a season alike at every level, as Guerrero 1993 chooses a power.

    The slope of log deviation on log mean over seasons, each series by itself: 1 calls for the logarithm, 1/2
    for the root, 0 for neither. None where levels hardly differ, or the swings do not go with them.

    >>> t = np.arange(96)
    >>> steadying([np.exp(0.02 * t + 0.2 * np.sin(t * np.pi / 6))], 12)
    'log'
    """
    means, deviations = [], []
    for values in series:
        blocks = values[len(values) % season :].reshape(-1, season) if season > 2 else np.zeros((0, 1))
        mean, deviation = blocks.mean(axis=1), blocks.std(axis=1)
        if len(blocks) >= _SEASONS and (mean > 0).all() and (deviation > 0).all():
            means.append(np.log(mean) - np.log(mean).mean())
            deviations.append(np.log(deviation) - np.log(deviation).mean())
    if not means:
        return None
    x, y = np.concatenate(means), np.concatenate(deviations)
    power, both = float(x @ x), float(x @ y)
    if np.sqrt(power / len(x)) < _LEVELS or both < _TOGETHER_GO * np.sqrt(power * float(y @ y)):
        return None
    slope = both / power
    return "log" if slope > 0.75 else "sqrt" if slope > 0.25 else "none"


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


def _folds(some: Pool, extent: Extent) -> Iterator[tuple[Pool, Pool]]:
    """Windows that end before a cut in time, and those that begin between it and the next one."""
    for cut, following in zip(_CUTS, (*_CUTS[1:], 2.0), strict=True):
        before = some.ends <= cut + 1e-9
        after = (some.places >= cut) & (some.places < following)
        if before.sum() >= max(_LEAST, extent.horizon // 2) and after.any():
            yield _chosen(some, before), _chosen(some, after)


def _chosen(some: Pool, which: npt.NDArray[np.bool_]) -> Pool:
    return replace(some, origins=some.origins[which], places=some.places[which], ends=some.ends[which])


def _possible(values: Floats, kinds: Iterable[str]) -> list[str]:
    least = values.min()
    possible = {"none": True, "log": least > 0, "sqrt": least >= 0}
    return [kind for kind in kinds if possible[kind]] or ["none"]


def _trials(
    known: Pool, held: Pool, extent: Extent, base: Base, linear: bool
) -> Iterator[tuple[float, float | None]]:
    """The summed error on the held windows of the bare anchor, and of a regression for each penalty."""
    yield float(_off(base, held, extent).sum()), None
    if linear:
        z = base.forward(held.values)
        for penalty, (drift, weights) in _ridges(z, known.answered(extent), extent, base, PENALTIES):
            yield float(_off(replace(base, drift=drift, weights=weights), held, extent).sum()), penalty


def _ridges(
    z: Floats, origins: Ints, extent: Extent, base: Base, penalties: Iterable[float]
) -> list[tuple[float, tuple[Floats, Floats]]]:
    """For each penalty the drift [horizon] and the weights [window, horizon] of a ridge regression.

    The penalty is measured against windows of spread 1; the drift is not penalised.
    """
    level, anchored = anchors(z, origins, extent, base.anchor)
    x = past(z, origins, extent.window, level)
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


def _fitted(whole: Pool, extent: Extent, base: Base, penalty: float | None) -> Base:
    """The base with its numbers, from all windows; without a penalty it is the anchor alone."""
    z = base.forward(whole.values)
    origins = whole.thinned(_FITTED, extent.season).answered(extent)
    if penalty is not None:
        ((_, (drift, weights)),) = _ridges(z, origins, extent, base, [penalty])
        base = replace(base, drift=_rounded(drift), weights=[_rounded(row) for row in weights])
    return _measured(base, z, origins, extent)


def _blended(whole: Pool, extent: Extent, best: Base, shares: Mapping[Trial, float]) -> Base:
    """The weighted mean of forecasts fitted on all windows, as one linear map from the best one's anchor."""
    z = best.forward(whole.values)
    origins = whole.thinned(_FITTED, extent.season).answered(extent)
    drift, weights, total = np.zeros(extent.horizon), -_map(best, extent), sum(shares.values())
    for base in {trial[0] for trial in shares}:
        penalties = [penalty for other, penalty in shares if other == base and penalty is not None]
        fitted = dict(_ridges(z, origins, extent, base, penalties)) if penalties else {}
        for penalty in [*penalties, *([None] if (base, None) in shares else [])]:
            share = shares[base, penalty] / total
            one = base
            if penalty is not None:
                one = replace(base, drift=fitted[penalty][0], weights=fitted[penalty][1])
                drift += share * fitted[penalty][0]
            weights += share * _map(one, extent)
    best = replace(best, drift=_rounded(drift), weights=[_rounded(row) for row in weights])
    return _measured(best, z, origins, extent)


def _map(base: Base, extent: Extent) -> Floats:
    """What each row before an origin adds to its forecast, [reach, horizon]: a forecast is linear in them."""
    reach, found = extent.reach, np.empty((extent.reach, extent.horizon))
    bare = replace(base, drift=np.zeros(extent.horizon)) if len(base.weights) else base
    for start in range(0, reach, _ROWS):
        some = np.eye(reach)[start : start + _ROWS]
        found[start : start + _ROWS] = bare.simple(some.ravel(), reach * np.arange(1, len(some) + 1), extent)[
            1
        ]
    return found


def _measured(base: Base, z: Floats, origins: Ints, extent: Extent) -> Base:
    """The base with the units in which a network sees and corrects it."""
    level, said = base.simple(z, origins, extent)
    error = z[origins[:, None] + np.arange(extent.horizon)] - said
    return replace(base, spread=_spread(past(z, origins, extent.window, level)), error=_spread(error))


def _rounded(row: Floats) -> list[float]:
    """Short numbers: the facts of a run are read by people, too."""
    return [float(f"{value:.{_DIGITS}g}") for value in row]


def _spread(values: Floats) -> float:
    spread = float(np.sqrt(np.square(values).mean()))
    return spread if spread > 1e-12 else 1.0
