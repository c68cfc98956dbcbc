"""Whether what one forecast gains on another is more than luck: Diebold & Mariano 1995. Floor 6.

Windows that overlap go wrong together, so the variance of a mean gain counts their covariances
(Newey & West 1987).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from cellwright.tasks.forecast.simple import Floats

CHANCE = 0.05  # how often a forecast that is no better may pass


def proven(gains: Floats, overlap: int, chance: float = CHANCE) -> bool:
    """Whether gains of windows in time order [N] are above 0 by more than that chance (one-sided).

    Args:
        gains: by how much one forecast's error is less than the other's.
        overlap: how many windows further on still share steps with one.
        chance: of taking for better what is not.

    >>> noise = np.random.default_rng(0).normal(size=400)
    >>> proven(noise + 0.2, 1), proven(noise, 1), proven(np.repeat(noise[:20], 20) + 0.2, 20)
    (True, False, False)
    """
    count, average = len(gains), float(gains.mean()) if len(gains) else 0.0
    if average <= 0:
        return False
    off = gains - average
    variance = float(off @ off)
    for lag in range(1, min(overlap, count - 1) + 1):
        variance += 2 * (1 - lag / (overlap + 1)) * float(off[lag:] @ off[:-lag])
    error = np.sqrt(max(variance, 0.0)) / count
    return bool(average > NormalDist().inv_cdf(1 - chance) * error)
