"""Figures of the inside: planted ills and their opposites; where they are taken in a training."""

from __future__ import annotations

import math

import pytest
import torch

import cellwright as cw
from cellwright.tasks.training.figures import due, figures, keepers


def test_the_epochs_that_have_figures() -> None:
    assert [epoch for epoch in range(1, 40) if due(epoch)] == [1, 2, 4, 8, 16, 32]


def test_reach_is_the_share_of_the_gradient_that_arrives() -> None:
    layer, x = cw.nn.Recurrent("elman", 3, 8), torch.randn(60, 6, 3)
    with torch.no_grad():
        layer.weights(0)["U"].mul_(0.5)
    found = figures(layer, x)
    flow = cw.inspect.gradient_flow(layer, x[:, :4])["h"]
    assert found["reach_steps"] == 60
    assert math.isclose(found["reach"], flow[0] / flow[-1], rel_tol=1e-4) and found["reach"] < 1e-6
    assert math.isclose(found["radius"], 0.5, rel_tol=1e-4)
    assert (found["keep"], found["stuck"]) == (None, 0.0)


def test_a_healthy_lstm() -> None:
    found = figures(cw.nn.Recurrent("lstm", 3, 16, num_layers=2), torch.randn(30, 6, 3))
    assert found["reach"] > 1e-6 and found["dead"] == 0 and found["stuck"] < 0.5
    assert 0.6 < found["keep"] < 0.9


def test_gates_that_forget_and_gates_that_are_stuck() -> None:
    layer, x = cw.nn.Recurrent("lstm", 3, 16), torch.randn(30, 6, 3)
    with torch.no_grad():
        layer.weights(0)["b_f"].fill_(-3.0)
        layer.weights(0)["b_o"][:10] = -20.0
    found = figures(layer, x)
    assert (
        found["keep"] < 0.2 and math.isclose(found["stuck"], 10 / 16) and math.isclose(found["dead"], 10 / 16)
    )


def test_the_longest_sequences_are_looked_at() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 4), torch.randn(9, 6, 3)
    lengths = torch.tensor([2, 9, 5, 8, 9, 7])
    for b, end in enumerate(lengths):
        x[end:, b] = torch.nan
    found = figures(layer, x, lengths)
    assert found["reach_steps"] == 7 and found["reach"] is not None
    alone = figures(layer, x[:7, [1, 4, 3, 5]])
    spectra = found.pop("eigenvalues"), alone.pop("eigenvalues")
    assert found == pytest.approx(alone) and spectra[0] == spectra[1]


@pytest.mark.parametrize(
    ("name", "gates"),
    [("peephole", ["f"]), ("janet", []), ("ligru", ["z"]), ("slstm", []), ("qrnn", ["f"]), ("ugrnn", ["g"])],
)
def test_what_keeps_a_state(name: str, gates: list[str]) -> None:
    assert [gate for gate, _ in keepers(cw.cells.get(name).graph)] == gates


def test_a_training_writes_them_and_is_not_changed_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = ["good film", "bad film", "a good one", "a bad one"] * 10, ["+", "-", "+", "-"] * 10
    fitted = cw.Classifier(units=6, embedding=5, epochs=3, passes=2).fit(texts, labels)
    rows = list(fitted.history_)
    assert ["inside_reach" in row for row in rows] == [True, True, False]
    assert rows[0]["inside_reach_steps"] == 3
    monkeypatch.setattr("cellwright.tasks.base.figures", lambda *_: {})
    without = cw.Classifier(units=6, embedding=5, epochs=3, passes=2).fit(texts, labels)
    for mine, theirs in zip(fitted.network_.parameters(), without.network_.parameters(), strict=True):
        assert torch.equal(mine, theirs)
