"""DropConnect: single weights, one mask for all steps and sequences, on the loop's matrices alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.by_hand import loop, random, zeros

import cellwright as cw
from cellwright.backends.call import Call


def layer_of(p: float = 0.4, name: str = "lstm", **options: Any) -> Any:
    torch.manual_seed(3)
    return cw.nn.Recurrent(name, 3, 6, parts=[cw.nn.DropConnect(p, **options)], dtype=torch.float64)


def weights_read(layer: Any, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """y and the weights that one run read."""
    calls: list[Call] = []
    execute = layer._execute
    layer._execute = lambda step, call: (calls.append(call), execute(step, call))[1]
    y, _ = layer(x)
    del layer._execute
    return y, dict(calls[0].weights)


def test_one_mask_of_weights_for_all_steps_and_sequences() -> None:
    layer, x = layer_of(), random(6, 3, 3)
    y, read = weights_read(layer, x)
    torch.testing.assert_close(y, loop(layer.cell, x, zeros(layer, 3), read)[0])
    own = layer.weights(0)
    for name, weight in own.items():
        if name.startswith("U_"):
            kept = read[name] != 0
            assert 0.2 < (~kept).double().mean() < 0.6
            torch.testing.assert_close(read[name], torch.where(kept, own[name] / 0.6, 0.0))
        else:
            assert read[name] is weight
    _, again = weights_read(layer, x)
    assert not torch.equal(again["U_i"], read["U_i"]), "another mask in the next run"


def test_dropped_weights_have_no_gradient() -> None:
    layer, x = layer_of(), random(6, 3, 3)
    y, read = weights_read(layer, x)
    y.sum().backward()
    gone = read["U_f"] == 0
    assert (layer.U_f_l0.grad[gone] == 0).all() and (layer.U_f_l0.grad[~gone] != 0).all()


def test_evaluation_reads_the_weights_as_they_are() -> None:
    layer, x = layer_of().eval(), random(6, 3, 3)
    torch.testing.assert_close(layer(x)[0], loop(layer.cell, x, zeros(layer, 3), layer.weights(0))[0])


def test_names_choose_the_matrices() -> None:
    _, read = weights_read(layer_of(names=("W_?", "U_f")), random(2, 1, 3))
    assert {name for name, w in read.items() if (w == 0).any() and w.dim() > 1} == {
        "U_f",
        "W_i",
        "W_f",
        "W_g",
        "W_o",
    }


def test_it_runs_on_the_same_backend_as_without() -> None:
    x = random(6, 3, 3)
    assert cw.explain(layer_of(), x).splitlines()[0] == cw.explain(layer_of().eval(), x).splitlines()[0]


def test_no_such_matrix() -> None:
    with pytest.raises(
        cw.SettingError, match="`lstm` has no matrix to drop weights of: got V_.*expected W_i, U_i"
    ):
        layer_of(names=("V_*",))
