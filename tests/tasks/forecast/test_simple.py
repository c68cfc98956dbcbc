"""The simple forecast: the regression against scikit-learn's, what is chosen when; the calendar by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from cellwright.tasks.forecast import choose as choose_module
from cellwright.tasks.forecast.calendar import cycles_of, features
from cellwright.tasks.forecast.choose import choose, cycle
from cellwright.tasks.forecast.read import read
from cellwright.tasks.forecast.simple import Base, Extent, anchors, origins_of


def wave(rows=160, season=8, noise=0.1):
    """A season on a trend, with noise."""
    t = np.arange(rows)
    noises = noise * np.random.default_rng(0).normal(size=rows)
    return 20 + 0.05 * t + 3 * np.sin(2 * np.pi * t / season) + noises


def ridge(values, origins, anchor, penalty, rows=10, horizon=3):
    """What scikit-learn's regression forecasts from a window measured from its last value or its mean."""
    past = np.stack([values[o - rows : o] for o in origins])
    level = past[:, -1:] if anchor == "last" else past.mean(axis=1, keepdims=True)
    y = np.stack([values[o : o + horizon] for o in origins]) - level
    spread = np.sqrt(np.square(past - level).mean())
    return level + Ridge(alpha=penalty * spread**2).fit(past - level, y).predict(past - level)


class TestBase:
    def test_the_regression_is_sklearns(self, monkeypatch):
        """With one penalty and one anchor the blend is of one regression alone (the bare anchor is far off)."""
        monkeypatch.setattr(choose_module, "PENALTIES", (10.0,))
        values, extent = wave(120), Extent(10, 3, 1)
        base = choose([values], extent, ["none"], ["last"], linear=True)
        origins = origins_of(extent, 0, 120)
        _, ours = base.simple(values, origins, extent)
        np.testing.assert_allclose(ours, ridge(values, origins, "last", 10.0), atol=1e-5)

    def test_the_blend_is_a_mean_of_the_best_regressions(self, monkeypatch):
        monkeypatch.setattr(choose_module, "PENALTIES", (10.0, 100.0))
        values, extent = wave(160, noise=1.0), Extent(10, 3, 1)
        base = choose([values], extent, ["none"], ["last", "mean"], linear=True)
        origins = origins_of(extent, 0, 160)
        each = [ridge(values, origins, *one).ravel() for one in product(("last", "mean"), (10.0, 100.0))]
        ours = base.simple(values, origins, extent)[1].ravel()
        shares, residue, _, _ = np.linalg.lstsq(np.stack(each, axis=1), ours, rcond=None)
        assert float(residue.sum()) < 1e-6
        assert shares.sum() == pytest.approx(1, abs=1e-4)
        assert (shares > 0.05).all() and shares.max() < 0.5

    def test_a_profile_by_hand(self):
        z = np.array([1.0, 2.0, 6.0, 3.0, 4.0, 11.0, 0.0, 0.0, 0.0, 0.0])
        level, ahead = anchors(z, np.array([6]), Extent(6, 4, 3), "profile")
        form = (np.array([-2.0, -1.0, 3.0]) + np.array([-3.0, -2.0, 5.0])) / 2
        assert level.tolist() == [6.0]
        np.testing.assert_allclose(ahead[0], (6.0 + form)[[0, 1, 2, 0]])

    def test_a_blend_reaches_as_far_as_a_season_longer_than_the_window(self):
        values, extent = wave(200, season=20, noise=0.3), Extent(5, 4, 20)
        base = choose([values], extent, ["none"], ["last", "mean", "season", "profile"], linear=True)
        assert len(base.weights) == 20
        moved = base.simple(values + 7, np.array([150]), extent)[1]
        np.testing.assert_allclose(moved, base.simple(values, np.array([150]), extent)[1] + 7, atol=1e-4)

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
