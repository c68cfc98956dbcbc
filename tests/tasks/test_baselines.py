"""Baselines: checked against plain loops, and seen to learn what they can and not what they cannot."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.samples import word_order
from cellwright.tasks import baselines, metrics
from cellwright.tasks.data import load_texts, read_series, split_examples

SIZE = 6
ids = st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=60)


def plain_witten_bell(train: list[int], context: tuple[int, ...], token: int, order: int) -> float:
    """The formula as it is written, by recursion over dictionaries."""
    followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for length in range(order):
        for end in range(length, len(train)):
            followers[tuple(train[end - length : end])][train[end]] += 1

    def p(history: tuple[int, ...]) -> float:
        shorter = p(history[1:]) if history else 1 / SIZE
        seen = followers[history]
        if not seen:
            return shorter
        return (seen[token] + len(seen) * shorter) / (sum(seen.values()) + len(seen))

    return p(context[len(context) - min(order - 1, len(context)) :])


@settings(max_examples=60, deadline=None)
@given(ids, ids, st.integers(1, 4))
def test_ngrams_agree_with_the_formula(train, test, order):
    found = baselines.NGram(train, SIZE, order).probabilities(test)
    expected = [plain_witten_bell(train, tuple(test[:at]), token, order) for at, token in enumerate(test)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(ids, st.lists(st.integers(0, SIZE - 1), max_size=5), st.integers(1, 5))
def test_ngram_probabilities_sum_to_one(train, context, order):
    model = baselines.NGram(train, SIZE, order)
    total = sum(model.probabilities([*context, token])[-1] for token in range(SIZE))
    assert total == pytest.approx(1.0, abs=1e-12)


def test_unigram_entropy_of_a_known_distribution():
    """Over many tokens the unigram comes near the entropy of the source."""
    shares = np.array([0.5, 0.25, 0.125, 0.125])
    drawn = np.random.default_rng(0).choice(4, size=40_000, p=shares)
    nats = baselines.ngram_entropy(drawn[:20_000], drawn[20_000:], 4, order=1)
    assert nats == pytest.approx(-(shares * np.log(shares)).sum(), abs=0.01)


def test_longer_contexts_learn_a_cycle():
    cycle = [0, 1, 0, 2] * 200
    nats = [baselines.ngram_entropy(cycle, cycle, 3, order) for order in (1, 2, 3)]
    assert nats[0] == pytest.approx(1.5 * math.log(2), abs=0.01)
    assert nats[1] == pytest.approx(0.5 * math.log(2), abs=0.02)
    assert nats[2] < 0.02


@pytest.mark.parametrize("given_ids", [[], [6], [-1]])
def test_token_numbers_out_of_range(given_ids):
    with pytest.raises(ValueError, match="token numbers must be"):
        baselines.NGram(given_ids, SIZE, 2)


def test_majority():
    assert baselines.majority(["b", "a", "b", "a"], ["x"] * 3) == ["a"] * 3


@pytest.mark.parametrize(
    ("season", "expected"),
    [(None, [4, 4, 4, 4, 4]), (2, [3, 4, 3, 4, 3]), (4, [1, 2, 3, 4, 1]), (9, [4] * 5)],
)
def test_seasonal_naive(season, expected):
    history = np.array([1.0, 2.0, 3.0, 4.0])
    assert baselines.seasonal_naive(history, 5, season).tolist() == expected
    columns = baselines.seasonal_naive(np.stack([history, -history], axis=1), 5, season)
    assert columns[:, 1].tolist() == [-value for value in expected]


def test_seasonal_naive_needs_a_history():
    with pytest.raises(ValueError, match="an empty history"):
        baselines.seasonal_naive([], 3)


def test_linear_text_learns_words_and_chinese_characters():
    english = (["a good film", "truly good", "a bad film", "truly bad"] * 3, ["pos", "pos", "neg", "neg"] * 3)
    assert baselines.linear_text(*english, ["good", "bad , bad"]) == ["pos", "neg"]
    chinese = (["很好吃", "真好", "很难吃", "真难看"] * 3, ["pos", "pos", "neg", "neg"] * 3)
    assert baselines.linear_text(*chinese, ["好", "难"]) == ["pos", "neg"]


def test_word_order_is_hidden_from_linear_models():
    """Neither single words nor neighbours tell the label of the sample `word_order`."""
    loaded = load_texts("word_order")
    assert len(loaded.texts) == 2 * word_order.PAIRS
    train, test = split_examples(len(loaded.texts), loaded.labels, (0.8, 0.2), seed=0)
    texts, labels = (
        [[column[index] for index in part] for part in (train, test)]
        for column in (loaded.texts, loaded.labels)
    )
    for longest in (1, 2):
        guess = baselines.linear_text(texts[0], labels[0], texts[1], longest=longest)
        assert metrics.accuracy(labels[1], guess) < 0.6


def test_linear_series_takes_unequal_lengths():
    rng = np.random.default_rng(0)

    def waves(sign: int) -> list[np.ndarray]:
        lengths = rng.integers(8, 20, size=12)
        return [
            (sign * np.linspace(0, 1, n)[:, None] + rng.normal(0, 0.1, (n, 2))).astype("f4") for n in lengths
        ]

    train, labels = waves(1) + waves(-1), ["up"] * 12 + ["down"] * 12
    assert baselines.linear_series(train, labels, waves(1) + waves(-1)) == labels


def test_real_floors(shared_data):
    """The floors that the data sets' index states, computed apart from this code: about 91 and 95."""
    train, test = (load_texts(shared_data / "trec" / f"{part}.tsv") for part in ("train", "test"))
    guess = baselines.linear_text(train.texts, train.labels, test.texts)
    assert metrics.accuracy(test.labels, guess) == pytest.approx(0.912, abs=0.01)
    vowels = [
        read_series(shared_data / "japanese_vowels" / f"JapaneseVowels_{part}.ts")
        for part in ("TRAIN", "TEST")
    ]
    guess = baselines.linear_series(vowels[0].inputs, vowels[0].labels, vowels[1].inputs)
    assert metrics.accuracy(vowels[1].labels, guess) > 0.95
