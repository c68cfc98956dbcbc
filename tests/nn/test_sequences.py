"""Sequences of every form through one layer: the same numbers, in the form they came in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.by_hand import random
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import cellwright as cw


def layer_of(kind: str, **options: Any) -> Any:
    torch.manual_seed(3)
    if kind == "Recurrent":
        return cw.nn.Recurrent("lstm", 3, 4, 2, bidirectional=True, dtype=torch.float64, **options)
    return getattr(cw.nn, kind)(3, 4, 2, bidirectional=True, dtype=torch.float64, **options)


def jagged(lengths: list[int]) -> tuple[list[torch.Tensor], torch.Tensor]:
    rows = [random(n, 3, seed=k) for k, n in enumerate(lengths)]
    return rows, torch.nested.nested_tensor(rows, layout=torch.jagged)


def ends(state: Any) -> torch.Tensor:
    """h after the last step, of any kind of layer."""
    if isinstance(state, tuple):
        return state[0]
    return state["h"] if isinstance(state, dict) else state


@pytest.mark.parametrize("kind", ["Recurrent", "LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("lengths", [[4, 1, 6], [2, 0, 3], [1], [0, 0]], ids=str)
def test_nested_tensors_are_their_rows_alone(kind: str, lengths: list[int]) -> None:
    layer = layer_of(kind)
    rows, x = jagged(lengths)
    x = x.detach().requires_grad_()
    y, state = layer(x)
    assert y.layout == torch.jagged and torch.equal(y.offsets(), x.offsets())
    for k, (row, got) in enumerate(zip(rows, y.unbind(), strict=True)):
        if not len(row):
            assert got.shape == (0, 8)
            continue
        alone, last = layer(row)
        torch.testing.assert_close(got, alone)
        torch.testing.assert_close(ends(state)[:, k], ends(last))
    if sum(lengths):
        (slope,) = torch.autograd.grad(y.values().square().sum(), x)
        alone = rows[0].requires_grad_()
        (expected,) = torch.autograd.grad(layer(alone)[0].square().sum(), alone)
        torch.testing.assert_close(slope.unbind()[0], expected)


def test_a_nested_output_goes_on_into_torch() -> None:
    _, x = jagged([4, 1, 6])
    y, _ = layer_of("Recurrent")(x)
    assert torch.nn.functional.linear(y, random(2, 8)).unbind()[2].shape == (6, 2)
    assert (x.sum(-1, keepdim=True) * y).layout == torch.jagged, "the same ragged axis as x"


@pytest.mark.parametrize("sort", [True, False])
def test_packed_sequences_through_any_cell(sort: bool) -> None:
    layer, x = layer_of("Recurrent"), random(6, 3, 3)
    lengths = [6, 4, 1] if sort else [4, 1, 6]
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=sort)
    (y, state), (expected, last) = layer(packed), layer(x, lengths=lengths)
    padded, counts = pad_packed_sequence(y)
    torch.testing.assert_close(padded, expected)
    torch.testing.assert_close(state, last)
    assert counts.tolist() == lengths


def test_a_trace_of_nested_sequences_is_nested() -> None:
    _, x = jagged([4, 2])
    *_, values = layer_of("Recurrent")(x, trace=True)
    assert values[0]["f"].unbind()[1].shape == (2, 4)


def test_refused() -> None:
    layer, (rows, x) = layer_of("Recurrent"), jagged([4, 2])
    with pytest.raises(cw.ShapeError, match="lengths are given twice"):
        layer(x, lengths=[4, 2])
    with pytest.raises(cw.ShapeError, match="resets go with a padded tensor, not with a nested one; pad it"):
        layer(x, reset=torch.zeros(4, 2) > 0)
    with pytest.warns(UserWarning, match="prototype"):
        strided = torch.nested.nested_tensor([random(2, 3)])
    with pytest.raises(cw.ShapeError, match="nested tensor does not fit.*expected layout=torch.jagged"):
        layer(strided)
