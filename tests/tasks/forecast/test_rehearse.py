"""Trainings at earlier times: which rows they see, what they decide; bounds of few windows by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.tasks.forecast import facts as learnt
from cellwright.tasks.forecast import rehearse
from cellwright.tasks.forecast.intervals import Unseen, calibrate
from cellwright.tasks.forecast.network import ForecastNetwork, PerceptronForecast
from cellwright.tasks.forecast.output import Point
from cellwright.tasks.forecast.series import Panel, Series, whole
from cellwright.tasks.forecast.simple import Extent
from cellwright.tasks.training import loop

SMALL = {"horizon": 3, "window": 6, "season": 1, "units": 4, "epochs": 1, "steps": 2}


def part_of(values):
    return whole(Panel((Series(values[:, None], np.zeros((len(values), 0)), ("y",)),)))


def network(shares=(0.8,)):
    member = PerceptronForecast(3, 1, 1, Extent(2, 2, 1), units=2, dropout=0.0)
    return ForecastNetwork([member], Point("mae"), [1.0], shares, fed=False)


def stretch(truth, middle):
    """A stretch of windows of two steps and one target; every step of a window alike."""
    y, m = (np.repeat(np.array(values, dtype=float)[None, :, None], 2, axis=0) for values in (truth, middle))
    return Unseen(y, m, np.stack([m, m])[:, None])


def test_every_origin_is_forecast_once_by_what_was_known_before_it(monkeypatch):
    values = np.sin(np.arange(61.0)) + 3
    model, seen, said = cw.Forecaster(**SMALL), [], []

    def train(network, feed, *rest, **more):
        seen.append(max(feed.windows.origins) + 3)
        return really_train(network, feed, *rest, **more)

    def unseen(network, windows, places, size):
        said.append(windows.origins.tolist())
        return really_unseen(network, windows, places, size)

    really_train, really_unseen = loop.train, rehearse.unseen
    monkeypatch.setattr(rehearse, "unseen", unseen)
    monkeypatch.setattr(rehearse.loop, "train", train)
    part = part_of(values)
    facts = model.facts_of(part, Extent(6, 3, 1))
    found = rehearse.rehearsed(model, part, model.find_cell(), facts, torch.device("cpu"))
    assert seen == [30, 37, 44, 51]
    assert [one[0] for one in said] == seen
    assert np.concatenate(said).tolist() == list(range(30, 59))
    assert [one.truth.shape for one in found] == [(3, 7, 1)] * 3 + [(3, 8, 1)]


def test_without_room_the_validation_part_decides():
    model = cw.Forecaster(**SMALL)
    part = part_of(np.arange(20.0))
    facts = model.facts_of(part, Extent(6, 3, 1))
    assert rehearse.rehearsed(model, part, model.find_cell(), facts, torch.device("cpu")) == []
    assert np.isfinite(model.fit(np.sin(np.arange(30.0)), test=5 / 30).forecast().to_numpy()).all()


def test_what_is_said_is_in_the_unit_of_the_whole_part():
    values = 5 + np.cumsum(np.random.default_rng(0).normal(size=61))
    model = cw.Forecaster(**SMALL, transform="none", anchor="last", linear=False)
    part = part_of(values)
    facts = model.facts_of(part, Extent(6, 3, 1))
    found = rehearse.rehearsed(model, part, model.find_cell(), facts, torch.device("cpu"))
    ahead = np.stack([values[o : o + 3] for o in range(30, 37)])
    wanted = (ahead - values[29:36, None]) / learnt.bases(facts)[0].error
    np.testing.assert_allclose(found[0].truth[..., 0].T, wanted, rtol=1e-5, atol=1e-6)


class TestTrust:
    def test_a_network_that_wins_everywhere_is_believed_as_far_as_it_is_right(self):
        made = network()
        calibrate(made, [stretch([1.0, 1.0, 1.0], [2.0, 2.0, 2.0])] * 3)
        assert made.trust.tolist() == [0.5]

    @pytest.mark.parametrize("lost", range(4))
    def test_one_that_loses_at_one_time_is_not(self, lost):
        made = network()
        found = [stretch([1.0, 1.0], [1.0, 1.0])] * 4
        found[lost] = stretch([1.0, 1.0], [-0.1, -0.1])
        calibrate(made, found)
        assert made.trust.tolist() == [0.0]

    def test_one_gain_seen_by_many_windows_is_no_proof(self):
        """Five stretches win, but most of the gain is of one event: unlike windows of their own."""
        said = np.repeat([0.001, 0.3, 0.001, 0.001, 0.001], 12)
        for overlap, believed in ((0, 1.0), (11, 0.0)):
            made = network()
            calibrate(made, [replace(stretch(np.ones(60), said), overlap=overlap)])
            assert made.trust.tolist() == [believed]

    def test_bounds_hold_the_windows_that_they_shall(self):
        """Errors 1 to 9, their mean 5: 80 % of nine windows is the eighth of them, as (9 + 1) 0.8 = 8."""
        made = network()
        calibrate(made, [stretch(np.arange(1.0, 10.0), np.zeros(9))])
        assert made.unit.flatten().tolist() == [5.0, 5.0]
        assert float(made.factor[0, 0] * made.unit[0, 0]) == pytest.approx(8.0)
