"""What the validation part says of a trained network: whether to believe it, and how far it is off. Floor 6.

Split conformal prediction (Vovk et al. 2005), for quantiles as Romano et al. 2019 have it, but by a factor:
the bounds of every step are widened, or narrowed, by one number for each share, so that they would have held
that share of the validation part. What is measured there is measured again on the test part, and said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cellwright.tasks.forecast.network import ForecastNetwork
from cellwright.tasks.forecast.output import Point
from cellwright.tasks.forecast.simple import Floats, Ints
from cellwright.tasks.forecast.windows import Windows
from cellwright.tasks.training import loop

TOGETHER = 512  # windows in a batch that only forecasts
TRUSTS = (0.0, 0.25, 0.5, 0.75, 1.0)
WORTH = 0.01  # by which share a network must lessen the error to be believed
STRETCHES, MOST = 5, 4  # and in how many stretches of the validation part, of how many
TINY = 1e-6


def calibrate(network: ForecastNetwork, windows: Windows, places: Ints, *, believed: bool = False) -> None:
    """Set the network's trust, unit and factors by its forecasts from some origins of the validation part.

    A network that is `believed` keeps its trust.
    """
    truth = _answers(windows, places)  # [horizon, N, K]
    if isinstance(network.output, Point) and not believed:
        network.trust.fill_(1.0)
        middle, _ = said(network, windows, places)
        network.trust.copy_(torch.from_numpy(_trust(truth, middle)))
    middle, _ = said(network, windows, places)
    off = np.abs(truth - middle)
    counts = (~np.isnan(off)).sum(axis=1)
    mean = np.nansum(off, axis=1) / np.maximum(counts, 1)
    unit = np.maximum.accumulate(np.maximum(mean, TINY), axis=0)
    network.unit.copy_(torch.from_numpy(unit))
    network.factor.fill_(1.0)
    middle, bounds = said(network, windows, places)
    network.factor.copy_(torch.from_numpy(_factors(truth, middle, bounds, network.shares)))


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


def _trust(truth: Floats, middle: Floats) -> Floats:
    """For each target the share of what is said that leaves the least error [K].

    0 unless the gain is worth it, and not the luck of a stretch of time.
    """
    found = []
    for k in range(truth.shape[2]):
        y, said = truth[..., k], middle[..., k]
        errors = [float(np.nanmean(np.abs(y - trust * said))) for trust in TRUSTS]
        trust = TRUSTS[int(np.argmin(errors))]
        gains = np.abs(y) - np.abs(y - trust * said)  # [horizon, N]
        parts = np.array_split(gains, min(STRETCHES, gains.shape[1]), axis=1)
        won = sum(float(np.nansum(part)) > 0 for part in parts)
        worth = min(errors) < (1 - WORTH) * errors[0] and won >= MOST * len(parts) / STRETCHES
        found.append(trust if worth else 0.0)
    return np.array(found)


def _factors(truth: Floats, middle: Floats, bounds: Floats, shares: Sequence[float]) -> Floats:
    """For each share and target the factor that makes the bounds hold their share of the truth [C, K]."""
    factors = np.ones((len(shares), truth.shape[2]))
    for c, share in enumerate(shares):
        low, high = np.maximum(middle - bounds[0, c], TINY), np.maximum(bounds[1, c] - middle, TINY)
        beyond = np.maximum((middle - truth) / low, (truth - middle) / high)
        for k in range(truth.shape[2]):
            known = beyond[..., k][~np.isnan(beyond[..., k])]
            if len(known):
                level = min(1.0, np.ceil((len(known) + 1) * share) / len(known))
                factors[c, k] = max(TINY, np.quantile(known, level, method="higher"))
    return factors
