"""The classify task: texts and series, labels of any kind, reading, coding, scores, and what it refuses."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from torch import nn

import cellwright as cw
from cellwright.errors import DataError, SettingError
from cellwright.tasks.classify import code
from cellwright.tasks.classify.examples import Examples, normal
from cellwright.tasks.classify.labels import as_array, classes, from_json, to_json
from cellwright.tasks.report import page
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.plan import Plan

TEXTS = ["a good film", "a bad film !", "Good fun", "so bad", "very good indeed", "bad , bad film"] * 8
SIGNS = ["+", "-", "+", "-", "+", "-"] * 8
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def small(**settings: Any) -> cw.Classifier:
    usual = {"units": 8, "embedding": 8, "epochs": 6, "passes": 3, "learning_rate": 0.03, "dropout": 0.0}
    return cw.Classifier(**{**usual, "embedding_dropout": 0.0, **settings})


def waves(count: int = 48, seed: int = 0) -> tuple[list[np.ndarray], list[int]]:
    """Two channels, 4 to 9 steps, far from 0: the label says which channel rises."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for k in range(count):
        steps = int(rng.integers(4, 10))
        x = 50 + rng.normal(size=(steps, 2)) * [1, 20]
        x[:, k % 2] += np.linspace(0, [10, 200][k % 2], steps)
        X.append(x)
        y.append(k % 2)
    return X, y


@pytest.fixture(scope="module")
def of_texts() -> cw.Classifier:
    return small().fit(TEXTS, SIGNS, test=(TEXTS[:6], SIGNS[:6]))


@pytest.fixture(scope="module")
def of_series() -> cw.Classifier:
    X, y = waves()
    return small().fit(X, y, test=0.25)


class TestFitAndPredict:
    def test_texts(self, of_texts: cw.Classifier) -> None:
        assert of_texts.score(TEXTS, SIGNS) == 1.0
        assert of_texts.predict(["good", "BAD"]).tolist() == ["+", "-"]
        assert of_texts.classes_.tolist() == ["+", "-"]
        assert of_texts.predict_proba(["", "good"]).sum(axis=1) == pytest.approx([1, 1])

    def test_series(self, of_series: cw.Classifier) -> None:
        X, y = waves(seed=1)
        assert of_series.score(X, y) > 0.9
        assert of_series.predict(X).dtype == np.int64

    @pytest.mark.parametrize("cell", ["elman", "peephole", "mlp", "bow"])
    def test_every_cell_and_the_networks_without_one(self, cell: str) -> None:
        X, y = waves(24)
        for inputs, labels in ((TEXTS[:24], SIGNS[:24]), (X, y)):
            model = small(cell=cell, epochs=1).fit(inputs, labels)
            assert set(model.predict(inputs)) <= set(labels)
            assert "pairs" not in model.facts_ or cell not in model.NOT_CELLS

    def test_an_array_of_series_is_a_list_of_them(self) -> None:
        x = np.random.default_rng(0).normal(size=(12, 5, 2)).astype(np.float32)
        for array, rows in ((x, list(x)), (x[..., 0], [row[:, :1] for row in x])):
            found = normal(array, [0, 1] * 6).series
            assert all(np.array_equal(one, other) for one, other in zip(found, rows, strict=True))

    @pytest.mark.parametrize("kind", ["text", "series"])
    def test_a_batch_says_what_each_one_alone_says(
        self, kind: str, of_texts: cw.Classifier, of_series: cw.Classifier
    ) -> None:
        X = ["good", "a very bad film , so bad", "", "unheard of"] if kind == "text" else waves(9, seed=2)[0]
        model = of_texts if kind == "text" else of_series
        together = model.predict_proba(X)
        alone = np.concatenate([model.predict_proba([x]) for x in X])
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
        assert np.ptp(together[:, 0]) > 0.01

    def test_an_empty_text_is_one_unknown_token(self, of_texts: cw.Classifier) -> None:
        empty, unknown = of_texts.predict_proba(["", "zzz"])
        np.testing.assert_array_equal(empty, unknown)

    @pytest.mark.parametrize("kind", ["text", "series"])
    def test_a_saved_model_says_the_same(
        self, kind: str, tmp_path: Path, of_texts: cw.Classifier, of_series: cw.Classifier
    ) -> None:
        model, X = (of_texts, TEXTS) if kind == "text" else (of_series, waves()[0])
        model.save(tmp_path / "run")
        loaded = cw.Classifier.load(tmp_path / "run")
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
        assert loaded.classes_.tolist() == model.classes_.tolist()
        assert loaded.metrics_ == model.metrics_

    def test_scikit_learn_can_clone_and_cross_validate(self) -> None:
        model = small(epochs=1, valid=0.0)
        assert clone(model).get_params() == model.get_params()
        assert len(cross_val_score(model, np.array(TEXTS, dtype=object), SIGNS, cv=2)) == 2

    def test_the_same_seed_gives_the_same_model(self, of_texts: cw.Classifier) -> None:
        again = small().fit(TEXTS, SIGNS)
        np.testing.assert_array_equal(again.predict_proba(TEXTS), of_texts.predict_proba(TEXTS))


class TestLabels:
    @pytest.mark.parametrize(
        "kinds", [("b", "a"), (2, 1), (True, False), (1.5, -0.5), ((1, "a"), (0, "b")), ("a", 1)]
    )
    def test_any_kind_comes_back_as_it_was(self, kinds: tuple[Any, Any], tmp_path: Path) -> None:
        small(epochs=1).fit(TEXTS, list(kinds) * 24).save(tmp_path / "run")
        model = cw.Classifier.load(tmp_path / "run")
        assert set(model.classes_.tolist()) == set(kinds)
        said = model.predict(TEXTS).tolist()
        assert set(said) <= set(kinds)
        assert {type(label) for label in said} <= {type(label) for label in kinds}
        assert 0 <= model.score(TEXTS, list(kinds) * 24) <= 1

    def test_numpy_labels_are_plain_ones(self) -> None:
        assert normal(TEXTS, np.arange(48) % 2).labels == [0, 1] * 24

    def test_json_and_back(self) -> None:
        for label in ("a", 1, 1.5, True, (1, ("b", False))):
            assert from_json(to_json(label)) == label
        assert as_array([(1, 2), (3, 4)]).tolist() == [(1, 2), (3, 4)]
        assert classes([(2,), (1,), (2,)]) == [(1,), (2,)]

    def test_a_number_in_a_file_is_its_text(self) -> None:
        facts = {"labels": [1, 2]}
        part = Examples("text", ["a", "b"], ["2", 1])
        assert code.encoded_labels(part, facts).tolist() == [1, 0]

    def test_a_class_of_one_example_is_trained_on(self) -> None:
        train, valid, held = small(valid=0.2).parts([*TEXTS, "odd"], [*SIGNS, "?"], 0.2)
        assert valid is not None
        assert held is not None
        assert "?" in train.known()
        assert len(train) + len(valid) + len(held) == 49


def facts_of(labels: list[int]) -> dict[str, Any]:
    part = Examples("series", [np.ones((2, 1), np.float32)] * len(labels), labels)
    return code.label_facts(part) | code.series_facts(part.series)


class TestScores:
    def test_beside_the_baselines(self, of_series: cw.Classifier) -> None:
        metrics = of_series.metrics_
        assert set(metrics["test"]) == {"accuracy", "macro_f1", "loss"}
        assert set(metrics["baselines"]) == {"majority", "linear"}
        assert metrics["baselines"]["majority"]["accuracy"] == pytest.approx(0.5)

    def test_are_those_of_the_predictions(self, of_texts: cw.Classifier) -> None:
        X, y = [*TEXTS[:5], "film"], [*SIGNS[:5], "-"]
        found, p = of_texts.measure(X, y), of_texts.predict_proba(X)
        right = p[np.arange(6), [of_texts.classes_.tolist().index(label) for label in y]]
        assert found["loss"] == pytest.approx(-np.log(right).mean(), rel=1e-5)
        assert found["accuracy"] == pytest.approx((of_texts.predict(X) == y).mean())

    def test_the_report_has_a_confusion_matrix_and_predictions(self, of_series: cw.Classifier) -> None:
        shown = of_series.metrics_["examples"]
        matrix = np.array(shown["confusion"]["matrix"])
        assert matrix.sum() == 12
        assert np.trace(matrix) / 12 == pytest.approx(of_series.metrics_["test"]["accuracy"])
        assert shown["confusion"]["labels"] == ["0", "1"]
        assert all(one["truth"] == one["predicted"] for one in shown["predictions"][-1:])
        assert {"values", "truth", "predicted", "probability"} == set(shown["predictions"][0])

    def test_what_counted_is_coloured_over_the_text(self) -> None:
        """The one word that tells the label is weighed most once it is learnt."""
        model = small(pooling="attention", lower=True).fit(TEXTS, SIGNS, test=(TEXTS[:6], SIGNS[:6]))
        assert model.score(TEXTS, SIGNS) == 1.0
        for one in model.metrics_["examples"]["predictions"]:
            assert one["tokens"] == code.Vocabulary.from_json(model.facts_["vocabulary"]).tokens(one["text"])
            assert len(one["weights"]) == len(one["tokens"])
            assert sum(one["weights"]) == pytest.approx(1, abs=1e-3)
        text = page(model, title="Signs", command="")
        assert 'class="weight"' in text and 'title="0.' in text

    def test_balance_weighs_a_class_by_its_rarity(self) -> None:
        model = small(balance=True, smoothing=0.0)
        network = model.build(
            None if model.cell in model.NOT_CELLS else cw.cells.lstm, facts_of([1, 0, 0, 0])
        )
        batch = Padded(
            torch.ones(2, 4, 1), torch.tensor([2] * 4), torch.arange(4), torch.tensor([1, 0, 0, 0])
        )
        each = nn.functional.cross_entropy(network(batch.x, batch.lengths), batch.y, reduction="none")
        rare, frequent = each[0], each[1:]
        assert model.loss(network, batch, None).mean.item() == pytest.approx(
            ((rare + frequent.mean()) / 2).item(), rel=1e-5
        )

    def test_of_equal_scores_the_one_with_the_lower_loss_is_kept(self) -> None:
        network, feed = nn.Linear(1, 1), Bucketed(Ragged([[1.0]] * 4), torch.zeros(4), batch_size=4)
        seen = iter([(0.5, 0.9), (0.75, 0.8), (0.75, 0.3), (0.75, 0.5), (0.7, 0.1)])
        outcome = loop.train(
            network,
            feed,
            lambda network, batch, state: loop.Loss(network(batch.x[0, :, None]).square().mean(), 4),
            Plan(epochs=5, watch="accuracy", mode="max"),
            validate=lambda network: dict(zip(("accuracy", "loss"), next(seen), strict=True)),
        )
        assert (outcome.best_epoch, outcome.best_score) == (3, 0.75)


def fit(X: Any, y: Any = None, **settings: Any) -> None:
    small(epochs=1, **settings).fit(X, y)


def a_file(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


SERIES = waves(12)[0]
REFUSALS = {
    "one class": (lambda t: fit(TEXTS, ["a"] * 48), "one class only (y): got 'a', expected at least two"),
    "one class, no validation": (lambda t: fit(TEXTS, ["a"] * 48, valid=0), "one class only"),
    "lengths": (lambda t: fit(TEXTS, SIGNS[:-1]), "X and y differ in length: got 48 and 47"),
    "no labels": (lambda t: fit(TEXTS), "there are no labels"),
    "nothing": (lambda t: fit([], []), "there are no examples"),
    "one text": (lambda t: fit("good film", ["+"]), "one text instead of a list of texts (X): got 'good film'"),
    "mixed": (lambda t: fit(["a", 3.0], [0, 1]), "an input that is no text (X, example 2): got float"),
    "missing text": (lambda t: fit(["a", None], [0, 1]), "an input that is no text (X, example 2): got NoneType"),
    "blank texts": (lambda t: fit([" ", ""] * 9, [0, 1] * 9), "no token in the texts"),
    "channels": (
        lambda t: fit([*SERIES[:-1], np.ones((4, 3))], [0, 1] * 6),
        "series with different numbers of channels (X, series 12): got 3, expected 2, as series 1",
    ),
    "empty series": (lambda t: fit([np.zeros((0, 2))], [0]), "a series of the wrong shape (X, series 1)"),
    "infinite": (
        lambda t: fit([*SERIES[:-1], np.full((4, 2), np.inf)], [0, 1] * 6),
        "an infinite value (X, series 12, step 1)",
    ),
    "no values": (lambda t: fit([np.full((4, 1), np.nan)] * 12, [0, 1] * 6), "a channel without any value"),
    "not numbers": (lambda t: fit([[1, "x"], [2, 3]], [0, 1]), "an input that is neither text nor numbers (X, series 1)"),
    "ragged": (lambda t: fit([[[1, 2], [3]], [[1, 2]]], [0, 1]), "an input that is neither text nor numbers"),
    "missing label": (lambda t: fit(TEXTS, ["a", None] * 24), "a label is missing (y, example 2)"),
    "NaN label": (lambda t: fit(TEXTS, [1.0, float("nan")] * 24), "a label is missing (y, example 2)"),
    "odd label": (lambda t: fit(TEXTS, [object(), "a"] * 24), "a label that cannot be kept in a file (y, example 1)"),
    "labels no list": (lambda t: fit(TEXTS, "+-"), "labels that are no list (y)"),
    "too few": (lambda t: fit(["a", "b"], [0, 1]), "too few examples to split"),
    "empty column": (
        lambda t: fit(a_file(t, "a.csv", "text,label\n,+\n,-\n"), text="text"),
        "the text column is empty",
    ),
    "no label column": (lambda t: fit(a_file(t, "a.csv", "text\nfine\nbad\n")), "no column to take as the label"),
    "no such column": (lambda t: fit(a_file(t, "a.csv", "text,label\na,b\n"), text="txt"), "did you mean text?"),
    "number garbage": (
        lambda t: fit(a_file(t, "a.csv", "t1,t2,t3,class\n1,2,3,a\n1,2x,3,b\n1,2,3,a\n"), label="class"),
        "text in a numeric column",
    ),
    "no rows left": (
        lambda t: fit(a_file(t, "a.csv", "text,label\nfine,\n,bad\n"), text="text", label="label"),
        "no example with both input and label",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.filterwarnings("ignore:.*missing values")
def test_refusals_are_one_line(name: str, tmp_path: Path) -> None:
    act, message = REFUSALS[name]
    with pytest.raises(DataError) as refused:
        act(tmp_path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_training_has_not_seen_is_named(of_texts: cw.Classifier, of_series: cw.Classifier) -> None:
    with pytest.raises(
        DataError, match=r"labels that training has not seen \(y\): got \*, \?, expected \+, -"
    ):
        of_texts.measure(["a", "b", "c"], ["?", "+", "*"])
    with pytest.raises(DataError, match="another kind of input than in training: got series, expected text"):
        of_texts.predict([np.ones((3, 1))])
    with pytest.raises(DataError, match=r"another number of channels.*\(series 1\): got 3, expected 2"):
        of_series.predict([np.ones((4, 3))])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "sum"}, "pooling must be one of max, mean, last"),
        ({"tokens": "words"}, "did you mean word"),
        ({"embedding": 0}, "embedding must be at least 1"),
        ({"word_dropout": 1.0}, "word_dropout must be less than 1"),
        ({"max_tokens": 2}, "max_tokens must be 0 or at least 3"),
        ({"text": "a", "label": "a"}, "text and label must be two columns, got a for both"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        cw.Classifier(**settings).fit(TEXTS, SIGNS)


def test_only_a_recurrent_network_tells_the_order_of_words() -> None:
    spec = importlib.util.spec_from_file_location("word_order", EXAMPLES / "word_order.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    models = example.main(epochs=4, cells=("gru", "bow"))
    scores = {cell: model.metrics_["test"]["accuracy"] for cell, model in models.items()}
    assert scores["gru"] > 0.97
    assert scores["bow"] < 0.6
    assert models["gru"].predict(["我爱中国", "中国爱我"]).tolist() == ["person", "place"]
