"""Memory measured on cells whose memory is known: one that leaks, one that forgets after so many steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.inspect import span as module

F64 = torch.float64


@cw.cell
def leaky(x, h, *, W, p):
    h = p * h + W @ x
    return h


@cw.cell
def register(x, h, *, U, W):
    h = U @ h + W @ x
    return h


@pytest.mark.parametrize("rows", [50, 1 << 16])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_leaky_unit(batch: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    layer = cw.nn.Recurrent(leaky, 1, 1, dtype=F64)
    with torch.no_grad():
        layer.weights(0)["p"].fill_(0.8)
    # Inputs that alternate: the exchanged one always differs by as much.
    x = torch.tensor([1.0, -1.0] * 11, dtype=F64).view(22, 1, 1).repeat(1, batch, 1)
    x[:, 1::2] *= -1
    found = cw.inspect.memory_span(layer, x)
    lags = found["lag"].to_numpy()
    assert lags[0] == 0 and len(lags) > 12
    np.testing.assert_allclose(found["share"], 0.8**lags)
    assert cw.inspect.reach(found, 0.5) == 3


def test_a_shift_register_forgets() -> None:
    layer = cw.nn.Recurrent(register, 1, 6, dtype=F64)
    with torch.no_grad():
        layer.weights(0)["U"].copy_(torch.diag(torch.ones(5), 1))
        layer.weights(0)["W"].copy_(torch.tensor([[0.0]] * 5 + [[1.0]]))
    found = cw.inspect.memory_span(layer, torch.randn(20, 3, 1, dtype=F64), lags=range(12))
    assert cw.inspect.reach(found, 1e-9) == 5
    assert found["change"].to_list()[6:] == [0.0] * 6


def test_refusals() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 4), torch.randn(5, 2, 3)
    with pytest.raises(cw.SettingError, match="got \\[9\\], expected 0 to 4"):
        cw.inspect.memory_span(layer, x, [9])
    with pytest.raises(cw.SettingError, match="a bidirectional layer feels the whole sequence"):
        cw.inspect.memory_span(cw.nn.Recurrent("gru", 3, 4, bidirectional=True), x)
    with pytest.raises(cw.ShapeError, match="nothing can be exchanged"):
        cw.inspect.memory_span(layer, torch.zeros(5, 2, 3))
