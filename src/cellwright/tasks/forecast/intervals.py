"""What rows that a network has not seen say of it: whether to believe it, and how far it is off. Floor 6.

Split conformal prediction (Vovk et al. 2005), for quantiles as Romano et al. 2019 have it, but by a factor:
the bounds of every step are widened, or narrowed, by one number for each share, so that they would have held
that share of the unseen rows, which count by windows. What is measured there is measured again on the test
part, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from cellwright.tasks.forecast.network import ForecastNetwork
from cellwright.tasks.forecast.output import Point
from cellwright.tasks.forecast.proof import CHANCE, proven
from cellwright.tasks.forecast.simple import Floats, Ints
from cellwright.tasks.forecast.windows import Windows
from cellwright.tasks.training import loop

TOGETHER = 512  # windows in a batch that only forecasts
TRUSTS = (0.0, 0.25, 0.5, 0.75, 1.0)
WORTH = 0.01  # by which share a network must lessen the error to be believed
STRETCHES, MOST = 5, 4  # and in how many stretches of the validation part, of how many
TINY = 1e-6


@dataclass(frozen=True)
class Unseen:
    """What came in a stretch of time, and what a network that had not seen it said, in one unit a target.

    Attributes:
        truth, middle: what was to be added to the simple forecasts, and what was said [horizon, N, K].
        bounds: as the network's output gives them [2, C, horizon, N, K].
        overlap: how many of the windows that follow one still share steps with it; they are in time order.
    """

    truth: Floats
    middle: Floats
    bounds: Floats
    overlap: int = 1


def unseen(network: ForecastNetwork, windows: Windows, places: Ints, size: Floats | float = 1.0) -> Unseen:
    """What a network, believed and not yet calibrated, says of some windows.

    Args:
        network: its trust, unit and factors are set back.
        windows, places: that it has not seen.
        size: what one in the windows' units is in those of the result [K].
    """
    network.trust.fill_(1.0)
    network.unit.zero_()
    network.factor.fill_(1.0)
    origins = windows.origins[places]
    places, span = places[np.argsort(origins, kind="stable")], int(np.ptp(origins)) + 1
    middle, bounds = said(network, windows, places)
    overlap = -(-len(places) * windows.extent.horizon // span)
    return Unseen(_answers(windows, places) * size, middle * size, bounds * size, overlap)


def calibrate(network: ForecastNetwork, found: Sequence[Unseen]) -> None:
    """Set the network's trust, unit and factors by what was said of unseen rows, in its own units.

    Only a network that says one number is trusted more or less, and at all only if that is worth it in nearly
    every stretch (those that are given, or fifths of the only one), and proven (`proof`).
    """
    truth, middle = (np.concatenate([getattr(one, name) for one in found], 1) for name in ("truth", "middle"))
    bounds, trust = np.concatenate([one.bounds for one in found], axis=3), np.ones(truth.shape[2])
    point = isinstance(network.output, Point)
    if point:
        stretches = [one.truth.shape[1] for one in found] if len(found) > 1 else []
        cuts = np.cumsum(stretches)[:-1] if stretches else STRETCHES
        trust = _trust(truth, middle, cuts, max(one.overlap for one in found))
        middle = trust * middle
    off = np.abs(truth - middle)
    counts = (~np.isnan(off)).sum(axis=1)
    mean = np.nansum(off, axis=1) / np.maximum(counts, 1)
    unit = np.maximum.accumulate(np.maximum(mean, TINY), axis=0)
    if point:
        sides = np.stack([middle - unit[:, None], middle + unit[:, None]])
        bounds = np.repeat(sides[:, None], len(network.shares), axis=1)
    network.trust.copy_(torch.from_numpy(trust))
    network.unit.copy_(torch.from_numpy(unit))
    network.factor.copy_(torch.from_numpy(_factors(truth, middle, bounds, network.shares)))


@contextmanager
def believed(network: ForecastNetwork) -> Iterator[None]:
    """All that the network says is added, for as long as this lasts."""
    trust = network.trust.clone()
    network.trust.fill_(1.0)
    try:
        yield
    finally:
        network.trust.copy_(trust)


def uncalibrated(network: ForecastNetwork) -> None:
    """Without a validation part bounds stay as the network says them; one that says none has none."""
    if not isinstance(network.output, Point):
        network.factor.fill_(1.0)


def said(network: ForecastNetwork, windows: Windows, places: Ints) -> tuple[Floats, Floats]:
    """The forecasts [horizon, N, K] and the bounds [2, C, horizon, N, K], in the windows' own units."""
    device, middles, bounds = network.trust.device, [], []
    with loop.evaluating(network):
        for start in range(0, len(places), TOGETHER):
            batch = windows.batch(places[start : start + TOGETHER], answers=False).to(device)
            found = network.calibrated(batch)
            assert found.bounds is not None
            middles.append(found.middle.cpu().double().numpy())
            bounds.append(found.bounds.cpu().double().numpy())
    return np.concatenate(middles, axis=1), np.concatenate(bounds, axis=3)


def _answers(windows: Windows, places: Ints) -> Floats:
    y = windows.batch(places).y
    assert y is not None
    return y.double().numpy()


def _trust(truth: Floats, middle: Floats, stretches: Ints | int, overlap: int) -> Floats:
    """For each target the share of what is said that leaves the least error [K].

    0 unless the gain is worth it, is not the luck of a stretch of time (so many, or cut at these windows),
    and is proven, with one chance of error for all targets together.
    """
    found = []
    for k in range(truth.shape[2]):
        y, said = truth[..., k], middle[..., k]
        errors = [float(np.nanmean(np.abs(y - trust * said))) for trust in TRUSTS]
        trust = TRUSTS[int(np.argmin(errors))]
        gains = np.abs(y) - np.abs(y - trust * said)  # [horizon, N]
        cuts = min(stretches, gains.shape[1]) if isinstance(stretches, int) else stretches
        parts = np.array_split(gains, cuts, axis=1)
        won = sum(float(np.nansum(part)) > 0 for part in parts)
        worth = min(errors) < (1 - WORTH) * errors[0] and won >= MOST * len(parts) / STRETCHES
        each = np.nan_to_num(gains).mean(axis=0)
        worth = worth and proven(each, overlap, CHANCE / truth.shape[2])
        found.append(trust if worth else 0.0)
    return np.array(found)


def _factors(truth: Floats, middle: Floats, bounds: Floats, shares: Sequence[float]) -> Floats:
    """For each share and target the factor that makes the bounds hold their share of the truth [C, K].

    Errors of one window go together, so windows are what is counted for the share of a finite sample.
    """
    factors = np.ones((len(shares), truth.shape[2]))
    for c, share in enumerate(shares):
        low, high = np.maximum(middle - bounds[0, c], TINY), np.maximum(bounds[1, c] - middle, TINY)
        beyond = np.maximum((middle - truth) / low, (truth - middle) / high)
        for k in range(truth.shape[2]):
            known = beyond[..., k][~np.isnan(beyond[..., k])]
            if len(known):
                count = int((~np.isnan(truth[..., k])).any(axis=0).sum())
                level = min(1.0, np.ceil((count + 1) * share) / count)
                factors[c, k] = max(TINY, np.quantile(known, level, method="inverted_cdf"))
    return factors
