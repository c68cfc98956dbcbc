"""Every word: on tensors against torch, on numbers against tensors, and the two inside a cell."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import cellwright as cw
from cellwright.compiler.ops import OPS

V = torch.linspace(-3.0, 3.0, 8, dtype=torch.float64)
P = torch.linspace(0.1, 4.0, 8, dtype=torch.float64)

SAME_AS_TORCH: list[tuple[str, Any, torch.Tensor]] = [
    ("sigmoid", torch.sigmoid, V), ("tanh", torch.tanh, V), ("relu", torch.relu, V), ("exp", torch.exp, V),
    ("log", torch.log, P), ("softplus", F.softplus, V), ("log_sigmoid", F.logsigmoid, V), ("sqrt", torch.sqrt, P),
    ("abs", torch.abs, V), ("sin", torch.sin, V), ("cos", torch.cos, V), ("sum", torch.sum, V),
    ("mean", torch.mean, V), ("max", torch.max, V), ("softmax", lambda v: v.softmax(0), V),
    ("cumsum", lambda v: v.cumsum(0), V), ("layer_norm", lambda v: F.layer_norm(v, [8]), V),
]  # fmt: skip


@pytest.mark.parametrize(("word", "torch_word", "v"), SAME_AS_TORCH, ids=[row[0] for row in SAME_AS_TORCH])
def test_words_on_tensors(word: str, torch_word: Any, v: torch.Tensor) -> None:
    torch.testing.assert_close(getattr(cw, word)(v), torch_word(v))


@pytest.mark.parametrize(
    "op", [row for row in OPS.values() if row.number is not None], ids=lambda row: row.name
)
def test_the_number_column_is_the_tensor_column(op: Any) -> None:
    operands = [P, V.flip(0), V][: op.arity] if op.name != "where" else [V < 0, V, P]
    expected = op.tensor(*operands)
    for k in range(len(V)):
        number = op.number(*(v[k].item() for v in operands))
        assert float(number) == pytest.approx(float(expected[k]), rel=1e-12)


def test_words_of_two_values() -> None:
    torch.testing.assert_close(cw.maximum(V, 0.5), V.clamp(min=0.5))
    torch.testing.assert_close(cw.minimum(0.5, V), V.clamp(max=0.5))
    torch.testing.assert_close(cw.where(V > 0, V, 0.1 * V), F.leaky_relu(V, 0.1))
    torch.testing.assert_close(cw.where(V > 0, 1.0, 0.0), (V > 0).float())
    torch.testing.assert_close(cw.concat(V, P), torch.cat([V, P]))
    torch.testing.assert_close(cw.part(V, 1, 4), V[2:4])


def test_block_products_are_products_with_a_block_diagonal_matrix() -> None:
    blocks = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(cw.blocks(blocks, V), torch.block_diag(*blocks) @ V)


def test_words_on_numbers() -> None:
    assert cw.sigmoid(0.0) == 0.5
    assert cw.exp(1.0) == math.e
    assert cw.maximum(1.0, 2.0) == 2.0
    with pytest.raises(TypeError, match="softmax needs a vector"):
        cw.softmax(1.0)


@pytest.mark.parametrize("v", [-800.0, 800.0])
def test_no_overflow_where_the_answer_is_finite(v: float) -> None:
    far = torch.tensor([v], dtype=torch.float64)
    for word in (cw.sigmoid, cw.softplus, cw.tanh, cw.log_sigmoid):
        assert torch.isfinite(word(far)).all()
        assert math.isfinite(word(v))


def test_softplus_has_the_right_derivative_at_zero() -> None:
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    cw.softplus(zero).sum().backward()
    assert zero.grad is not None
    assert zero.grad.item() == 0.5


def test_a_gradient_within_bounds() -> None:
    v = V.clone().requires_grad_()
    assert cw.clip_gradient(2.0, 1.0) == 2.0
    cw.clip_gradient(v, 2.0).square().sum().backward()
    torch.testing.assert_close(v.grad, (2 * V).clamp(-2.0, 2.0))
    other = V.clone().requires_grad_()
    (cw.clip_gradient(other, 0.1) + other).sum().backward()
    torch.testing.assert_close(other.grad, torch.full_like(V, 1.1), msg="other uses keep their gradient")


@pytest.mark.parametrize("limit", [0, -1.0, math.nan, math.inf, True, "1"])
def test_a_bound_is_a_number_above_0(limit: Any) -> None:
    def wrong(x, h, *, W):
        return cw.clip_gradient(W @ x + h, limit)

    with pytest.raises(cw.CellError, match=rf"clip_gradient.*got limit={limit}, expected a number above 0"):
        cw.cell(wrong)
