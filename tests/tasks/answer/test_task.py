"""The answer task: small worlds are understood, the right fact is looked at; reading, refusals, the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import cellwright as cw
from cellwright.cli import main
from cellwright.errors import DataError
from cellwright.samples.worlds import babi, questions
from cellwright.tasks.answer.read import read
from cellwright.tasks.answer.stories import Stories, facts_of, normal
from cellwright.tasks.answer.task import _told
from cellwright.tasks.report.page import page


def worlds(count: int, seed: int) -> tuple[list[tuple[list[str], str]], list[str], list[int]]:
    """Stories of two or four facts with a question each, the answers, and which fact gives it away."""
    told = [one for one in questions("one_fact", 3 * count, seed) if len(one.facts) <= 4][:count]
    pairs = [(list(one.facts), one.question) for one in told]
    return pairs, [one.answer for one in told], [one.supports[0] for one in told]


def small(**settings: Any) -> cw.Answerer:
    usual = {"units": 24, "embedding": 24, "dropout": 0.0, "valid": 0.0, "learning_rate": 0.01}
    return cw.Answerer(**{**usual, "epochs": 16, "looks": 1, "seed": 1, **settings})


@pytest.fixture(scope="module")
def model() -> cw.Answerer:
    X, y, _ = worlds(600, seed=0)
    return small().fit(X, y, test=worlds(150, seed=9)[:2])


def test_it_understands_worlds_it_has_not_seen(model: cw.Answerer) -> None:
    found = model.metrics_["test"]["accuracy"]
    others = model.metrics_["baselines"]
    assert set(others) == {"majority", "last_mentioned", "linear"}
    assert found > 0.9
    assert found > max(scores["accuracy"] for scores in others.values()) + 0.2


def test_it_looks_at_the_fact_that_answers(model: cw.Answerer) -> None:
    X, y, supports = worlds(100, seed=3)
    coded = model.encode(normal(X, y), model.facts_)
    with torch.no_grad():
        _, seen = _told(model.network_, coded)
    looked = [int(weights[0].argmax()) for weights in seen]
    right = sum(one == other for one, other in zip(looked, supports, strict=True))
    # A recurrent net may carry the answer to a later fact; chance is about a quarter.
    assert right > 50
    assert all(abs(float(weights[0].sum()) - 1) < 1e-4 for weights in seen)


def test_the_page_shows_what_was_looked_at(model: cw.Answerer) -> None:
    shown = page(model)
    assert "Which facts it looked at" in shown
    assert "last-mentioned" in shown


def test_saved_streamed_and_alone_it_says_the_same(model: cw.Answerer, tmp_path: Path) -> None:
    X, _, _ = worlds(20, seed=5)
    model.save(tmp_path / "run")
    loaded = cw.Answerer.load(tmp_path / "run")
    said = model.predict(X)
    assert loaded.predict(X) == said
    stream = cw.Stream(loaded)
    assert [stream.push({"story": " ".join(told), "question": asked})["answer"] for told, asked in X] == said
    with pytest.raises(DataError, match="no question"):
        stream.push("Where is Ann?")


def test_unseen_answers_count_as_wrong_and_are_counted(model: cw.Answerer) -> None:
    X, y, _ = worlds(10, seed=6)
    scores = model.measure(X, ["attic", *y[1:]])
    assert scores["unseen"] == 1
    assert scores["accuracy"] <= 0.9


def test_words_never_seen_and_long_stories_are_answered(model: cw.Answerer) -> None:
    said = model.predict(
        [(["Zed flew to the moon."], "Why?"), (["Ann went to the hall."] * 900, "Where is Ann?")]
    )
    assert said[1] == "hall"


@pytest.mark.parametrize("cell", ["lstm", "elman"])
def test_other_cells_and_settings(cell: str) -> None:
    X, y, _ = worlds(60, seed=2)
    made = small(cell=cell, looks=2, layers=2, bidirectional=True, attention="additive", valid=0.2, epochs=2)
    made.fit(X, y)
    assert made.history_.column("loss")[1] < made.history_.column("loss")[0]


BABI = "1 Mary went home.\n2 John slept.\n3 Where is Mary? \thome\t1\n4 Mary left.\n5 Where is Mary?\taway\t4\n1 It rains.\n2 Is it dry?\tno\t1\n"


def test_babi(tmp_path: Path) -> None:
    path = tmp_path / "qa1_train.txt"
    path.write_text(BABI)
    stories = read(path)
    assert [len(told) for told in stories.facts] == [2, 3, 1]
    assert list(stories.questions) == ["Where is Mary?", "Where is Mary?", "Is it dry?"]
    assert stories.known() == ["home", "away", "no"]
    rest, held = stories.split(0.5, seed=0)
    assert {len(rest), len(held)} == {1, 2}


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_table(tmp_path: Path, name: str) -> None:
    rows = [("Mary went home. John slept.", "Where is Mary?", "home"), ("", "What?", "no")]
    if name == "t.csv":
        text = "context,question,answer\n" + "".join(f'"{a}","{b}","{c}"\n' for a, b, c in rows)
    else:
        keys = ("context", "question", "answer")
        text = "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows)
    path = tmp_path / name
    path.write_text(text)
    stories = read(path)
    assert list(stories.facts[0]) == ["Mary went home.", "John slept."]
    assert stories.columns == {"story": "context", "question": "question", "answer": "answer"}
    assert "1 with an empty cell" in stories.note
    assert len(stories.whole()) == 1


def test_facts_of_chinese() -> None:
    assert facts_of("小明去了厨房。小红在花园！谁在？") == ["小明去了厨房。", "小红在花园！", "谁在？"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "1 A fact.\nno number\n", r"a line without a number \(.*a.txt, line 2\)"),
        ("a.txt", "1 Where?\there\t1\n", r"a question before any fact \(.*line 1\)"),
        ("a.txt", "1 A fact.\n2 Where?\t\t1\n", r"a question without an answer \(.*line 2\)"),
        ("a.txt", "1 A fact.\n1 B.\n1 C.\n", "facts, and no question"),
        ("a.txt", "1 A.\n3 B.\n2 Where?\there\n", r"the numbers of a story do not rise \(.*line 3\): got 2"),
        ("a.csv", "story,question\na.,b\n", "no column to take as the answer"),
        ("a.csv", "x,question,answer\na.,b,c\n", r"no column to take as the story.*set --story"),
        ("a.txt", "\n", "the file is empty"),
    ],
)
def test_refusals_of_files(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ("a", ["x"], "one text instead of a list of pairs"),
        ([], [], "there are no examples"),
        ([("a", "b"), "c"], ["x", "y"], "no pair"),
        ([("a", 3)], ["x"], "no texts"),
        ([(["a", 3], "b")], ["x"], "a fact that is no text"),
        ([("a", "b")], ["x", "y"], "X and y differ in number"),
        ([("a", "b")], [3], "an answer that is no text"),
        ([("a.", "b"), ("a.", "c")], ["x", "x"], "one answer only"),
        ([("", "b")], ["x"], "no example with story, question and answer"),
    ],
)
def test_refusals_of_lists(X: Any, y: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        small(epochs=1).fit(X, y)


def test_an_example_without_a_fact_has_no_answer(model: cw.Answerer) -> None:
    with pytest.raises(DataError, match=r"without a fact or a question \(X, example 2\)"):
        model.predict([("A fact.", "b"), ("", "b")])
    with pytest.raises(DataError, match="there are no answers"):
        Stories([["a"]], ["b"]).whole()


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rooms.txt").write_text(babi(questions("one_fact", 40)))
    train = "train answer rooms.txt --units 24 --embedding 24 --epochs 1 --out run --quiet"
    assert main(train.split()) == 0
    assert "last-mentioned" in capsys.readouterr().out
    assert main(["predict", "run", "rooms.txt", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "question,answer,probability"
    assert len(lines) == 41
