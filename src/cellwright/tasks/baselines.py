"""Baselines: what no network is needed for. Each score of a model is printed beside one of these.

The majority class, linear models on tf-idf or on resampled series, the seasonal naive, n-grams. Nothing is
tuned on the test part. Refuses empty inputs. Floor 6 (tasks).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from cellwright.tasks.vocab import choose_unit

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Marks: TypeAlias = npt.NDArray[np.bool_]
Said = TypeVar("Said", list[str], npt.NDArray[np.bool_])


def majority(labels_train: Sequence[str], labels_test: Sequence[str]) -> list[str]:
    """The most frequent training label (the first by text among equals), predicted for each test example.

    >>> majority(["a", "b", "b"], ["a", "a"])
    ['b', 'b']
    """
    counts = Counter(labels_train)
    most = min(counts, key=lambda label: (-counts[label], label))
    return [most] * len(labels_test)


def linear_text(
    train_texts: Sequence[str], labels: Said, test_texts: Sequence[str], *, longest: int = 2
) -> Said:
    """Predictions of a linear SVM on tf-idf of words (characters for Chinese and kin) and their n-grams.

    Args:
        train_texts, labels: the training part; the labels as everywhere here: one each, or of several marks,
            [N, K], which are answered by as many machines, each of one label or not.
        test_texts: what to predict.
        longest: the longest n-gram; 1 is a bag of words, blind to order.
    """
    unit = choose_unit(train_texts)
    features = TfidfVectorizer(
        analyzer=unit,
        ngram_range=(1, longest),
        token_pattern=r"\w+|[^\w\s]" if unit == "word" else None,
        sublinear_tf=True,
    )
    return _fit_predict(make_pipeline(features, LinearSVC(random_state=0)), train_texts, labels, test_texts)


def linear_series(
    train: Sequence[npt.NDArray[np.floating]],
    labels: Said,
    test: Sequence[npt.NDArray[np.floating]],
    length: int | None = None,
) -> Said:
    """Predictions of a logistic regression on series [T, C] resampled to `length`, or training's median."""
    steps = length or int(np.median([len(series) for series in train]))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return _fit_predict(model, resampled(train, steps), labels, resampled(test, steps))


def linear_letters(train: Sequence[str], labels: Said, test: Sequence[str]) -> Said:
    """Predictions of a linear SVM on tf-idf of all words of one to four letters, wherever they stand."""
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, sublinear_tf=True)
    return _fit_predict(make_pipeline(features, LinearSVC(random_state=0)), train, labels, test)


def linear_places(train: Floats, labels: Said, test: Floats) -> Said:
    """Predictions of a logistic regression on what stands where, [N, places]."""
    return _fit_predict(make_pipeline(LogisticRegression(max_iter=1000)), train, labels, test)


def seasonal_naive(history: npt.ArrayLike, horizon: int, season: int | None = None) -> Floats:
    """The last season repeated; the last value where there is no season, or less history than one.

    Args:
        history: [T] or [T, K], in time order.
        horizon: steps ahead.
        season: steps in a season, or None.

    Returns:
        [horizon] or [horizon, K].

    >>> seasonal_naive([1.0, 2.0, 3.0, 4.0], 3, season=2).tolist()
    [3.0, 4.0, 3.0]
    """
    values = np.asarray(history, dtype=np.float64)
    if not len(values):
        raise ValueError("an empty history has nothing to repeat")
    lag = season if season and season <= len(values) else 1
    return values[len(values) - lag + np.arange(horizon) % lag]


class NGram:
    """An interpolated n-gram model with Witten-Bell weights (Witten and Bell 1991), over token numbers.

        p(w | h) = (count(h w) + kinds(h) p(w | h')) / (count(h) + kinds(h))

    `h'` is `h` without its oldest token, `kinds(h)` how many tokens were seen after `h`; below the unigram
    lies the uniform distribution. A context that was never seen gives the probability of the shorter one.

    Args:
        ids: training tokens, each in 0 to `size` - 1.
        size: of the vocabulary.
        order: tokens in the longest n-gram; 1 is the unigram.
    """

    def __init__(self, ids: Sequence[int] | Ints, size: int, order: int) -> None:
        if order < 1 or size < 1:
            raise ValueError(f"order {order} and size {size} must be at least 1")
        self.size, self.order = size, order
        self._levels = _count(_checked(ids, size), size, order)

    def nats_per_token(self, ids: Sequence[int] | Ints) -> float:
        """The mean negative log probability of `ids`, each token given those before it in `ids`."""
        return float(-np.log(self.probabilities(ids)).mean())

    def probabilities(self, ids: Sequence[int] | Ints) -> Floats:
        """The probability of each token of `ids` given up to `order - 1` tokens before it [len(ids)]."""
        tokens = _checked(ids, self.size)
        p = np.full(len(tokens), 1.0 / self.size)
        contexts = np.zeros(len(tokens), dtype=np.int64)  # of the empty context, known everywhere
        for level, known in enumerate(self._levels):
            if level:
                contexts = _longer(self._levels[level - 1], contexts, tokens, self.size)
            p = known.mix(contexts, tokens, p, self.size)
        return p


def ngram_entropy(train: Sequence[int] | Ints, test: Sequence[int] | Ints, size: int, order: int) -> float:
    """Nats per token of held-out `test` under an n-gram model of `train` (order 1: the unigram)."""
    return NGram(train, size, order).nats_per_token(test)


class _Level:
    """The counts of n-grams of one length, as sorted arrays.

    A context is numbered by its place in `grams` of the level below (-1: never seen); `grams` holds
    `context * size + token`.
    """

    def __init__(self, contexts: Ints, tokens: Ints, size: int) -> None:
        seen = contexts >= 0
        self.grams, self.counts = np.unique(contexts[seen] * size + tokens[seen], return_counts=True)
        owners = self.grams // size
        self.contexts, starts, self.kinds = np.unique(owners, return_index=True, return_counts=True)
        self.totals = np.add.reduceat(self.counts, starts) if len(starts) else self.counts

    def mix(self, contexts: Ints, tokens: Ints, shorter: Floats, size: int) -> Floats:
        """p(token | context), given p(token | the shorter context)."""
        if not len(self.grams):  # training tokens fewer than this n-gram is long
            return shorter
        at = _find(self.contexts, contexts)
        gram = _find(self.grams, np.where(contexts >= 0, contexts * size + tokens, -1))
        count = np.where(gram >= 0, self.counts[gram], 0)
        total = np.where(at >= 0, self.totals[at], 0)
        kinds = np.where(at >= 0, self.kinds[at], 1)  # an unseen context leaves the shorter one's p
        mixed: Floats = (count + kinds * shorter) / (total + kinds)
        return mixed


def _count(tokens: Ints, size: int, order: int) -> list[_Level]:
    contexts = np.zeros(len(tokens), dtype=np.int64)
    levels = [_Level(contexts, tokens, size)]
    for _ in range(1, order):
        contexts = _longer(levels[-1], contexts, tokens, size)
        levels.append(_Level(contexts, tokens, size))
    return levels


def _longer(level: _Level, contexts: Ints, tokens: Ints, size: int) -> Ints:
    """The number of each token's context one token longer: the n-gram that ends at the token before it."""
    grams = _find(level.grams, np.where(contexts >= 0, contexts * size + tokens, -1))
    return np.concatenate(([-1], grams[:-1]))


def _find(known: Ints, wanted: Ints) -> Ints:
    """Where each wanted number stands among the sorted known ones, or -1."""
    at = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    return np.where(known[at] == wanted, at, -1) if len(known) else np.full(len(wanted), -1)


def _checked(ids: Sequence[int] | Ints, size: int) -> Ints:
    tokens = np.asarray(ids, dtype=np.int64)
    if tokens.ndim != 1 or not len(tokens) or tokens.min() < 0 or tokens.max() >= size:
        raise ValueError(f"token numbers must be a row of at least one, from 0 to {size - 1}")
    return tokens


def resampled(series: Sequence[npt.NDArray[np.floating]], length: int) -> Floats:
    """Each series [T, C] read off at `length` evenly spaced times, flat [N, length * C]."""
    rows = []
    for values in series:
        at = np.linspace(0, len(values) - 1, length)
        rows.append(
            np.stack([np.interp(at, np.arange(len(values)), channel) for channel in values.T]).ravel()
        )
    return np.stack(rows)


def _fit_predict(
    model: Pipeline, train: Sequence[str] | Floats, labels: Said, test: Sequence[str] | Floats
) -> Said:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline stopped early is still a baseline
        if isinstance(labels, np.ndarray):
            return _each_label(model, train, labels, test)
        model.fit(train, np.asarray(labels, dtype=object))
        return [str(label) for label in model.predict(test)]


def _each_label(
    model: Pipeline, train: Sequence[str] | Floats, marks: Marks, test: Sequence[str] | Floats
) -> Marks:
    """A model for each label on the same features; one that all or no examples have is not learnt."""
    features, last = model[:-1], model[-1]
    known = features.fit_transform(train) if len(features) else train
    asked = features.transform(test) if len(features) else test
    said = np.zeros((len(test), marks.shape[1]), dtype=bool)
    for k, column in enumerate(marks.T):
        varied = column.any() and not column.all()
        said[:, k] = clone(last).fit(known, column).predict(asked) if varied else column[0]
    return said
