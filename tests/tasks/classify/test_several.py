"""Several labels for one example: reading, scores, the threshold, training, answers, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import f1_score

import cellwright as cw
from cellwright.cli import main
from cellwright.errors import DataError
from cellwright.tasks import baselines
from cellwright.tasks.classify import several
from cellwright.tasks.classify.examples import normal
from cellwright.tasks.classify.read import read
from cellwright.tasks.networks import Ensemble
from cellwright.tasks.report import page
from cellwright.tasks.report.classes import by_label, predictions

WORDS = {"film": "a film", "food": "fine food", "far": "far away"}


def texts(count: int = 80) -> tuple[list[str], list[list[str]]]:
    """A text says what its labels are; every eighth says nothing and has none."""
    found = [[name for k, name in enumerate(WORDS) if number >> k & 1] for number in range(count)]
    return [" ; ".join(WORDS[name] for name in labels) or "nothing here" for labels in found], found


def small(**settings: Any) -> cw.Classifier:
    usual = {"units": 8, "embedding": 8, "epochs": 3, "passes": 8, "learning_rate": 0.03, "dropout": 0.0}
    return cw.Classifier(**{**usual, "embedding_dropout": 0.0, "word_dropout": 0.0, **settings})


@pytest.fixture(scope="module")
def model() -> cw.Classifier:
    return small().fit(*texts(), test=0.25)


def a_file(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


class TestScores:
    def test_they_are_those_of_scikit_learn(self) -> None:
        rng = np.random.default_rng(0)
        truth, said = rng.random((50, 6)) < 0.3, rng.random((50, 6)) < 0.4
        found = several.scores(truth, said)
        assert found["micro_f1"] == pytest.approx(f1_score(truth, said, average="micro"))
        assert found["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
        assert found["subset_accuracy"] == np.mean(
            [list(a) == list(b) for a, b in zip(truth, said, strict=True)]
        )
        for k, row in enumerate(several.by_label(list("abcdef"), truth, said)):
            assert row["f1"] == pytest.approx(f1_score(truth[:, k], said[:, k]), abs=1e-4)

    def test_a_label_that_never_occurs_is_not_in_the_mean(self) -> None:
        truth, said = np.array([[1, 0], [1, 0]], bool), np.array([[1, 0], [0, 0]], bool)
        assert several.scores(truth, said)["macro_f1"] == pytest.approx(2 / 3)
        assert several.by_label(["a", "b"], truth, said)[1] == {
            "label": "b", "true": 0, "said": 0, "precision": None, "recall": None, "f1": None
        }  # fmt: skip

    @pytest.mark.parametrize("seed", range(4))
    def test_no_other_threshold_is_better(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        truth, shares = rng.random((20, 4)) < 0.3, rng.integers(0, 9, (20, 4)).astype(np.float32) / 8
        chosen = several.threshold(truth, shares)
        found = several.scores(truth, shares >= chosen)["micro_f1"]
        others = [several.scores(truth, shares >= k / 16)["micro_f1"] for k in range(1, 17)]
        assert found == pytest.approx(max(others))

    def test_without_a_true_label_it_is_a_half(self) -> None:
        assert several.threshold(np.zeros((3, 2), bool), np.full((3, 2), 0.9, np.float32)) == 0.5

    def test_rare_labels_weigh_more_where_asked(self) -> None:
        assert several.rarity(torch.tensor([10.0, 50.0]), 100).tolist() == [9.0, 1.0]

    def test_the_linear_baseline_is_a_machine_for_each_label(self) -> None:
        X, y = texts()
        marks = np.array([[name in row for name in WORDS] + [True, False] for row in y])
        said = baselines.linear_text(X[:40], marks[:40], X[40:])
        for k in range(3):
            alone = baselines.linear_text(X[:40], [str(v) for v in marks[:40, k]], X[40:])
            assert [str(v) for v in said[:, k]] == alone
        assert said[:, 3].all() and not said[:, 4].any()

    def test_an_ensemble_averages_the_probabilities_of_each_label(self) -> None:
        logits = torch.randn(3, 5, 4, dtype=torch.float64)

        class Said(torch.nn.Module):
            def __init__(self, k: int) -> None:
                super().__init__()
                self.k = k

            def forward(self, x: Any, lengths: Any) -> torch.Tensor:
                return logits[self.k]

        found = Ensemble([Said(k) for k in range(3)], several=True).eval()(None, None).sigmoid()
        torch.testing.assert_close(found, logits.sigmoid().mean(0))


class TestTraining:
    def test_labels_are_learnt_each_by_itself(self, model: cw.Classifier) -> None:
        assert model.metrics_["score"] == model.watched == "micro_f1"
        assert model.metrics_["test"]["micro_f1"] > 0.95
        assert set(model.metrics_["baselines"]) == {"majority", "linear"}
        said = model.predict(["a film ; far away", "nothing here"])
        assert [sorted(row) for row in said] == [["far", "film"], []]
        shares = model.predict_proba(["a film ; fine food ; far away"])[0]
        assert shares.sum() > 2 and model.classes_.tolist() == ["far", "film", "food"]

    def test_the_loss_is_the_mean_over_labels_and_weighs_rare_ones(self, model: cw.Classifier) -> None:
        part = model.take(*texts(24))
        for balance in (False, True):
            other = small(balance=balance)
            facts = other.learn(part)
            network = other.build(other.find_cell(), facts).eval()
            batch = next(iter(other.feed(other.encode(part, facts)).epoch(0)))
            p, y = network(batch.x, batch.lengths).sigmoid(), batch.y
            weight = network.class_weight if balance else torch.ones(3)
            wanted = -(weight * y * p.log() + (1 - y) * (1 - p).log()).mean()
            assert other.loss(network, batch, None).mean.item() == pytest.approx(wanted.item(), rel=1e-4)

    def test_an_untrained_network_says_how_often_a_label_is_true(self) -> None:
        X, y = texts(64)
        part = normal(X, [[*row, "all"] for row in y])
        for ensemble in (1, 2):
            model = small(ensemble=ensemble, units=4)
            facts = model.learn(part)
            network = model.build(model.find_cell(), facts).eval()
            for head in (module for name, module in network.named_modules() if name.endswith("head")):
                head.weight.data.zero_()
            coded = model.encode(part, facts)
            shares = model._probabilities(network, coded.inputs).mean(0)
            torch.testing.assert_close(shares, coded.labels.mean(0), rtol=0, atol=0.01)
        even = small(balance=True)
        assert even.build(even.find_cell(), facts).head.bias.abs().max() < 1

    def test_the_threshold_is_the_validation_parts(self, model: cw.Classifier) -> None:
        _, valid, _ = model.parts(*texts(), 0.25)
        coded = model.encode(valid, model.facts_)
        shares = model.predict_proba(valid.texts)
        assert model.facts_["threshold"] == several.threshold(coded.labels.numpy() > 0, shares)
        assert small(valid=0, epochs=1, passes=1).fit(*texts(16)).facts_["threshold"] == 0.5

    def test_marks_are_taken_as_well_as_lists_and_sets(self, model: cw.Classifier) -> None:
        X, y = texts(16)
        marks = np.array([[int(name in row) for name in WORDS] for row in y])
        as_sets = normal(X, [frozenset(row) for row in y])
        assert normal(X, y).sets() == as_sets.sets() and normal(X, marks).sets()[3] == {0, 1}
        assert small(epochs=1, passes=1).fit(X, marks).classes_.tolist() == [0, 1, 2]

    def test_a_run_is_loaded_as_it_was(self, model: cw.Classifier, tmp_path: Path) -> None:
        model.save(tmp_path / "run")
        again = cw.Classifier.load(tmp_path / "run")
        assert again.measure(*texts(16)) == model.measure(*texts(16))
        assert again.watched == "micro_f1"

    def test_after_one_label_each_the_score_is_accuracy_again(self) -> None:
        X, y = texts(16)
        other = small(epochs=1, passes=1).fit(X, y)
        other.fit(X, [str(len(row) > 1) for row in y])
        assert other.watched == "accuracy" and other.predict(X[:2]).tolist()[0] in ("True", "False")

    @pytest.mark.parametrize("bidirectional", [False, True])
    def test_series_and_their_live_stream(self, bidirectional: bool) -> None:
        rng = np.random.default_rng(0)
        marks = rng.integers(0, 2, (24, 2))
        X = [rng.normal(size=(int(rng.integers(4, 8)), 2)) + 2 * row for row in marks]
        other = small(epochs=1, passes=4, bidirectional=bidirectional).fit(X, marks, test=0.25)
        stream = cw.Stream(other)
        for t, row in enumerate(X[0], start=1):
            answer = stream.push(row.tolist())
            wanted = other.answers(other.predict_proba([X[0][:t]]))[0]
            assert answer["labels"] == wanted["labels"] and answer["steps"] == t
            assert answer["probabilities"] == pytest.approx(wanted["probabilities"], abs=2e-4)

    def test_every_label_stays_in_what_is_trained_on(self) -> None:
        X, y = texts(32)
        y[5] = [*y[5], "once"]
        part = normal(X, y)
        for seed in range(5):
            rest, held = part.split(0.4, seed)
            assert "once" in {label for one in rest.sets() for label in one}
            assert len(rest) + len(held) == 32
        assert all(
            "once" in {label for one in rest.sets() for label in one} for rest, _ in small().folds(part, 3)
        )


class TestFiles:
    def test_columns_of_marks(self, tmp_path: Path) -> None:
        path = a_file(
            tmp_path, "a.csv", "text,film,food,n\nbad film,1,0,7\nno,0,false,8\nboth,True,1,9\nwho,,,3\n"
        )
        found = read(path, label="film,food")
        assert found.labels == [{"film"}, frozenset(), {"film", "food"}, None]
        assert found.columns == {"text": "text", "label": "film,food"}
        assert "label = film, food" in found.note and "1 texts with none of the labels" in found.note
        assert "1 rows without text or label are left out" in found.note

    def test_a_separator(self, tmp_path: Path) -> None:
        path = a_file(tmp_path, "a.tsv", "text\tlabel\nboth\tfilm; food\nno\t\none\tfilm\n")
        found = read(path, separator=";")
        assert found.labels == [{"film", "food"}, frozenset(), {"film"}]

    def test_lists(self, tmp_path: Path) -> None:
        lines = '{"text": "both", "label": ["film", 2]}\n{"text": "no", "label": []}\n{"text": "who"}\n'
        assert read(a_file(tmp_path, "a.jsonl", lines)).labels == [{"film", "2"}, frozenset(), None]
        pl.DataFrame({"text": ["both", "no"], "label": [["a", "b"], []]}).write_parquet(
            tmp_path / "a.parquet"
        )
        assert read(tmp_path / "a.parquet").labels == [{"a", "b"}, frozenset()]

    def test_a_column_whose_name_has_a_comma_is_one(self, tmp_path: Path) -> None:
        path = a_file(tmp_path, "a.csv", 'text,"a,b"\none,x\ntwo,y\n')
        assert read(path, label="a,b").labels == ["x", "y"]

    def test_from_the_command_line_and_back(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        X, y = texts(40)
        rows = "".join(f'"{x}",{";".join(labels)}\n' for x, labels in zip(X, y, strict=True))
        data, run = str(a_file(tmp_path, "a.csv", "text,label\n" + rows)), tmp_path / "run"
        tiny = ["--units", "8", "--embedding", "8", "--epochs", "1", "--passes", "2", "--quiet"]
        assert main(["train", "classify", data, "--separator", ";", "--out", str(run), *tiny]) == 0
        printed = capsys.readouterr().out
        assert "micro-F1" in printed and "subset accuracy" in printed
        assert "Label by label" in (run / "report.html").read_text(encoding="utf-8")
        assert main(["predict", str(run), data, "--quiet"]) == 0
        table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert list(table[0]) == ["text", "labels", "probabilities"]
        model = cw.Classifier.load(run)
        assert [row["labels"] for row in table] == [";".join(row) for row in model.predict(X)]
        assert main(["evaluate", str(run), data, "--quiet"]) == 0
        assert "micro-F1" in capsys.readouterr().out


def test_the_report_says_what_colours_mean_where_there_are_any() -> None:
    one = {"text": "a film", "truth": "film", "predicted": "film"}
    assert "the more it counted" not in str(predictions([one]))
    text = str(predictions([one | {"tokens": ["a", "film"], "weights": [0.2, 0.8]}]))
    assert "the more it counted" in text and "--share:0.600" in text and "--share:0.150" in text


def test_the_report_has_a_row_for_each_label(model: cw.Classifier) -> None:
    rows = model.metrics_["examples"]["by_label"]
    assert sum(row["true"] for row in rows) == sum(len(row) for row in model.parts(*texts(), 0.25)[2].sets())
    text = str(by_label(rows))
    assert [text.index(name) for name in WORDS] and text.count("<tr>") == 4
    assert "Label by label" in page(model) and "micro-F1" in page(model)


REFUSALS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a mark of 2": (
        lambda t: read(a_file(t, "a.csv", "text,a,b\nx,1,0\ny,0,2\n"), label="a,b"),
        "a label that is neither 0 nor 1 (",
    ),
    "the place of it": (
        lambda t: read(a_file(t, "a.csv", "text,a,b\nx,1,0\ny,0,2\n"), label="a,b"),
        "a.csv, line 3, column b): got '2', expected 0 or 1",
    ),
    "half empty": (
        lambda t: read(a_file(t, "a.csv", "text,a,b\nx,1,\ny,0,1\n"), label="a,b"),
        "line 2, column b): got ''",
    ),
    "no such column": (
        lambda t: read(a_file(t, "a.csv", "text,film,food\nx,1,0\ny,0,1\n"), label="film,fod"),
        "did you mean food?",
    ),
    "no separator": (
        lambda t: read(a_file(t, "a.csv", "text,label\nx,a\ny,b\n"), separator=";"),
        "no cell of the label column holds the separator (",
    ),
    "not all lists": (
        lambda t: read(a_file(t, "a.jsonl", '{"text": "x", "label": ["a"]}\n{"text": "y", "label": "b"}\n')),
        "a.jsonl, line 2, column label): got 'b', expected a list of texts or numbers",
    ),
    "a list of lists": (
        lambda t: read(a_file(t, "a.jsonl", '{"text": "x", "label": [["a"]]}\n{"text": "y", "label": ["b"]}\n')),
        "a cell that is no list of labels",
    ),
    "some and some": (
        lambda t: small().fit(*(texts(16)[0], [["a"], "b"] * 8)),
        "one label for some examples, several for others (y, example 2): got 'b'",
    ),
    "an array of 2": (
        lambda t: small().fit(texts(16)[0], np.array([[0, 1], [1, 2]] * 8)),
        "a mark that is neither 0 nor 1 (y, row 2, column 2): got",
    ),
    "an array of text": (
        lambda t: small().fit(texts(16)[0], np.array([["a", "b"]] * 16)),
        "a mark that is neither 0 nor 1 (y, row 1, column 1)",
    ),
    "one label": (lambda t: small().fit(texts(16)[0], [["a"], []] * 8), "one class only (y): got 'a'"),
    "a missing one": (
        lambda t: small().fit(texts(16)[0], [["a", None], ["b"]] * 8), "a label is missing (y, example 1)"
    ),
    "no label at all": (lambda t: small().fit(texts(16)[0], [[]] * 16), "one class only (y)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_are_one_line(name: str, tmp_path: Path) -> None:
    act, message = REFUSALS[name]
    with pytest.raises(DataError) as refused:
        act(tmp_path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_labels_than_in_training_are_refused(model: cw.Classifier) -> None:
    with pytest.raises(DataError, match=r"got one label each, expected several labels each"):
        model.measure(["a film"], ["film"])
    with pytest.raises(
        DataError, match=r"labels that training has not seen \(y\): got book, expected far, film"
    ):
        model.measure(["a film"], [["film", "book"]])
    one = small(epochs=1, passes=1).fit(["good", "bad"] * 8, ["+", "-"] * 8)
    with pytest.raises(DataError, match="got several labels each, expected one label each"):
        one.measure(["good"], [["+"]])
