"""The translate task: it learns to reverse, scores and baselines, saved and streamed, from the command line."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

import cellwright as cw
from cellwright.cli import main
from cellwright.errors import DataError, SettingError
from cellwright.tasks.report.page import page
from cellwright.tasks.translate.simple import word_by_word

NUMBERS = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four"}


def pairs() -> tuple[list[str], list[str]]:
    """Each sentence's words in the other language, in the other order: attention has to look across."""
    sources = [" ".join(words) for n in (1, 2, 3) for words in itertools.permutations(NUMBERS, n)]
    return sources, [" ".join(NUMBERS[word] for word in reversed(text.split())) for text in sources]


def small(**settings: Any) -> cw.Translator:
    usual = {"units": 24, "embedding": 16, "batch_size": 8, "learning_rate": 0.02, "patience": 0, "beam": 2}
    kept = {"dropout": 0.0, "word_dropout": 0.0, "smoothing": 0.0, "pieces": 60, "valid": 0.0}
    return cw.Translator(**{**usual, **kept, "epochs": 30, "seed": 1, **settings})


@pytest.fixture(scope="module")
def model() -> cw.Translator:
    X, y = pairs()
    return small().fit(X, y, test=(X, y))


def test_it_learns_to_translate_and_to_turn_round(model: cw.Translator) -> None:
    X, y = pairs()
    assert sum(said == wanted for said, wanted in zip(model.predict(X), y, strict=True)) > 0.8 * len(X)
    assert model.metrics_["test"]["chrf"] > 85
    assert set(model.metrics_["baselines"]) == {"copy", "word_by_word"}
    assert model.metrics_["baselines"]["copy"]["chrf"] < model.metrics_["baselines"]["word_by_word"]["chrf"]


def test_empty_and_unheard_of_sentences_keep_their_places(model: cw.Translator) -> None:
    said = model.predict(["", "eins", "  ", "§§ 数", "eins " * 300])
    assert said[0] == said[2] == ""
    assert said[1] == "one"
    assert len(said) == 5
    assert model.predict([""]) == [""]


def test_attention_is_shown_piece_by_piece(model: cw.Translator) -> None:
    (drawn,) = model.align(["eins zwei drei"])
    assert "".join(drawn["read"][:-1]).replace("▁", " ").strip() == "eins zwei drei"
    assert len(drawn["weights"]) == len(drawn["said"])
    assert all(len(row) == len(drawn["read"]) for row in drawn["weights"])
    assert all(abs(sum(row) - 1) < 0.01 for row in drawn["weights"])


def test_the_page_shows_translations_and_where_it_looked(model: cw.Translator) -> None:
    shown = page(model)
    assert "Where it looks" in shown
    assert "it should write" in shown
    assert "BLEU" in shown


def test_saved_it_says_the_same(model: cw.Translator, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    loaded = cw.Translator.load(tmp_path / "run")
    X, _ = pairs()
    assert loaded.predict(X) == model.predict(X)


def test_a_stream_answers_sentence_by_sentence(model: cw.Translator) -> None:
    stream = cw.Stream(model)
    assert stream.push("eins") == {"translation": "one"}
    assert stream.push({"text": ""}) == {"translation": ""}
    with pytest.raises(DataError, match="no sentence"):
        stream.push(3)


@pytest.mark.parametrize(("feeding", "attention"), [("output", "additive"), ("context", "multiplicative")])
def test_every_way_of_feeding_trains(feeding: str, attention: str) -> None:
    X, y = pairs()
    made = small(feeding=feeding, attention=attention, cell="lstm", layers=2, epochs=2, valid=0.2, tied=False)
    made.fit(X, y)
    losses = made.history_.column("loss")
    assert losses[1] < losses[0]
    assert made.metrics_["valid"].keys() >= {"bleu", "chrf", "perplexity", "loss"}


def test_word_by_word_takes_the_usual_partner() -> None:
    X, y = pairs()
    assert word_by_word(X, y, ["vier eins fünf"]) == ["four one fünf"]
    assert word_by_word(["a b", "b"], ["我好", "好"], ["b a"]) == ["好我"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"source": "de", "target": "de"}, "source and target must be two columns, got de for both"),
        ({"attention": "dot"}, "attention must be one of multiplicative, additive"),
        ({"feeding": "all"}, "feeding must be one of none, context, output"),
        ({"beam": 0}, "beam must be at least 1"),
    ],
)
def test_settings_that_do_not_go(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        small(**settings).check()


def test_from_two_files_to_a_file_of_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, lines in zip(("a.de", "a.en"), pairs(), strict=True):
        Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    train = "train translate a.de,a.en --units 8 --embedding 8 --epochs 1 --test a.de,a.en --out run --quiet"
    assert main(train.split()) == 0
    assert "word-by-word" in capsys.readouterr().out
    assert json.loads(Path("run/metrics.json").read_text())["score"] == "bleu"
    assert main(["predict", "run", "a.de", "--quiet"]) == 0
    assert capsys.readouterr().out.count("\n") == 40
    assert main(["predict", "run", "a.de", "--out", "said.csv", "--quiet"]) == 0
    assert Path("said.csv").read_text().splitlines()[0] == "source,translation"
    assert main(["predict", "run", "a.de", "--out", "said.txt", "--quiet"]) == 0
    assert Path("said.txt").read_text().count("\n") == 40
    assert main(["evaluate", "run", "a.de,a.en", "--json", "--quiet"]) == 0
    assert "chrf" in json.loads(capsys.readouterr().out)
    Path("short.en").write_text("one\n")
    assert main(["train", "translate", "a.de,short.en", "--out", "other"]) == 2
    assert "short.en ends after line 1" in capsys.readouterr().err
    assert not Path("other").exists()
