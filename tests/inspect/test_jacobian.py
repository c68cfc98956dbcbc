"""The Jacobians of steps: of a linear cell they are its matrix; of any other, what torch.func finds."""

from __future__ import annotations

import math

import numpy as np
import torch

import cellwright as cw

F64 = torch.float64


@cw.cell
def linear(x, h, *, U, W):
    h = U @ h + W @ x
    return h


def test_a_linear_cell_has_its_matrix_at_every_step() -> None:
    layer = cw.nn.Recurrent(linear, 2, 5, dtype=F64)
    U = torch.randn(5, 5, dtype=F64)
    with torch.no_grad():
        layer.weights(0)["U"].copy_(U)
    x = torch.randn(6, 3, 2, dtype=F64)
    found = cw.inspect.jacobians(layer, x)
    powers = [torch.linalg.matrix_power(U, k) for k in range(6)][::-1]
    size = float(np.linalg.norm(U.numpy(), 2))
    np.testing.assert_allclose(found["norm"], size)
    np.testing.assert_allclose(found["radius"], np.abs(np.linalg.eigvals(U.numpy())).max())
    np.testing.assert_allclose(found["product"], [np.linalg.norm(p.numpy(), 2) for p in powers])
    np.testing.assert_allclose(found["bound"], [size**k for k in range(5, -1, -1)])
    flow = cw.inspect.gradient_flow(layer, x)
    np.testing.assert_allclose(flow["h"], [float((p.T @ torch.ones(5, dtype=F64)).norm()) for p in powers])


def test_an_lstm_against_torch_func() -> None:
    layer = cw.nn.Recurrent("lstm", 3, 4, dtype=F64)
    x = torch.randn(5, 1, 3, dtype=F64)
    found = cw.inspect.jacobians(layer, x)

    def step(joined, x_t):
        state = {"h": joined[:4].view(1, 1, 4), "c": joined[4:].view(1, 1, 4)}
        _, after = layer(x_t.view(1, 1, 3), state)
        return torch.cat([after["h"].flatten(), after["c"].flatten()])

    joined, steps = torch.zeros(8, dtype=F64), []
    for x_t in x:
        steps.append(torch.func.jacrev(step)(joined, x_t).detach())
        joined = step(joined, x_t).detach()
    np.testing.assert_allclose(found["norm"], [float(torch.linalg.matrix_norm(J, 2)) for J in steps])
    product = torch.eye(8, dtype=F64)
    for t in range(4, -1, -1):
        assert math.isclose(found["product"][t], float(torch.linalg.matrix_norm(product, 2)), rel_tol=1e-9)
        assert found["product"][t] <= found["bound"][t] * (1 + 1e-12)
        product = product @ steps[t]


def test_each_sequence_ends_where_it_ends() -> None:
    layer = cw.nn.Recurrent("gru", 3, 4, dtype=F64)
    x = torch.randn(6, 2, 3, dtype=F64)
    both = cw.inspect.jacobians(layer, x, lengths=[6, 4])
    one, two = cw.inspect.jacobians(layer, x[:, :1]), cw.inspect.jacobians(layer, x[:4, 1:])
    for name in ("norm", "radius", "product", "bound"):
        mean = one[name].to_numpy().copy()
        mean[:4] = (mean[:4] + two[name].to_numpy()) / 2
        np.testing.assert_allclose(both[name], mean)


def test_what_is_not_a_number_is_shown() -> None:
    layer = cw.nn.Recurrent("elman", 3, 4)
    x = torch.randn(4, 1, 3)
    x[2] = torch.nan
    found = cw.inspect.jacobians(layer, x)
    assert found["norm"].is_nan().to_list() == [False, False, True, True]
    assert found["product"].is_nan().to_list() == [True, True, True, False]
