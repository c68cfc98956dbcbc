"""Dropout drawn four values at a time: what is dropped, how often, and what is left."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from cellwright.nn import Dropout
from cellwright.nn.dropout import dropout

MANY = 1_000_003  # no multiple of four


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.7, 0.999])
def test_a_share_is_dropped_and_the_mean_stays(p: float) -> None:
    y = dropout(torch.ones(MANY), p)
    dropped = (y == 0).double().mean().item()
    assert abs(dropped - p) < 5 * math.sqrt(p * (1 - p) / MANY)
    kept = y[y != 0]
    assert (kept == kept[0]).all()
    assert kept[0].item() == pytest.approx(1 / (1 - p), rel=1e-2 if p > 0.99 else 1e-4)
    assert abs(y.double().mean().item() - 1) < 5 * math.sqrt(p / (1 - p) / MANY)


@pytest.mark.parametrize("apart", [1, 2, 3, 4, 7])
def test_values_are_dropped_without_regard_to_each_other(apart: int) -> None:
    """Neighbours share a number of 64 bits: both are kept as often as chance has it."""
    kept = (dropout(torch.ones(MANY), 0.5) != 0).double()
    both = (kept[apart:] * kept[:-apart]).mean().item()
    assert abs(both - 0.25) < 5 * math.sqrt(0.25 * 0.75 / MANY)


def test_every_place_of_a_number_of_64_bits_is_even() -> None:
    kept = (dropout(torch.ones(MANY - 3), 0.3) != 0).double().view(-1, 4).mean(0)
    assert ((kept - 0.7).abs() < 5 * math.sqrt(0.3 * 0.7 / MANY * 4)).all(), kept


def test_its_gradient_is_what_was_kept() -> None:
    x = torch.randn(5, 7, 3, dtype=torch.float64).transpose(0, 2).requires_grad_()
    weight = torch.randn(3, 7, 5, dtype=torch.float64)

    def same(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(4)
        return dropout(x, 0.4) * weight

    assert torch.autograd.gradcheck(same, (x,))
    assert torch.autograd.gradgradcheck(same, (x,))
    assert (same(x) == 0).any() and (same(x) != 0).any()


def test_a_seed_gives_the_same_mask_and_the_next_call_another() -> None:
    torch.manual_seed(3)
    first, second = dropout(torch.ones(100), 0.5), dropout(torch.ones(100), 0.5)
    torch.manual_seed(3)
    assert torch.equal(dropout(torch.ones(100), 0.5), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("p", [0.0, 1e-9, 1 - 1e-9, 1.0])
def test_shares_that_16_bits_cannot_hold_are_torchs(p: float) -> None:
    x = torch.randn(50)
    torch.manual_seed(1)
    ours = dropout(x, p)
    torch.manual_seed(1)
    assert torch.equal(ours, functional.dropout(x, p))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_type_and_no_value_at_all(dtype: torch.dtype) -> None:
    y = dropout(torch.ones(64, dtype=dtype), 0.5)
    assert y.dtype == dtype and set(y.tolist()) == {0.0, 2.0}
    assert dropout(torch.empty(0, 3, dtype=dtype), 0.5).shape == (0, 3)


def test_the_module_drops_in_training_only() -> None:
    module, x = Dropout(0.5), torch.ones(200)
    assert (module(x) == 0).any()
    assert module.eval()(x) is x
    assert repr(module) == repr(torch.nn.Dropout(0.5))
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
        Dropout(1.5)


def test_under_torch_compile_it_is_torchs() -> None:
    whole = torch.compile(dropout, backend="aot_eager", fullgraph=True)
    assert set(whole(torch.ones(100), 0.5).tolist()) == {0.0, 2.0}
