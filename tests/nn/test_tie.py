"""Tied layers: one set of weights, gradients that add up, and what becomes of copies and files."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from tests.nn.by_hand import random

import cellwright as cw


@pytest.mark.parametrize("kind", ["Recurrent", "LSTM"])
def test_tied_layers_are_one_layer_run_again(kind: str) -> None:
    torch.manual_seed(1)
    deep: Any = (
        cw.nn.Recurrent("lstm", 4, 4, 3, dtype=torch.float64)
        if kind == "Recurrent"
        else cw.nn.LSTM(4, 4, 3, dtype=torch.float64)
    )
    loose = copy.deepcopy(deep)
    assert cw.nn.tie(deep) is deep
    for at in (1, 2):
        for name, weight in list(loose.named_parameters()):
            if name.endswith("_l0"):
                getattr(loose, name.replace("_l0", f"_l{at}")).data.copy_(weight)
    x = random(5, 2, 4)
    y, expected = deep(x)[0], loose(x)[0]
    torch.testing.assert_close(y, expected)
    y.square().sum().backward()
    expected.square().sum().backward()
    for name, weight in deep.named_parameters():
        base = name.removesuffix("_l0")
        torch.testing.assert_close(weight.grad, sum(getattr(loose, f"{base}_l{at}").grad for at in range(3)))
    assert len(list(deep.parameters())) == len(list(loose.parameters())) // 3
    assert list(deep.state_dict()) == list(loose.state_dict())


def test_copies_pickles_and_moves_stay_tied() -> None:
    deep = cw.nn.tie(cw.nn.Recurrent("gru", 3, 4, 4, bidirectional=True), 1, 3)
    for other in (copy.deepcopy(deep), pickle.loads(pickle.dumps(deep)), deep.double()):
        assert other.U_z_l3 is other.U_z_l1 and other.U_z_l3_reverse is other.U_z_l1_reverse
        assert other.U_z_l2 is not other.U_z_l1 and other.U_z_l1_reverse is not other.U_z_l1


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((0, 1), "other weights: got gru of 8 inputs and 4 units, expected gru of 3 inputs and 4 units"),
        ((1, 5), "no such layer: got 5, expected 0 to 2"),
    ],
)
def test_refused(layers: tuple[int, ...], message: str) -> None:
    with pytest.raises(cw.SettingError, match=message):
        cw.nn.tie(cw.nn.Recurrent("gru", 3, 4, 3, bidirectional=True), *layers)
