"""The simple forecast: the regression against scikit-learn's, what is chosen when; the calendar by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from cellwright.tasks.forecast.calendar import cycles_of, features
from cellwright.tasks.forecast.read import read
from cellwright.tasks.forecast.simple import Base, Extent, choose, cycle, origins_of


def wave(rows=160, season=8, noise=0.1):
    """A season on a trend, with noise."""
    t = np.arange(rows)
    noises = noise * np.random.default_rng(0).normal(size=rows)
    return 20 + 0.05 * t + 3 * np.sin(2 * np.pi * t / season) + noises


class TestBase:
    def test_the_regression_is_sklearns(self):
        values, extent = wave(120), Extent(10, 3, 1)
        base = choose([values], extent, ["none"], ["last"], linear=True)
        origins = origins_of(extent, 0, 120)
        level = values[origins - 1]
        x = np.stack([values[o - 10 : o] - values[o - 1] for o in origins])
        y = np.stack([values[o : o + 3] - values[o - 1] for o in origins])
        spread = np.sqrt(np.square(x).mean())
        errors = []
        for penalty in (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e6):
            said = Ridge(alpha=penalty * spread**2).fit(x, y).predict(x)
            _, ours = base.simple(values, origins, extent)
            errors.append(np.abs(ours - level[:, None] - said).max())
        assert min(errors) < 1e-5

    def test_a_growing_season_is_taken_by_its_logarithm_from_one_season_before(self):
        t = np.arange(144)
        values = np.exp(0.01 * t + 0.3 * np.sin(2 * np.pi * t / 12)) * 100
        base = choose(
            [values], Extent(24, 12, 12), ["none", "log", "sqrt"], ["last", "mean", "season"], linear=False
        )
        assert (base.transform, base.anchor, len(base.weights)) == ("log", "season", 0)

    def test_a_random_walk_is_taken_from_its_last_value(self):
        walk = 100 + np.cumsum(np.random.default_rng(0).normal(size=600))
        base = choose([walk], Extent(24, 5, 5), ["none"], ["last", "mean", "season"], linear=True)
        assert base.anchor == "last"

    def test_a_transform_that_a_value_lacks_is_left_out(self):
        for least, kinds in ((0.0, ("none", "sqrt")), (-1.0, ("none",))):
            values = np.abs(wave(60)) - np.abs(wave(60)).min() + least
            base = choose([values], Extent(8, 2, 1), ["none", "log", "sqrt"], ["last"], linear=False)
            assert base.transform in kinds

    @pytest.mark.parametrize("transform", ["none", "log", "sqrt"])
    def test_transforms_come_back(self, transform):
        base, values = Base(transform, "last", floor=0.1), np.array([0.5, 3.0, 1e6])
        np.testing.assert_allclose(base.back(base.forward(values)), values)

    def test_a_logarithm_has_a_floor(self):
        assert np.isfinite(Base("log", "last", floor=0.1).forward(np.array([0.0, -5.0]))).all()

    def test_a_cycle_is_found_and_none_is_invented(self):
        assert cycle(read("sunspots").only.targets[:200, 0]) == 11
        rng = np.random.default_rng(1)
        assert cycle(np.cumsum(rng.normal(size=500))) == 1
        assert cycle(np.ones(100)) == 1


class TestCalendar:
    def test_cycles_longer_than_the_step_and_seen_twice(self):
        hours = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[h]").astype("datetime64[us]")
        assert cycles_of(hours) == ("day", "week")
        assert cycles_of(None) == ()

    def test_phases_by_hand(self):
        monday_noon = np.array(["2024-01-01T12:00", "2024-01-06T12:00"], dtype="datetime64[us]")
        day = features(monday_noon, ["day"])
        np.testing.assert_allclose(day[0], [0, -1, 0, 1], atol=1e-12)
        week = features(monday_noon, ["week"])
        np.testing.assert_allclose(week[0, :2], [np.sin(np.pi / 7), np.cos(np.pi / 7)])
        assert week[:, -1].tolist() == [0, 1]
