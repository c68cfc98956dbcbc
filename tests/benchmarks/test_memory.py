"""The problems of long memory against their definitions, a training at a distance of no account, the page."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
import torch
from benchmarks.kernels.rows import ROOT, read
from benchmarks.memory.contestants import CONTESTANTS, Network
from benchmarks.memory.problems import CLASS_ERROR, ERROR, problem
from benchmarks.memory.report import FILE, PAGE, PICTURE, page, picture
from benchmarks.memory.train import Effort, guess, share_of_step, train


def drawn(name: str, distance: int = 0, count: int = 200):
    return problem(name, distance).draw(count, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "of_first"), [("adding", 0.0), ("multiplication", 1.0)])
def test_two_marked_numbers(name: str, of_first: float) -> None:
    batch, firsts = drawn(name, 40), 0
    assert set(batch.lengths.tolist()) == {40, 41, 42, 43, 44}
    for b, (length, answer) in enumerate(zip(batch.lengths.tolist(), batch.answer.tolist(), strict=True)):
        x = batch.x[:length, b]
        assert x[0, 1] == x[-1, 1] == -1
        marked = (x[:, 1] == 1).nonzero().flatten().tolist()
        assert all(at < 19 for at in marked) and (len(marked) < 2 or marked[0] < 10)
        values = x[marked, 0].tolist() + [of_first] * (2 - len(marked))
        firsts += len(marked) < 2
        assert len(values) == 2
        wanted = 0.5 + sum(values) / 4 if name == "adding" else values[0] * values[1]
        assert answer == pytest.approx(wanted, abs=1e-6)
    assert 0 < firsts < 60


@pytest.mark.parametrize(("name", "places"), [("order 6a", 2), ("order 6b", 3)])
def test_order(name: str, places: int) -> None:
    batch = drawn(name)
    assert batch.lengths.min() >= 100 and batch.lengths.max() <= 110
    for b, (length, answer) in enumerate(zip(batch.lengths.tolist(), batch.answer.tolist(), strict=True)):
        letters = batch.x[:length, b].argmax(-1)
        assert letters[0] == 6 and letters[-1] == 7
        signals = [int(letter) - 4 for letter in letters[1:-1] if letter >= 4]
        assert len(signals) == places
        assert answer == int("".join(map(str, signals)), 2)


def test_copying() -> None:
    batch = drawn("copying", 7)
    letters = batch.x.argmax(-1)
    assert letters.shape[0] == 27 and torch.equal(letters[:10], batch.answer)
    assert (letters[10:16] == 8).all() and (letters[16] == 9).all() and (letters[17:] == 8).all()


def test_what_is_wrong() -> None:
    adding, order = problem("adding", 20), problem("order 6a")
    said = torch.tensor([0.5, 0.5 + ERROR * 1.01, 0.5 - ERROR * 0.99]).view(1, 3, 1)
    assert adding.wrong(said, torch.full((3,), 0.5)).tolist() == [False, True, False]
    near, far = (torch.tensor([1 - p, p, 1e-9, 1e-9]).log() for p in (CLASS_ERROR - 0.01, CLASS_ERROR + 0.01))
    assert order.wrong(torch.stack([near, far])[None], torch.tensor([0, 0])).tolist() == [False, True]
    assert guess(adding) == pytest.approx(1 / 24, rel=0.15)


def test_what_is_said_is_at_the_end_of_each_sequence() -> None:
    torch.manual_seed(0)
    one = problem("copying", 5)
    network = Network(CONTESTANTS["elman"], one, 4)
    batch = one.draw(3, torch.Generator().manual_seed(0))
    lengths = torch.tensor([25, 25, 25])
    y, _ = network.recurrent(batch.x)
    assert torch.allclose(network(batch.x, lengths), network.head(y[15:]), atol=1e-6)


def test_starts() -> None:
    one = problem("adding", 50)
    irnn = Network(CONTESTANTS["irnn"], one, 4).recurrent.weights(0)
    assert torch.equal(irnn["U"], torch.eye(4))
    chrono = Network(CONTESTANTS["lstm, chrono"], one, 4).recurrent.weights(0)
    assert (
        torch.equal(chrono["b_f"], -chrono["b_i"]) and 0 <= chrono["b_f"].min() <= chrono["b_f"].max() < 3.9
    )


def test_a_training_ends_at_the_criterion(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose answers are never wrong stops as soon as 2,000 were given, and not before."""
    one = problem("adding", 10)
    monkeypatch.setattr(
        type(one), "wrong", lambda self, said, answer: torch.zeros(len(answer), dtype=torch.bool)
    )
    monkeypatch.setattr("benchmarks.memory.train.RECENT", 60)
    monkeypatch.setattr("benchmarks.memory.train.TESTED", 256)
    row = train("elman", one, Effort(sequences=200, units=2))
    assert row["used"] == 60 and row["reached"][0]["sequences"] == 60 and row["wrong"] == 0
    assert share_of_step(0.1) == 1.0 > share_of_step(0.01) > share_of_step(0.0) > 0


def test_the_page_is_that_of_the_rows() -> None:
    rows = list(read(FILE))
    assert PAGE.read_text(encoding="utf-8") == page(rows), "run: python -m benchmarks.memory report"
    assert PICTURE.read_text(encoding="utf-8") == str(picture(rows)) + "\n"
    ElementTree.fromstring(str(picture(rows)))
    assert str(ROOT) not in FILE.read_text(encoding="utf-8")
