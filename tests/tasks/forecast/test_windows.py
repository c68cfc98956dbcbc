"""Windows see nothing after their origin but what is known ahead; an epoch's order is exact."""

from __future__ import annotations

import numpy as np
import torch

from cellwright.tasks.forecast.simple import Base, Extent
from cellwright.tasks.forecast.windows import Rows, WindowFeed, Windows


def wave(rows=160, season=8, noise=0.1):
    """A season on a trend, with noise."""
    t = np.arange(rows)
    noises = noise * np.random.default_rng(0).normal(size=rows)
    return 20 + 0.05 * t + 3 * np.sin(2 * np.pi * t / season) + noises


def rows(values, known, origins, scale=1.0, number=0):
    return Rows(values[:, None], known, np.array(origins), np.array([scale]), np.ones(1), number)


class TestWindows:
    def make(self, values, origins, known=None):
        base = Base(
            "none", "season", drift=[0.1] * 3, weights=(np.eye(6, 3) / 7).tolist(), spread=2.0, error=0.5
        )
        known = np.zeros((len(values), 0)) if known is None else known
        return Windows([rows(values, known, origins)], Extent(6, 3, 4), [base])

    def test_nothing_after_the_origin_is_seen(self):
        values, changed = wave(40), wave(40)
        changed[20:] = 1e6
        before, after = (self.make(v, [20]) for v in (values, changed))
        index = np.array([0])
        assert torch.equal(before.batch(index).x, after.batch(index).x)
        assert np.array_equal(before.forecasts(None, index), after.forecasts(None, index))
        assert not torch.equal(before.batch(index).y, after.batch(index).y)

    def test_all_that_is_known_ahead_is_seen_and_no_more(self):
        known = np.arange(40.0)[:, None]
        x = self.make(wave(40), [20], known).batch(np.array([0])).x
        assert x.shape == (9, 1, 3)
        assert x[:, 0, 2].tolist() == list(range(14, 23))
        assert x[:, 0, 1].tolist() == [0] * 6 + [1] * 3

    def test_the_answers_lead_back_to_the_truth(self):
        windows = self.make(wave(40), [12, 20, 30])
        index = np.array([2, 0])
        said = windows.forecasts(windows.batch(index).y, index)
        np.testing.assert_allclose(said, windows.truth(index), rtol=1e-6)
        np.testing.assert_array_equal(windows.truth(index)[0, :, 0], wave(40)[30:33])

    def test_the_future_need_not_exist(self):
        values = wave(40)
        windows = Windows([rows(values, np.zeros((43, 0)), [40])], Extent(6, 3, 4), [Base("none", "last")])
        batch = windows.batch(np.array([0]), answers=False)
        assert batch.y is None and bool(torch.isfinite(batch.x).all())

    def test_an_epoch_shows_each_window_before_any_again_and_can_be_entered_in_the_middle(self):
        windows = self.make(wave(40), list(range(10, 30)))
        feed = WindowFeed(windows, batch_size=4, steps=7, seed=3)
        batches = [batch.index.tolist() for batch in feed.epoch(5)]
        assert len(feed) == len(batches) == 7
        flat = [place for batch in batches for place in batch]
        assert sorted(flat[:20]) == list(range(20)) and len(set(flat[20:])) == 8
        assert [batch.index.tolist() for batch in feed.epoch(5, 3)] == batches[3:]
        assert [batch.index.tolist() for batch in feed.epoch(6)] != batches
