"""What is proven to be better and what is not; what may not be found in noise."""

from __future__ import annotations

import numpy as np

from cellwright.tasks.forecast.choose import choose
from cellwright.tasks.forecast.proof import proven
from cellwright.tasks.forecast.simple import ANCHORS, Extent


def test_the_error_of_a_mean_by_hand():
    """Without overlap the test is a t-test by the normal law: mean 1, deviation 2, 16 values: error 1/2."""
    gains = 1 + 2 * np.tile([1.0, -1.0], 8)
    assert proven(gains, 0, chance=0.03) and not proven(gains, 0, chance=0.02)


def test_what_is_counted_twice_proves_no_more():
    rng = np.random.default_rng(4)
    wrong = [proven(np.repeat(rng.normal(size=60), 12), overlap) for overlap in (0, 24) for _ in range(200)]
    assert sum(wrong[:200]) > 40 and sum(wrong[200:]) <= 20


def test_random_walks_are_left_at_their_last_value():
    rng = np.random.default_rng(5)
    walks = 100 * np.exp(0.01 * np.cumsum(rng.standard_t(3, size=(12, 160)), axis=1))
    bases = [choose([w], Extent(24, 5, 1), ["none"], ANCHORS[:2], linear=True) for w in walks]
    assert sum(base.anchor != "last" or len(base.weights) > 0 for base in bases) <= 1


def test_what_can_be_known_is_found():
    rng = np.random.default_rng(6)
    steps = np.zeros(300)
    for t in range(1, 300):
        steps[t] = 0.8 * steps[t - 1] + rng.normal()
    assert len(choose([np.cumsum(steps)], Extent(24, 5, 1), ["none"], ANCHORS[:2], linear=True).weights)
