"""CIDEr-D by hand: two pictures, so that every n-gram that one of them has alone weighs log 2."""

from __future__ import annotations

import math

import pytest

from cellwright.tasks.cider import Cider

REFERENCES = [[["a", "b", "c"]], [["a", "d"]]]


@pytest.mark.parametrize(
    ("said", "by_hand"),
    [
        # Words: "a" is in both, so it weighs nothing. [b] against [b c] is 1/sqrt 2, [ab] against [ab bc] too;
        # of 3 and 4 words there are none. One word is missing: exp(-1/72).
        (["a", "b"], 1000 / 4 * math.exp(-1 / 72) * 2 / math.sqrt(2)),
        # Three times b counts as the one there is, but is divided by its own length, 3: clipping.
        (["b", "b", "b"], 1000 / 4 / (3 * math.sqrt(2))),
        # All of the reference: 1, 1, 1, and nothing of four words.
        (["a", "b", "c"], 1000 * 3 / 4),
        (["d", "e"], 0.0),
        ([], 0.0),
    ],
)
def test_one_caption(said: list[str], by_hand: float) -> None:
    assert Cider(REFERENCES).each([said, []])[0] == pytest.approx(by_hand)


def test_several_references_are_averaged_and_rarity_counts_pictures_not_captions() -> None:
    # "b" stands in two captions of one picture: still 1 of 3 pictures, so it weighs log 3; "a" weighs log 3/2.
    references = [[["a", "b"], ["b"]], [["a"]], [["c"]]]
    a, b = math.log(3 / 2), math.log(3)
    one = b * b / (b * math.hypot(a, b)) * math.exp(-1 / 72)
    assert Cider(references).each([["b"], [], []])[0] == pytest.approx(1000 / 4 * (one + 1) / 2)


def test_of_a_single_picture_nothing_is_rare() -> None:
    assert Cider([[["a", "b"]]]).score([["a", "b"]]) == 0.0
