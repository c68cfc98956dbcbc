"""Equations filled with numbers: what is written, evaluated as it stands, gives what the layer recorded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.inspect.anatomy import anatomy

F64 = torch.float64
WORDS = {
    "σ": lambda v: 1 / (1 + np.exp(-v)),
    "softplus": lambda v: np.logaddexp(v, 0),
    "relu": lambda v: np.maximum(v, 0),
    **{name: getattr(np, name) for name in ("tanh", "exp", "log", "where", "maximum", "minimum")},
}


def evaluated(pieces, values) -> np.ndarray:
    """The text as Python, every term a number of its own name."""
    text = "".join(p if isinstance(p, str) else f"(v_{p})" for p in pieces)
    text = text.replace("⊙", "*").replace("·", "*").replace(" = ", " == ").replace("≤", "<=")
    return eval(text, dict(WORDS), {f"v_{k}": v.numpy() for k, v in values.items()})


@pytest.mark.parametrize("name", cw.cells.all())
@pytest.mark.parametrize("reverse", [False, True])
def test_the_numbers_of_an_equation_give_its_value(name: str, reverse: bool) -> None:
    layer = cw.nn.Recurrent(name, 3, 6, num_layers=2, bidirectional=True, dtype=F64)
    sizes = layer.state_sizes()
    state = {n: 1 + 0.3 * torch.randn(4, 2, size, dtype=F64) for n, size in sizes.items()}
    x = torch.randn(5, 2, 3, dtype=F64)
    found = anatomy(layer, x, state, at=1, reverse=reverse)
    recorded = cw.inspect.record(layer, x, state, at=1, reverse=reverse)
    assert [e.name for e in found.equations] == list(recorded)
    for equation in found.equations:
        torch.testing.assert_close(found.values[equation.place], recorded[equation.name])
        np.testing.assert_allclose(
            evaluated(equation.pieces, found.values), recorded[equation.name], atol=1e-9
        )


def test_terms_are_products_with_the_real_matrices() -> None:
    layer, x = cw.nn.Recurrent("lstm", 3, 4, dtype=F64), torch.randn(6, 1, 3, dtype=F64)
    found, h = anatomy(layer, x), cw.inspect.record(layer, x)["h"]
    w = layer.weights(0)
    places = {text: place for place, text in found.terms.items()}
    torch.testing.assert_close(found.values[places["W_f x_t"]], (x @ w["W_f"].T).detach())
    torch.testing.assert_close(found.values[places["U_f h_{t-1}"]][1:], (h[:-1] @ w["U_f"].T).detach())
    assert found.values[places["U_f h_{t-1}"]][0].abs().max() == 0
    torch.testing.assert_close(found.values[places["b_f"]], w["b_f"].detach())


@cw.cell
def delays(x, h, d, *, U, W):
    h_next = cw.tanh(U @ d + W @ x)
    return h_next, h


def test_a_state_without_an_equation() -> None:
    layer, x = cw.nn.Recurrent(delays, 3, 4, dtype=F64), torch.randn(6, 2, 3, dtype=F64)
    found, h = anatomy(layer, x), cw.inspect.record(layer, x)["h"]
    place = next(k for k, text in found.terms.items() if text == "U d_{t-1}")
    torch.testing.assert_close(found.values[place][2:], (h[:-2] @ layer.weights(0)["U"].T).detach())


def test_going_on_from_a_state() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 4, dtype=F64), torch.randn(7, 1, 3, dtype=F64)
    whole, first = anatomy(layer, x), anatomy(layer, x[:4])
    rest = anatomy(layer, x[4:], first.state)
    for place, value in whole.values.items():
        if value.dim() == 3:
            torch.testing.assert_close(torch.cat([first.values[place], rest.values[place]]), value)
