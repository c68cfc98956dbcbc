"""Scores of tags against a case worked out by hand."""

from __future__ import annotations

import pytest

from cellwright.tasks.tag.score import accuracy, counted, f1, scores

TRUTH = [
    ["B-PER", "I-PER", "O", "B-LOC", "O"],
    ["B-LOC", "B-LOC", "I-LOC", "O"],
    ["O", "O"],
]
SAID = [
    ["B-PER", "I-PER", "O", "B-ORG", "O"],  # PER right, LOC taken for ORG
    ["B-LOC", "I-LOC", "I-LOC", "O"],  # one long chunk in the place of two: both wrong
    ["O", "B-PER"],  # nothing there
]


def test_by_hand() -> None:
    """True: PER 1, LOC 3. Said: PER 2, ORG 1, LOC 1. Right: PER 1."""
    assert counted(TRUTH, SAID) == {"LOC": (0, 1, 3), "ORG": (0, 1, 0), "PER": (1, 2, 1)}
    found = scores(TRUTH, SAID, "iob2")
    assert found == pytest.approx({"precision": 1 / 4, "recall": 1 / 4, "f1": 1 / 4, "accuracy": 8 / 11})


def test_the_scheme_does_not_change_the_score() -> None:
    bmes = [["B-A", "E-A", "S-B"]]
    iob2 = [["B-A", "I-A", "B-B"]]
    assert scores(bmes, bmes, "bmes")["f1"] == 1.0
    assert counted(bmes, iob2) == {"A": (1, 1, 1), "B": (1, 1, 1)}


def test_plain_tags_and_nothing_at_all() -> None:
    assert scores([["N", "V"]], [["N", "N"]], "none") == {"f1": 0.5, "accuracy": 0.5}
    assert scores([["O"]], [["O"]], "iob2") == {"f1": 0.0, "precision": 0.0, "recall": 0.0, "accuracy": 1.0}
    assert f1(0, 0, 0) == (0.0, 0.0, 0.0)
    assert accuracy([["a"], ["b", "c"]], [["a"], ["b", "b"]]) == pytest.approx(2 / 3)
