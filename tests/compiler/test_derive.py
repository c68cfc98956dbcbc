"""The adjoint of one step equals what torch's autograd finds in the cell's own text, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import cellwright as cw
from cellwright.compiler.derive import derive, interpret_adjoint
from cellwright.compiler.ops import OPS
from cellwright.compiler.rules import RULES
from cellwright.compiler.simplify import simplify
from cellwright.compiler.trace import Cell

LIBRARY = cw.cells.all()
SIZES = {"H": 8, "I": 8}


def leaves_of(cell: Cell, seed: int = 0) -> dict[tuple[str, str], torch.Tensor]:
    make = torch.Generator().manual_seed(seed)
    return {
        (n.op, n.name): torch.randn([d.evaluate(SIZES) for d in n.shape], generator=make, dtype=torch.float64)
        .mul(0.7)
        .requires_grad_()
        for n in cell.graph.nodes
        if n.op in ("input", "state", "parameter")
    }


def step(cell: Cell, leaves: dict[tuple[str, str], torch.Tensor]) -> tuple[torch.Tensor, ...]:
    flow = [v for (kind, _), v in leaves.items() if kind in ("input", "state")]
    new = cell(*flow, **{name: v for (kind, name), v in leaves.items() if kind == "parameter"})
    return new if isinstance(new, tuple) else (new,)


def agree(cell: Cell, seed: int = 0) -> None:
    leaves = leaves_of(cell, seed)
    new = step(cell, leaves)
    make = torch.Generator().manual_seed(seed + 1)
    seeds = [torch.randn(v.shape, generator=make, dtype=v.dtype) for v in new]
    expected = torch.autograd.grad(new, list(leaves.values()), seeds, allow_unused=True)
    plain = {key: v.detach() for key, v in leaves.items()}
    for graph in (cell.graph, simplify(cell.graph)):
        names = [s.name for s in graph.states]
        got = interpret_adjoint(derive(graph), plain, dict(zip(names, seeds, strict=False)))
        for key, value in zip(leaves, expected, strict=False):
            if value is None:
                assert key not in got or not got[key].any()
            else:
                torch.testing.assert_close(
                    got[key], value, rtol=1e-10, atol=1e-12, msg=lambda m, key=key: f"{key}: {m}"
                )


def one(function: Any) -> Cell:
    return cw.cell(function)


def _pow(x: [H], h, *, U, b):
    return cw.exp(x) ** b + (U @ h) ** 2 + cw.exp(h) ** -1.5


def _words(x: [H], h, *, U, p, a: []):
    v = cw.softmax(U @ h) + cw.cumsum(p * x) + a * cw.sin(h) - cw.cos(x) / (2 + cw.sqrt(cw.abs(h) + 0.1))
    v = cw.clip_gradient(v, 0.2)
    return cw.layer_norm(v, p) + cw.mean(v) * cw.max(v * p) + cw.log(1 + cw.exp(v)) * cw.sum(cw.relu(v))


def _arranged(x: [H], h, c, *, W: [2 * H, 2 * H], R: [2, H / 2, H / 2]):
    v = W @ cw.concat(h, x)
    g = cw.blocks(R, cw.part(v, 0, 2)) * cw.sigmoid(cw.part(v, 1, 2))
    c = cw.where(g > 0, cw.softplus(g), 0.1 * c)
    return cw.maximum(g, c) + cw.minimum(h, -x), c


def _weights(x: [H], h, *, U, M: [H, H], s: [], a):
    k = cw.exp(-cw.abs(a))
    return k * ((s * U * M).T @ h) + x


@pytest.mark.parametrize("name", LIBRARY)
def test_library(name: str) -> None:
    agree(LIBRARY[name])


@pytest.mark.parametrize("function", [_pow, _words, _arranged, _weights], ids=lambda f: f.__name__)
def test_every_word(function: Any) -> None:
    for seed in range(3):
        agree(one(function), seed)


def test_ties_share() -> None:
    cell = one(_ties)
    x = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    h = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64, requires_grad=True)
    new = cell(x, h)
    (expected,) = torch.autograd.grad(new.sum(), h)
    got = interpret_adjoint(
        derive(cell.graph), {("input", "x"): x, ("state", "h"): h.detach()}, {"h": torch.ones_like(x)}
    )
    torch.testing.assert_close(got[("state", "h")], expected)


def _ties(x: [H], h):
    return cw.maximum(x, h) + cw.minimum(h, x) + cw.max(cw.relu(h) + 0 * x) + cw.abs(h)


def test_every_operation_has_its_row() -> None:
    assert set(RULES) == set(OPS)


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "tanh", RULES["sigmoid"])
    with pytest.raises(AssertionError):
        agree(LIBRARY["lstm"])
