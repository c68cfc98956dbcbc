"""Attribution: a linear cell's shares are known; on others each method against its own definition."""

from __future__ import annotations

import pytest
import torch

import cellwright as cw
from cellwright.inspect import attribution as module

F64 = torch.float64


@cw.cell
def leaky(x, h, *, W, p):
    h = p * h + W @ x
    return h


def leaky_layer() -> cw.nn.Recurrent:
    layer = cw.nn.Recurrent(leaky, 3, 2, dtype=F64)
    with torch.no_grad():
        layer.weights(0)["p"].copy_(torch.tensor([0.5, 0.9]))
    return layer


@pytest.mark.parametrize("method", ["gradient", "integrated", "occlusion"])
def test_a_linear_cell_is_shared_out_exactly(method: str) -> None:
    layer, x = leaky_layer(), torch.randn(6, 2, 3, dtype=F64)
    W, p = layer.weights(0)["W"].detach(), layer.weights(0)["p"].detach()
    expected = torch.stack([(x[t] @ W.T * p ** (5 - t)).sum(-1) for t in range(6)])
    torch.testing.assert_close(cw.inspect.sensitivity(layer, x, method=method), expected)
    torch.testing.assert_close(expected.sum(0), layer(x)[0][-1].sum(-1))


def test_integrated_gradients_add_up() -> None:
    layer, x = cw.nn.Recurrent("lstm", 3, 4, dtype=F64), 2 * torch.randn(6, 2, 3, dtype=F64)
    none = torch.full_like(x, 0.3)
    found = cw.inspect.sensitivity(layer, x, method="integrated", baseline=0.3)
    torch.testing.assert_close(
        found.sum(0), (layer(x)[0][-1] - layer(none)[0][-1]).sum(-1), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("rows", [1, 30, 1 << 16])
def test_occlusion_is_what_is_lost(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    layer, x = cw.nn.Recurrent("gru", 3, 4, dtype=F64), torch.randn(5, 2, 3, dtype=F64)
    found = cw.inspect.sensitivity(layer, x, method="occlusion", target=lambda y: y[2, :, 1])
    for t in range(5):
        without = x.clone()
        without[t] = 0
        torch.testing.assert_close(found[t], (layer(x)[0] - layer(without)[0])[2, :, 1])


def test_any_function_and_the_gradient_of_it() -> None:
    head = torch.nn.Linear(4, 1, dtype=F64)
    layer = cw.nn.Recurrent("gru", 3, 4, dtype=F64)
    x = torch.randn(5, 2, 3, dtype=F64, requires_grad=True)

    def score(x):
        return head(layer(x)[0].amax(0)).squeeze(-1)

    score(x).sum().backward()
    found = cw.inspect.sensitivity(score, x)
    torch.testing.assert_close(found, (x * x.grad).sum(-1).detach())
    assert all(p.grad is not None for p in head.parameters())


def test_batch_first_and_one_sequence() -> None:
    layer = cw.nn.Recurrent("gru", 3, 4, batch_first=True, dtype=F64)
    x = torch.randn(2, 5, 3, dtype=F64)
    found = cw.inspect.sensitivity(layer, x)
    torch.testing.assert_close(found[:, 1:], cw.inspect.sensitivity(layer, x[1]))


def test_refusals() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 4), torch.zeros(5, 2, 3)
    with pytest.raises(cw.SettingError, match="got lime, expected gradient, integrated, occlusion"):
        cw.inspect.sensitivity(layer, x, method="lime")
    with pytest.raises(cw.ShapeError, match=r"got shape \[5, 2, 4\], expected \[2\], one number"):
        cw.inspect.sensitivity(layer, x, target=lambda y: y)
