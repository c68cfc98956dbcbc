"""Schemes of chunk tags: what is legal in each, chunks out of tags and back, the scheme of a file."""

from __future__ import annotations

from itertools import product

import pytest

from cellwright.tasks.tag import scheme as schemes
from cellwright.tasks.tag.scheme import Chunk, chunks, converted, guess, illegal, inventory, legal, written

# The same chunks - two of A side by side, B of one token after them, A of three - in every scheme.
FOUND = [Chunk("A", 0, 2), Chunk("A", 2, 3), Chunk("B", 3, 4), Chunk("A", 5, 8)]
SAME = {
    "iob1": "I-A I-A B-A I-B O I-A I-A I-A",
    "iob2": "B-A I-A B-A B-B O B-A I-A I-A",
    "bioes": "B-A E-A S-A S-B O B-A I-A E-A",
    "bmes": "B-A E-A S-A S-B O B-A M-A E-A",
    "bilou": "B-A L-A U-A U-B O B-A I-A L-A",
}


@pytest.mark.parametrize("own", SAME)
@pytest.mark.parametrize("other", SAME)
def test_one_scheme_into_another(own: str, other: str) -> None:
    tags = SAME[own].split()
    assert chunks(tags) == FOUND
    assert illegal(tags, own) is None
    assert converted(tags, other) == SAME[other].split()
    assert guess([tags]) == own


def placed(length: int, kinds: str) -> list[list[Chunk]]:
    """Every way to put chunks into a sentence, by choosing for every token: outside, begin, or go on."""
    found = []
    for choice in product(["O", *kinds, "+"], repeat=length):
        spans: list[Chunk] = []
        good = True
        for place, what in enumerate(choice):
            if what == "+":
                good = good and place > 0 and choice[place - 1] != "O"
                if good:
                    spans[-1] = Chunk(spans[-1].kind, spans[-1].start, place + 1)
            elif what != "O":
                spans.append(Chunk(what, place, place + 1))
        if good:
            found.append(spans)
    return found


@pytest.mark.parametrize("scheme", schemes.SCHEMES)
def test_all_sentences_of_four_tokens(scheme: str) -> None:
    """Tags are legal exactly if some chunks are written so."""
    legal_ones = {tuple(written(spans, 4, scheme)): spans for spans in placed(4, "AB")}
    letters = {"iob1": "BI"}.get(scheme) or "".join(dict.fromkeys(schemes.LETTERS.get(scheme, "")))
    every = ["O", *(f"{letter}-{kind}" for letter in letters for kind in "AB")]
    for tags in product(every, repeat=4):
        assert (illegal(tags, scheme) is None) == (tags in legal_ones), tags
        if tags in legal_ones:
            assert chunks(tags) == legal_ones[tags]


def test_what_the_field_allows_is_what_is_legal() -> None:
    tags = inventory([["B-A", "E-A", "S-A"], ["S-B"]])
    assert tags == ["O", "B-A", "I-A", "E-A", "S-A", "S-B"]
    follow, begins, ends = legal(tags)
    for row in product(range(len(tags)), repeat=3):
        by_mask = begins[row[0]] and ends[row[2]] and follow[row[0]][row[1]] and follow[row[1]][row[2]]
        assert by_mask == (illegal([tags[k] for k in row], "bioes") is None)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("NOUN VERB O", "none"),
        ("H E C", "none"),
        ("O O", "none"),
        ("B-A X-B", "none"),
        ("I-A O I-B", "iob1"),
        ("B-A O", "iob2"),
        ("B M E S S", "bmes"),
        ("B E S", "bioes"),
        ("B-a-b I-a-b", "iob2"),
    ],
)
def test_the_scheme_of_a_file(tags: str, expected: str) -> None:
    assert guess([tags.split()]) == expected


def test_one_mistake_does_not_turn_iob2_into_iob1() -> None:
    good = ["B-A", "I-A", "B-B"]
    assert guess([good] * 5 + [["O", "I-A"]]) == "iob2"


@pytest.mark.parametrize(
    ("tags", "scheme", "place", "said"),
    [
        ("I-A", "iob2", 0, "I-A at the beginning"),
        ("B-A I-B", "iob2", 1, "I-B after B-A"),
        ("O B-A", "iob1", 1, "B-A after O"),
        ("B-A", "bioes", 0, "the end after B-A"),
        ("B-A M-A B-A", "bmes", 2, "B-A after M-A"),
        ("U-A L-A", "bilou", 1, "L-A after U-A"),
        ("O E-A", "bioes", 1, "E-A after O"),
    ],
)
def test_what_is_not_legal(tags: str, scheme: str, place: int, said: str) -> None:
    assert illegal(tags.split(), scheme) == (place, said)
