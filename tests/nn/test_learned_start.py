"""Learned starts: parameters that the states begin from, in every layer and direction."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.by_hand import random

import cellwright as cw


def layer_of(name: str = "lstm", **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(3)
    part = cw.nn.LearnedStart()
    layer = cw.nn.Recurrent(name, 3, 4, 2, bidirectional=True, parts=[part], dtype=torch.float64, **options)
    return layer, part


def test_a_learned_start_is_a_given_state_and_has_its_gradient() -> None:
    layer, part = layer_of()
    with torch.no_grad():
        for k, parameter in enumerate(part.parameters()):
            parameter.copy_(random(4, seed=k))
    ends = ("l0", "l0_reverse", "l1", "l1_reverse")
    assert [n for n, _ in part.named_parameters()] == [f"{s}_{end}" for end in ends for s in "hc"]
    x = random(5, 3, 3)
    rows = {s: torch.stack([getattr(part, f"{s}_{end}") for end in ends]) for s in "hc"}
    given = {s: v.detach().unsqueeze(1).expand(4, 3, 4).clone().requires_grad_() for s, v in rows.items()}
    (y, last), (expected, last_expected) = layer(x), layer(x, given)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(last, last_expected)
    y.square().sum().backward(retain_graph=True)
    learned = {s: torch.stack([getattr(part, f"{s}_{end}").grad for end in ends]) for s in "hc"}
    layer.zero_grad()
    expected.square().sum().backward()
    for s in "hc":
        torch.testing.assert_close(learned[s], given[s].grad.sum(1))
    assert all(p.grad is None or (p.grad == 0).all() for p in part.parameters()), (
        "a given state takes their place"
    )


def test_it_begins_where_the_cell_says() -> None:
    @cw.cell(start={"m": 2.0})
    def count(x, h, m, *, W):
        return W @ x * m, m + 1

    part = cw.nn.LearnedStart()
    cw.nn.Recurrent(count, 1, 2, parts=[part])
    assert part.m_l0.tolist() == [2.0, 2.0] and part.h_l0.tolist() == [0.0, 0.0]


def test_a_reset_goes_back_to_the_learned_start() -> None:
    layer, part = layer_of("gru")
    with torch.no_grad():
        part.h_l0.copy_(random(4))
        part.h_l1_reverse.copy_(random(4, seed=3))
    x, reset = random(6, 1, 3), torch.zeros(6, 1, dtype=torch.bool)
    reset[4] = True
    y, _ = layer(x, reset=reset)
    torch.testing.assert_close(y, torch.cat([layer(x[:4])[0], layer(x[4:])[0]]))


@pytest.mark.parametrize("mixed", [False, True])
def test_it_saves_and_loads(mixed: bool) -> None:
    cell: Any = ["lstm", "gru"] if mixed else "lstm"
    layers = [
        cw.nn.Recurrent(cell, 3, 4, 2, parts=[cw.nn.LearnedStart()], dtype=torch.float64) for _ in range(2)
    ]
    with torch.no_grad():
        layers[0].parts[0].h_l1.fill_(0.3)
    layers[1].load_state_dict(layers[0].state_dict())
    x = random(5, 3, 3)
    torch.testing.assert_close(layers[1](x), layers[0](x))
