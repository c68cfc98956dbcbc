"""Scores against values worked out by hand or by plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cellwright.tasks import metrics


def test_classes():
    truth, guess = ["a", "a", "b", "c"], ["a", "b", "b", "b"]
    assert metrics.accuracy(truth, guess) == 0.5
    # a: precision 1, recall 1/2, F1 2/3; b: precision 1/3, recall 1, F1 1/2; c is never predicted.
    assert metrics.macro_f1(truth, guess) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert metrics.confusion(truth, guess, ["a", "b", "c"]).tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_errors():
    truth, guess = [1.0, 2.0, 4.0], [2.0, 2.0, 1.0]
    assert metrics.mae(truth, guess) == pytest.approx(4 / 3)
    assert metrics.rmse(truth, guess) == pytest.approx(math.sqrt(10 / 3))
    assert metrics.mape(truth, guess) == pytest.approx(100 * (1 + 0 + 3 / 4) / 3)
    assert metrics.smape(truth, guess) == pytest.approx(200 * (1 / 3 + 0 + 3 / 5) / 3)


def test_zero_in_the_truth():
    assert metrics.mape([0.0, 1.0], [1.0, 1.0]) is None
    assert metrics.smape([0.0, 0.0], [0.0, 1.0]) == pytest.approx(100.0)


def test_mase_of_the_naive_on_its_own_history_is_one():
    history = np.array([1.0, 3.0, 2.0, 6.0])
    assert metrics.mase(history[1:], history[:-1], history) == pytest.approx(1.0)
    season = np.array([1.0, 10.0, 2.0, 12.0, 4.0, 15.0])
    assert metrics.mase(season[2:], season[:-2], season, season=2) == pytest.approx(1.0)


def test_mase_of_several_columns_is_their_mean():
    rng = np.random.default_rng(0)
    truth, guess, history = (rng.normal(size=(n, 2)) for n in (5, 5, 20))
    single = [metrics.mase(truth[:, k], guess[:, k], history[:, k], 4) for k in range(2)]
    assert metrics.mase(truth, guess, history, 4) == pytest.approx(np.mean(single))


@pytest.mark.parametrize(("history", "season"), [([1.0, 1.0, 1.0], 1), ([1.0, 2.0], 2), ([1.0], None)])
def test_mase_without_a_scale(history, season):
    assert metrics.mase([1.0], [2.0], history, season) is None


def test_language():
    assert metrics.perplexity(math.log(50)) == pytest.approx(50)
    assert metrics.perplexity(1e6) == math.inf
    assert metrics.bits_per_character(math.log(8), 3) == pytest.approx(1.0)


@pytest.mark.parametrize("score", [metrics.mae, metrics.rmse, metrics.mape, metrics.smape])
@pytest.mark.parametrize(("truth", "guess"), [([1.0], [1.0, 2.0]), ([], [])])
def test_shapes(score, truth, guess):
    with pytest.raises(ValueError, match="must have one shape, not empty"):
        score(truth, guess)
