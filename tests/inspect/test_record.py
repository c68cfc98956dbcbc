"""Every gate and state by its name, from any layer and direction."""

import pytest
import torch

import cellwright as cw


def test_gates_follow_the_equations_in_every_layer_and_direction() -> None:
    layer = cw.nn.Recurrent("lstm", 3, 4, num_layers=2, bidirectional=True, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    y, _ = layer(x)
    forward = cw.inspect.record(layer, x, at=1)
    backward = cw.inspect.record(layer, x, at=1, reverse=True)
    torch.testing.assert_close(torch.cat([forward["h"], backward["h"]], -1), y)
    r = backward
    torch.testing.assert_close(r["c"][2], r["f"][2] * r["c"][3] + r["i"][2] * r["g"][2])
    w, first = layer.weights(0), cw.inspect.record(layer, x)
    torch.testing.assert_close(first["f"][0], torch.sigmoid(x[0] @ w["W_f"].T + w["b_f"]))


def test_the_drop_ins_and_batch_first() -> None:
    layer = cw.nn.GRU(3, 4, batch_first=True)
    gates = cw.inspect.record(layer, torch.zeros(2, 5, 3))
    assert {k: tuple(v.shape) for k, v in gates.items()} == dict.fromkeys(("r", "z", "n", "h"), (5, 2, 4))


def test_no_such_layer() -> None:
    with pytest.raises(cw.SettingError, match=r"got layer 1, expected layers 0 to 0, 1 direction"):
        cw.inspect.record(cw.nn.Recurrent("lstm", 3, 4), torch.zeros(5, 2, 3), at=1)
