"""Examples as numbers: tokens and pairs, scales of the training part alone, missing values, passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cellwright as cw
from cellwright.errors import RunError
from cellwright.tasks.classify import code
from cellwright.tasks.classify.examples import Examples
from cellwright.tasks.training.batches import Bucketed, Ragged
from cellwright.tasks.vocab import Vocabulary

Waves = tuple[list[np.ndarray], list[int]]


def small(**settings: Any) -> cw.Classifier:
    return cw.Classifier(**{"units": 4, "epochs": 1, "passes": 1, **settings})


@pytest.fixture
def waves() -> Waves:
    """Series of two channels of very different scales, far from 0."""
    rng = np.random.default_rng(0)
    X = [50 + rng.normal(size=(int(rng.integers(4, 10)), 2)) * [1, 20] for _ in range(24)]
    return X, [0, 1] * 12


def test_pairs_are_neighbours_seen_twice() -> None:
    facts, _ = code.text_facts(
        ["a b c", "a b d", "b a"], "word", lower=True, min_count=1, max_tokens=0, pairs=True
    )
    vocabulary = Vocabulary.from_json(facts["vocabulary"])
    a, b = vocabulary.encode("a b")
    size = len(vocabulary)
    assert facts["pairs"] == sorted([0 * size + a, a * size + b])
    coded = code.encoded(Examples("text", ["a b z a"]), facts | {"kind": "text"}, 0)
    x, _ = coded.pad([0])
    places = {pair: k + 2 for k, pair in enumerate(facts["pairs"])}
    assert x[:, 0, 1].tolist() == [places[a], places[a * size + b], 1, 1]
    assert x[:, 0, 0].tolist() == [a, b, 1, a]
    assert code.sizes(facts) == [size, 4]


def test_beginnings_and_endings_seen_twice_stand_beside_the_words() -> None:
    texts = ["asking questions", "asked Questioned", "who"]
    facts, _ = code.text_facts(texts, "word", lower=True, min_count=1, max_tokens=0, pairs=True, affixes=True)
    assert facts["affixes"] == [["ques"], []]
    coded = code.encoded(Examples("text", ["questionable who", ""]), facts | {"kind": "text"}, 0)
    x, _ = coded.pad([0])
    assert x[:, 0, 2].tolist() == [2, 1] and x[:, 0, 3].tolist() == [1, 1]
    assert code.sizes(facts)[2:] == [3, 2]
    assert coded.pad([1])[0].tolist() == [[[1, 1, 1, 1]]]


def test_scripts_without_blanks_have_no_affixes() -> None:
    facts, _ = code.text_facts(
        ["我爱中国"] * 2, "auto", lower=True, min_count=1, max_tokens=0, pairs=False, affixes=True
    )
    assert "affixes" not in facts


def test_the_end_of_a_long_text_is_not_read() -> None:
    facts, _ = code.text_facts(["a b c"], "word", lower=True, min_count=1, max_tokens=0, pairs=False)
    coded = code.encoded(Examples("text", ["a b c a b", "a"]), facts | {"kind": "text"}, 3)
    assert coded.lengths.tolist() == [3, 1]


def test_a_handful_of_texts_keeps_its_rare_words() -> None:
    facts, _ = code.text_facts(["one", "two"], "word", lower=True, min_count=2, max_tokens=0, pairs=False)
    assert facts["vocabulary"]["tokens"] == ["<pad>", "<unk>", "one", "two"]


def test_scales_come_from_the_training_part_alone(waves: Waves) -> None:
    X, y = waves
    model = small().fit(X, y, test=0.25)
    train, _, _ = model.parts(X, y, 0.25)
    steps = np.concatenate(train.series)
    np.testing.assert_allclose(model.facts_["mean"], steps.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(model.facts_["scale"], steps.std(axis=0), rtol=1e-5)


def test_a_missing_value_is_the_mean_and_said(waves: Waves) -> None:
    model, x = small().fit(*waves), waves[0][0].astype(np.float32)
    gap, mean = x.copy(), x.copy()
    gap[1, 0], mean[1, 0] = np.nan, model.facts_["mean"][0]
    with pytest.warns(UserWarning, match=r"1 missing values \(NaN\) count as their channel's mean"):
        found = model.predict_proba([gap])
    np.testing.assert_allclose(found, model.predict_proba([mean]), atol=1e-6)


def test_series_with_gaps_can_be_trained_on(waves: Waves) -> None:
    X, y = waves
    X[3][0, 1] = np.nan
    with pytest.warns(UserWarning, match="1 missing"):
        model = small().fit(X, y, test=0.25)
    assert np.isfinite(model.metrics_["valid"]["loss"])


def test_a_constant_channel_stays_finite(waves: Waves) -> None:
    X = [np.column_stack([x[:, 0], np.full(len(x), 7.0)]) for x in waves[0]]
    model = small().fit(X, [0, 1] * 12)
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("start", [0, 1, 2, 3, 5, 6])
def test_passes_go_on_where_they_stopped(start: int) -> None:
    feed = code.Passes(Bucketed(Ragged([[k] for k in range(5)]), batch_size=2), 2)
    whole = [batch.index.tolist() for batch in feed.epoch(1)]
    assert len(whole) == len(feed) == 6
    assert [batch.index.tolist() for batch in feed.epoch(1, start)] == whole[start:]
    assert sorted(k for batch in whole[:3] for k in batch) == list(range(5))
    assert sorted(k for batch in whole[3:] for k in batch) == list(range(5))


def test_tampered_pairs_are_refused() -> None:
    facts, _ = code.text_facts(["a b", "a b"], "word", lower=True, min_count=1, max_tokens=0, pairs=True)
    with pytest.raises(RunError, match="pairs of tokens that cannot be trusted"):
        code.encoded(Examples("text", ["a"]), facts | {"kind": "text", "pairs": [7, 3]}, 0)
