"""Scores: of classes, of forecasts, of language models. Floor 6 (tasks).

Refuses arrays that do not fit each other. A score that has no meaning (MAPE with a zero in the truth, MASE
over a constant history) is None, never a large number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef

Values: TypeAlias = npt.ArrayLike


def accuracy(y_true: Sequence[str], y_pred: Sequence[str]) -> float:
    """The share of right predictions, 0 to 1.

    >>> accuracy(["a", "b"], ["a", "a"])
    0.5
    """
    return float(accuracy_score(y_true, y_pred))


def macro_f1(y_true: Sequence[str], y_pred: Sequence[str]) -> float:
    """The mean of the classes' F1, 0 to 1; a class that is never predicted counts as 0."""
    return float(f1_score(y_true, y_pred, average="macro", zero_division=0.0))


def mcc(y_true: Sequence[str], y_pred: Sequence[str]) -> float:
    """Matthews' correlation coefficient (of several classes: Gorodkin's), -1 to 1; 0 for one class alone.

    >>> mcc(["a", "a", "b", "b"], ["a", "b", "b", "b"]), mcc(["a", "b"], ["a", "a"])
    (0.5773502691896258, 0.0)
    """
    return float(matthews_corrcoef(y_true, y_pred))


def confusion(y_true: Sequence[str], y_pred: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """How often label i (row) was taken for label j (column) [len(labels), len(labels)]."""
    return np.asarray(confusion_matrix(y_true, y_pred, labels=list(labels)), dtype=np.int64)


def mae(y_true: Values, y_pred: Values) -> float:
    """Mean absolute error, in the unit of the data."""
    truth, guess = _pair(y_true, y_pred)
    return float(np.abs(truth - guess).mean())


def rmse(y_true: Values, y_pred: Values) -> float:
    """Root of the mean squared error, in the unit of the data."""
    truth, guess = _pair(y_true, y_pred)
    return float(np.sqrt(np.square(truth - guess).mean()))


def mape(y_true: Values, y_pred: Values) -> float | None:
    """Mean absolute percentage error, in percent; None where the truth holds a zero (use `smape`).

    >>> mape([10.0, 20.0], [11.0, 18.0]), mape([0.0, 20.0], [1.0, 18.0])
    (10.0, None)
    """
    truth, guess = _pair(y_true, y_pred)
    if (truth == 0).any():
        return None
    return float(100 * np.abs((truth - guess) / truth).mean())


def smape(y_true: Values, y_pred: Values) -> float:
    """Symmetric MAPE, 0 to 200 percent: 200 |y - p| / (|y| + |p|), 0 where both are 0."""
    truth, guess = _pair(y_true, y_pred)
    size = np.abs(truth) + np.abs(guess)
    errors = np.divide(np.abs(truth - guess), size, out=np.zeros_like(size), where=size > 0)
    return float(200 * errors.mean())


def mase(y_true: Values, y_pred: Values, insample: Values, season: int | None = 1) -> float | None:
    """Mean absolute scaled error (Hyndman and Koehler 2006): MAE over the seasonal naive's in the history.

    Args:
        y_true, y_pred: [T] or [T, K].
        insample: the training history [T'] or [T', K], in time order.
        season: steps in a season; None counts as 1.

    Returns:
        The score; below 1 beats the naive. None where the history is constant or not longer than a season.
    """
    truth, guess = _pair(y_true, y_pred)
    history = np.asarray(insample, dtype=np.float64)
    lag = season or 1
    if len(history) <= lag:
        return None
    scale = np.abs(history[lag:] - history[:-lag]).mean(axis=0)
    if (scale == 0).any():
        return None
    return float(
        (np.abs(truth - guess).mean(axis=0) / scale).mean() if truth.ndim > 1 else _mean(truth, guess) / scale
    )


def perplexity(nats_per_token: float) -> float:
    """e to the mean loss; infinite where it overflows.

    >>> perplexity(0.0)
    1.0
    """
    try:
        return math.exp(nats_per_token)
    except OverflowError:
        return math.inf


def bits_per_character(nats: float, characters: int = 1) -> float:
    """Nats over so many characters, in bits for each.

    >>> bits_per_character(math.log(2))
    1.0
    """
    return nats / math.log(2) / characters


def _pair(y_true: Values, y_pred: Values) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    truth, guess = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if truth.shape != guess.shape or truth.size == 0:
        raise ValueError(
            f"truth {list(truth.shape)} and prediction {list(guess.shape)} must have one shape, not empty"
        )
    return truth, guess


def _mean(truth: npt.NDArray[np.float64], guess: npt.NDArray[np.float64]) -> float:
    return float(np.abs(truth - guess).mean())
