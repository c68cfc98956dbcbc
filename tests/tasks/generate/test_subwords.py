"""Pieces of a running text: exact there and back, marks alone, scores that units can be compared by."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import cellwright as cw
from cellwright.tasks.generate.rows import BETWEEN, END
from cellwright.tasks.generate.subwords import Subwords, tokens_from_json
from cellwright.tasks.generate.task import Generator

TEXT = "the low  lower\n\tlowest of the lowest,\nand the lower ones. 床前明月光，疑是地上霜。\n" * 6


@pytest.fixture(scope="module")
def pieces() -> Subwords:
    return Subwords.learn(TEXT, 80)


@pytest.mark.parametrize("text", [TEXT, "", " ", "\n\n the", "low   ones\t", "明月 the low,ones."])
def test_there_and_back_is_exact(pieces: Subwords, text: str) -> None:
    assert pieces.decode(pieces.encode(text)) == text == "".join(pieces.tokens(text))
    assert [pieces.all_tokens[k] for k in pieces.encode(text)] == pieces.tokens(text)


def test_long_texts_are_cut_in_stretches_without_a_difference(
    pieces: Subwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pieces.encode(TEXT)
    monkeypatch.setattr("cellwright.tasks.generate.subwords._CHUNK", 7)
    assert pieces.encode(TEXT) == whole and pieces.tokens(TEXT) == Subwords.learn(TEXT, 80).tokens(TEXT)


def test_frequent_words_are_one_piece_with_their_blank(pieces: Subwords) -> None:
    assert " the" in pieces and " lowest" in pieces and len(pieces) <= 80
    assert pieces.tokens("of the lowest") == ["o", "f", " the", " lowest"] or " of" in pieces


def test_marks_and_line_ends_are_never_part_of_a_piece() -> None:
    rows = Subwords.learn(f"ab{BETWEEN}cd{END}\n" * 50, 60)
    assert [t for t in rows.all_tokens if set(t) & {BETWEEN, END, "\n"}] == sorted([BETWEEN, END, "\n"])


def test_rare_letters_are_unknown_and_counted(pieces: Subwords) -> None:
    rare = Subwords.learn(TEXT + "Ω", 80)
    assert "Ω" not in rare and rare.encode("Ω low").count(1) == 1
    assert rare.decode(rare.encode("Ω")) == "□" and rare.tokens("Ω") == ["Ω"]
    assert "Ω" in Subwords.learn(TEXT + "Ω", 80, min_count=1)


def test_a_text_of_rare_letters_alone_is_refused() -> None:
    with pytest.raises(cw.DataError, match="no letter is frequent enough"):
        Subwords.learn("abc", 20)


@pytest.mark.parametrize("change", [{"merges": [["q", "zz"]]}, {"tokens": ["a"]}, {"tokens": None}])
def test_tampered_pieces_are_refused(pieces: Subwords, change: dict[str, Any]) -> None:
    facts = json.loads(json.dumps(pieces.to_json()))
    assert tokens_from_json(facts).encode(TEXT) == pieces.encode(TEXT)
    with pytest.raises(cw.RunError, match=r"pieces that cannot be trusted \(model.json\)"):
        tokens_from_json(facts | change)


def small(unit: str) -> Generator:
    return Generator(unit=unit, pieces=60, units=16, chunk=8, epochs=2, min_count=1, learning_rate=0.02)


def test_a_model_of_pieces_is_saved_and_writes(tmp_path: Path) -> None:
    rhyme = "the cat sat on the mat.\nthe dog lay on the log.\n" * 30
    model = small("piece").fit(rhyme, test=0.1)
    model.save(tmp_path / "run")
    again = Generator.load(tmp_path / "run")
    assert again.measure(rhyme) == model.measure(rhyme)
    written = model.generate("the cat", length=20, seed=1)
    assert again.generate("the cat", length=20, seed=1) == written
    assert model.generate("the cat ", length=20, seed=1) == written.lstrip(" ")
    assert {"unigram", "2-gram", "3-gram"} == set(model.metrics_["baselines"])
    with pytest.raises(cw.DataError, match="the prompt has characters that the model does not know .*'Ω'"):
        model.generate("the Ω")


@pytest.mark.parametrize("unit", ["char", "word", "blank", "piece"])
def test_scores_of_words_and_characters_spread_the_same_nats(unit: str) -> None:
    text = "the cat sat on the mat.\nthe dog lay on the log.\n" * 30
    model = small(unit).fit(text)
    held = "the dog sat on the log.\nthe cat"
    scores, coded = model.measure(held), model.encode(model.take(held), model.facts_)
    nats = scores["loss"] * (len(coded.tokens) - 1)
    words = len(held.replace("\n", " \n ").split(" ")) - 1
    assert scores["word_perplexity"] == pytest.approx(math.exp(nats / words))
    assert scores["bits_per_character"] == pytest.approx(nats / math.log(2) / coded.characters)
    if unit == "blank":
        assert scores["word_perplexity"] == pytest.approx(scores["perplexity"])


@pytest.mark.parametrize(
    "text", ["床前明月光，疑是地上霜。\n" * 30, "acgtacca" * 60, "x" * 40 + "\n" + "y" * 40]
)
def test_without_blanks_there_are_no_words_to_score(text: str) -> None:
    assert "word_perplexity" not in small("char").fit(text).measure(text)
