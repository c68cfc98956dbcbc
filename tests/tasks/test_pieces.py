"""Pieces of words: there and back, signs apart, what is stored, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cellwright.errors import DataError, RunError
from cellwright.tasks.pieces import SPECIAL, UNKNOWN, Pieces

TEXTS = [
    "Don't stop, low prices!",
    "ein hund , der &quot; bellt &quot; .",
    "我喜欢吃苹果。你呢？",
    "low lower lowest",
    "the lowest low",
]


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces.learn(TEXTS, 120, min_count=1)


@pytest.mark.parametrize("text", [*TEXTS, "lowest dog?", "苹果low", "", "a  b"])
def test_there_and_back(pieces: Pieces, text: str) -> None:
    known = set("".join(TEXTS)) | {" "}
    wanted = "".join(c if c in known else "□" for c in " ".join(text.split()))
    assert pieces.decode(pieces.encode(text)) == wanted


def test_signs_stand_apart(pieces: Pieces) -> None:
    assert pieces.shown(pieces.encode("low, low"))[1] == ","
    assert "▁&quot;" in pieces.shown(pieces.encode("der &quot; bellt"))


def test_what_is_never_seen_is_unknown(pieces: Pieces) -> None:
    assert pieces.encode("∆")[-1] == UNKNOWN
    assert "□" in pieces.decode(pieces.encode("∆"))


def test_frequent_words_are_one_piece_and_all_at_once_says_the_same(pieces: Pieces) -> None:
    assert len(pieces.encode("low")) == 1
    assert pieces.encode_all(TEXTS) == [pieces.encode(text) for text in TEXTS]


def test_stored_and_read_again(pieces: Pieces) -> None:
    again = Pieces.from_json(pieces.to_json())
    assert again == pieces
    assert again.encode_all(TEXTS) == pieces.encode_all(TEXTS)
    assert Pieces.learn(TEXTS, 120, min_count=1) == pieces


@pytest.mark.parametrize(
    "facts",
    [
        None,
        {"tokens": [*SPECIAL, "a"]},
        {"tokens": ["a", "b"], "merges": []},
        {"tokens": [*SPECIAL, "a", "a"], "merges": []},
        {"tokens": [*SPECIAL, "a", 3], "merges": []},
        {"tokens": [*SPECIAL, "a"], "merges": [["a", "b"]]},
        {"tokens": [*SPECIAL, "a"], "merges": [["a"]]},
    ],
)
def test_what_was_tampered_with_is_refused(facts: Any) -> None:
    with pytest.raises(RunError, match="pieces that cannot be trusted"):
        Pieces.from_json(facts)


def test_texts_without_a_letter_are_refused() -> None:
    with pytest.raises(DataError, match="no letter in the texts"):
        Pieces.learn(["", "  "], 100)
