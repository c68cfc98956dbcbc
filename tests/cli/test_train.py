"""train, evaluate, predict, generate: from a data file to a run and back, for every task."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cellwright.cli import predict as predict_verb
from cellwright.cli.announce import Announced
from cellwright.runtime.choose import BACKENDS
from cellwright.tasks.load import load_run

CLASSIFY = ("train", "classify", "texts.csv", "--units", "4", "--embedding", "4", "--passes", "5")


@pytest.mark.parametrize("task", ["classify", "forecast", "generate"])
def test_a_run_folder_holds_what_the_design_says(trained: Callable[[str], Path], task: str) -> None:
    folder = trained(task)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "model.safetensors",
        "model.json",
        "history.jsonl",
        "metrics.json",
        "report.html",
        "last",
    }
    page = (folder / "report.html").read_text()
    assert "<html" in page and f"cellwright train {task}" in page
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["task"] == task and metrics["baselines"] and metrics["test"]


def test_train_says_what_it_does(call, tmp_path: Path) -> None:
    said = call(*CLASSIFY, "--epochs", "1", "--cell", "gru", "--no-bidirectional")
    assert said.code == 0
    notices = said.err.splitlines()
    assert notices[0] == "data: 40 texts, text = text, label = label (guessed; set --text, --label)"
    assert notices[1] == "split: train 29, validation 3, test 8"
    assert notices[2] == f"model: gru, 1 layer of 4 units; runs on: {BACKENDS[0]}"
    assert re.match(r"training \d+ parameters, ", notices[3])
    assert re.match(r"epoch 1/1  loss ", notices[4])
    results = said.out.splitlines()
    assert results[0].split() == ["on", "the", "test", "part", "accuracy", "macro-F1", "loss"]
    assert [line.split()[0] for line in results[1:4]] == ["gru", "majority", "linear"]
    assert "baseline" in results[4]
    assert results[6:] == [
        "run   runs/classify-texts",
        "page  runs/classify-texts/report.html",
        "next  cellwright predict runs/classify-texts NEW_DATA",
    ]
    assert (tmp_path / "runs" / "classify-texts" / "report.html").is_file()


def test_the_table_is_what_the_metrics_say(call, tmp_path: Path) -> None:
    said = call(*CLASSIFY, "--epochs", "1", "--quiet", "--out", "a")
    assert said.code == 0 and said.err == ""
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    accuracy = said.out.splitlines()[1].split()[1]
    assert float(accuracy) == pytest.approx(metrics["test"]["accuracy"], abs=1e-4)


def test_settings_of_the_command_line_reach_the_estimator(call) -> None:
    options = (
        "--epochs",
        "2",
        "--dropout",
        "0.25",
        "--lower",
        "--no-pairs",
        "--schedule",
        "constant",
        "--seed",
        "7",
    )
    assert call(*CLASSIFY, *options, "--out", "a").code == 0
    found = load_run("a").settings()
    wanted = {"units": 4, "embedding": 4, "epochs": 2, "dropout": 0.25, "pairs": False, "seed": 7}
    assert {name: found[name] for name in wanted} == wanted and found["schedule"] == "constant"


def test_a_cell_of_the_users_own_file_trains_and_loads_without_it(call, tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text(
        "from cellwright import cell, tanh\n@cell\ndef fast(x, h, *, W, u):\n    h = tanh(W @ x + u * h)\n    return h\n"
    )
    assert call(*CLASSIFY, "--epochs", "1", "--cell", "mine.py:fast", "--out", "a").code == 0
    source.unlink()
    assert call("evaluate", "a", "texts.csv").code == 0


def test_a_test_file_of_its_own(call, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("text,label\na good film,good\na bad film,bad\nbad again,bad\n")
    said = call(*CLASSIFY, "--epochs", "1", "--test", "other.csv", "--out", "a")
    assert said.code == 0 and "split: train 36, validation 4, test 3" in said.err
    measured = json.loads(call("evaluate", "a", "other.csv", "--json").out)
    assert measured == json.loads((tmp_path / "a" / "metrics.json").read_text())["test"]


def test_without_a_test_part_the_score_is_that_of_the_validation(call) -> None:
    said = call(*CLASSIFY, "--epochs", "1", "--test", "none", "--out", "a")
    assert said.code == 0 and said.out.startswith("on the validation part")


def test_force_replaces_a_run(call, run) -> None:
    folder = run("classify")
    assert call(*CLASSIFY, "--units", "5", "--epochs", "1", "--out", str(folder), "--force").code == 0
    assert load_run(folder).units == 5


def test_interrupted_saved_resumed_the_same(call, monkeypatch, tmp_path: Path) -> None:
    options = ("--epochs", "3", "--units", "3", "--cell", "elman", "--learning-rate", "0.01")
    assert call(*CLASSIFY, *options, "--out", "whole").code == 0
    real, count = Announced.batch, [0]

    def stopping(self: Announced, epoch: int, batch: int, loss: float) -> None:
        real(self, epoch, batch, loss)
        count[0] += 1
        if count[0] == 4:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Announced, "batch", stopping)
    stopped = call(*CLASSIFY, *options, "--out", "parts")
    assert stopped.code == 130
    assert stopped.err.splitlines()[-1].startswith("stopped in epoch 1, batch 4")
    assert stopped.err.splitlines()[-1].endswith("saved in parts/last; go on with --resume")
    monkeypatch.setattr(Announced, "batch", real)
    again = call("train", "classify", "texts.csv", "--out", "parts", "--resume")
    assert again.code == 0 and "going on in epoch 1" in again.err
    assert (tmp_path / "parts/model.safetensors").read_bytes() == (
        tmp_path / "whole/model.safetensors"
    ).read_bytes()


def test_a_resumed_run_takes_a_precision_and_keeps_it(call, tmp_path: Path) -> None:
    resumed = (*CLASSIFY[:3], "--out", "run", "--resume", "--epochs")
    small = ("--units", "3", "--cell", "elman", "--out", "run", "--epochs", "1")
    assert call(*CLASSIFY, *small).code == 0
    for epochs, more in (("2", ("--precision", "bfloat16")), ("3", ())):
        assert call(*resumed, epochs, *more).code == 0
        assert json.loads((tmp_path / "run/model.json").read_text())["settings"]["precision"] == "bfloat16"
    refused = call(*CLASSIFY, *small, "--force", "--precision", "half")
    assert refused.code == 2
    assert refused.err.strip().endswith("precision must be one of float32, bfloat16, got half")


def test_a_resumed_run_keeps_its_test_file(call, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("to be or not to ask, that is the question. " * 9)
    options = ("play.txt", "--units", "4", "--chunk", "16", "--epochs", "1", "--out", "a")
    monkeypatch.setattr(Announced, "batch", lambda *rest: os.kill(os.getpid(), signal.SIGINT))
    assert call("train", "generate", *options, "--test", "held.txt").code == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert call("train", "generate", *options, "--resume", "--test", "0.3").code == 2
    again = call("train", "generate", *options, "--resume")
    assert again.code == 0 and ", test 387" in again.err
    assert "--test held.txt" in (tmp_path / "a/report.html").read_text()


def test_interrupted_outside_the_training(call, monkeypatch, tmp_path: Path) -> None:
    from cellwright.tasks.classify.task import Classifier

    def stop(self: Classifier, data: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Classifier, "read", stop)
    said = call(*CLASSIFY)
    assert (said.code, said.out, said.err) == (130, "", "interrupted\n")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("task", "data"), [("classify", "texts.csv"), ("forecast", "sales.csv"), ("generate", "play.txt")]
)
def test_evaluate_measures_what_the_estimator_measures(call, run, task: str, data: str) -> None:
    folder = run(task)
    said = call("evaluate", str(folder), data)
    assert said.code == 0
    estimator = load_run(folder)
    scores = estimator.measure(estimator.read(data))
    assert json.loads(call("evaluate", str(folder), data, "--json").out) == scores
    assert len(said.out.splitlines()) == 1 + len(scores)
    assert said.err.startswith("data: ")


def test_evaluate_takes_other_columns(call, run, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("id,review,mark\n1,a good film,good\n2,a bad film,bad\n")
    said = call("evaluate", str(run("classify")), "other.csv", "--text", "review", "--label", "mark")
    assert said.code == 0 and "text = review, label = mark" in said.err


def test_predict_classes_as_csv(call, run) -> None:
    folder = run("classify")
    said = call("predict", str(folder), "texts.csv", "--quiet")
    assert said.code == 0 and said.err == ""
    rows = list(csv.DictReader(io.StringIO(said.out)))
    estimator = load_run(folder)
    material = estimator.read("texts.csv")
    assert [row["text"] for row in rows] == material.texts
    assert [row["label"] for row in rows] == estimator.predict(material).tolist()
    best = estimator.predict_proba(material).max(axis=1)
    assert [float(row["probability"]) for row in rows] == pytest.approx(best.tolist(), abs=1e-4)


def test_predict_into_files(call, run, tmp_path: Path) -> None:
    folder = str(run("classify"))
    for name in ("said.csv", "said.jsonl"):
        said = call("predict", folder, "texts.csv", "--out", name)
        assert (said.code, said.out) == (0, "") and said.err.endswith(f"wrote {name}\n")
    rows = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    table = list(csv.DictReader(io.StringIO((tmp_path / "said.csv").read_text())))
    assert len(rows) == len(table) == 40
    assert [row["label"] for row in rows] == [row["label"] for row in table]
    assert rows[0]["probability"] == float(table[0]["probability"])


def test_predict_the_future(call, run, tmp_path: Path) -> None:
    folder = run("forecast")
    said = call("predict", str(folder), "sales.csv", "--quiet")
    assert said.code == 0
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["month"] for row in rows] == ["1995-01-01", "1995-02-01", "1995-03-01"]
    wanted = load_run(folder).predict("sales.csv")[:, 0].tolist()
    assert [float(row["sales"]) for row in rows] == pytest.approx(wanted)
    assert call("predict", str(folder), "sales.csv", "--out", "said.jsonl").code == 0
    assert json.loads((tmp_path / "said.jsonl").read_text().splitlines()[0])["month"] == "1995-01-01"


def test_predict_needs_no_labels(call, run, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text\ngood\nbad\n")
    said = call("predict", str(run("classify")), "new.csv", "--quiet")
    assert said.code == 0 and [line.split(",")[0] for line in said.out.splitlines()] == [
        "text",
        "good",
        "bad",
    ]


def test_predictions_of_series_are_numbered() -> None:
    rows = [
        {"series": 1, "label": "a", "probability": 0.5},
        {"series": 2, "label": 'b,"', "probability": 1.0},
    ]
    assert predict_verb._csv(rows) == 'series,label,probability\n1,a,0.5\n2,"b,""",1.0\n'
    assert predict_verb._json_lines(rows).count("\n") == 2


def test_generate_writes_what_the_estimator_writes(call, run) -> None:
    folder = run("generate")
    options = ("--prompt", "to be", "--length", "30", "--temperature", "0.7", "--top-k", "4", "--seed", "5")
    said = call("generate", str(folder), *options)
    text = load_run(folder).generate("to be", length=30, temperature=0.7, top_k=4, seed=5)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"to be{text}\n" and len(text) == 30
    assert call("generate", str(folder), *options) == said
    assert call("generate", str(folder), *options[:-1], "6").out != said.out


def test_generate_flushes_every_piece(call, run, monkeypatch) -> None:
    from cellwright.cli import generate as verb

    written: list[str] = []

    class Stream:
        def write(self, text: str) -> None:
            written.append(text)

        def flush(self) -> None:
            written.append("|")

    folder = str(run("generate"))
    monkeypatch.setattr(verb.sys, "stdout", Stream())
    assert call("generate", folder, "--length", "5").code == 0
    assert "".join(written).count("|") >= 5 and written[2] == "|"
