"""A language model on a live text: surprises as over the whole text, the likely next, and writing on."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch

import cellwright as cw

RHYME = "".join(f"the {a} sat on the {b}.\n" for a in ("cat", "dog", "hen") for b in ("mat", "log", "hay"))


@cache
def model(unit: str = "char") -> Any:
    settings = {"units": 12, "chunk": 16, "epochs": 3, "min_count": 1, "layers": 2, "learning_rate": 0.02}
    return cw.Generator(unit=unit, **settings).fit(RHYME * 10)


def surprises(estimator: Any, text: str) -> list[float]:
    """Bits of every token after a line's end, by the network over all of them at once."""
    network, facts = estimator.network_, estimator.facts_
    tokens = [facts["begin"], *cw.Stream(estimator).way._writer.vocabulary.encode(text)]
    with torch.no_grad():
        features, _ = network(torch.tensor(tokens)[:-1, None])
        shares = network.head(features[:, 0]).log_softmax(-1)
    return [-float(row[k]) / math.log(2) for row, k in zip(shares, tokens[1:], strict=True)]


@pytest.mark.parametrize("unit", ["char", "word"])
def test_pieces_are_read_as_one_text(unit: str) -> None:
    stream, pieces = cw.Stream(model(unit)), ["the cat\n", "sat ", "on", " the hen.\n"]
    wanted = iter(surprises(model(unit), "".join(pieces) if unit == "char" else "the cat\nsat on the hen.\n"))
    for piece in pieces:
        answer = stream.push(piece)
        mean = sum(next(wanted) for _ in range(answer["tokens"])) / answer["tokens"]
        assert answer["bits"] == pytest.approx(mean, abs=1e-3) and answer["unknown"] == 0
    assert next(wanted, None) is None


def test_what_may_come_next() -> None:
    answer = cw.Stream(model()).push("the cat sat on th")
    assert len(answer["next"]) == 5 and list(answer["next"].values()) == sorted(answer["next"].values())[::-1]
    assert next(iter(answer["next"])) == "e"


def test_what_is_written_on_is_not_read() -> None:
    stream, plain = cw.Stream(model()), cw.Stream(model())
    item = {"text": "the cat ", "length": 12, "temperature": 0, "seed": 3}
    answer = stream.push(item)
    assert answer.pop("continuation") == model().generate("the cat ", 12, 0, seed=3)
    assert answer == plain.push("the cat ")
    assert stream.push("sat") == plain.push("sat")


def test_words_that_are_written_on_stand_apart() -> None:
    answer = cw.Stream(model("word")).push({"text": "the cat", "length": 2, "temperature": 0})
    assert answer["continuation"].startswith(" ")


def test_nothing_to_read_leaves_everything() -> None:
    stream = cw.Stream(model("word"))
    answer = stream.push("  ")
    assert answer["tokens"] == 0 and answer["bits"] is None
    assert stream.push("the") == cw.Stream(model("word")).push("the")


def test_what_the_model_never_saw_counts() -> None:
    assert cw.Stream(model()).push("the Ω")["unknown"] == 1


def test_a_snapshot_goes_on_and_reset_forgets() -> None:
    stream, other, fresh = (cw.Stream(model()) for _ in range(3))
    stream.push("the cat ")
    other.restore(stream.snapshot())
    assert other.push("sat") == stream.push("sat")
    stream.reset()
    assert stream.push("the") == fresh.push("the") and stream.steps == 1


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (5, "no text: got int"),
        ({"length": 3}, "no text: got NoneType"),
        ({"text": "a", "size": 3}, "an item with other options: got size, expected length, temperature"),
        ({"text": "the", "length": 0}, "length must be a whole number of at least 1, got 0"),
        ({"text": "the", "length": 3, "temperature": -1}, "temperature must be"),
        ("the \ud800", "the text"),
    ],
)
def test_an_item_that_does_not_fit_is_refused_and_changes_nothing(item: Any, message: str) -> None:
    stream = cw.Stream(model())
    stream.push("the ")
    before = stream.snapshot()
    with pytest.raises(cw.UserError, match=message):
        stream.push(item)
    assert stream.snapshot() == before
