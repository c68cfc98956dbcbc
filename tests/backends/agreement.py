"""The CPU kernels against the reference on one call: values, last states, every gradient."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.call import Call
from cellwright.backends.cpu import backend as cpu
from cellwright.compiler.trace import Cell
from cellwright.runtime.choose import plan_of

DRAWS = 8


def call_of(
    cell: Cell | str,
    T: int,
    B: int,
    I: int,
    H: int,
    dtype: torch.dtype,
    lengths: Tensor | None,
    seed: int = 0,
    resets: Tensor | None = None,
) -> tuple[Any, Call]:
    """A layer's call with random weights, states and input, all wanting gradients."""
    make = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=make, dtype=torch.float64).to(dtype)

    torch.manual_seed(seed)
    layer = cw.nn.Recurrent(cell, I, H, dtype=torch.float64)
    weights = {
        n: (w.detach() + 0.1 * random(*w.shape).double()).to(dtype).requires_grad_()
        for n, w in layer.weights(0).items()
    }
    sizes = layer.state_sizes()
    # States near 1 suit every cell: a normaliser must not start near 0.
    states = {n: (1 + 0.3 * random(B, size)).requires_grad_() for n, size in sizes.items()}
    x = random(T, B, I).requires_grad_()
    fresh = None
    if resets is not None:
        fresh = {n: (1 + 0.3 * random(B, size)).requires_grad_() for n, size in sizes.items()}
    return layer.cell.graph, Call(x, states, weights, lengths, resets=resets, fresh=fresh)


def results(backend: Any, graph: Any, call: Call) -> dict[str, Tensor]:
    """Values and gradients by name."""
    plan = plan_of(graph)
    assert backend.refuses(plan, call) is None
    out = backend.run(plan, call)
    named = {"y": out.y, **{f"last {n}": v for n, v in out.states.items()}}
    make = torch.Generator().manual_seed(7)
    loss = sum(
        (v * torch.randn(v.shape, generator=make, dtype=torch.float64).to(v.dtype)).sum()
        for v in named.values()
    )
    leaves = {"dx": call.x, **{f"d{n}_0": v for n, v in call.states.items()}}
    leaves |= {f"d{n}": v for n, v in call.weights.items()}
    leaves |= {f"d{n} fresh": v for n, v in (call.fresh or {}).items()}
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    gradients = {
        n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(leaves.items(), found, strict=False)
    }
    return {n: v.detach() for n, v in named.items()} | gradients


def poisoned(run: Any) -> Any:
    """Run with every fresh buffer full of NaN: what is read before it is written shows."""
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.empty(3).isnan().all()
        return run()
    finally:
        torch.use_deterministic_algorithms(False)


def as_double(call: Call) -> Call:
    """The same numbers in float64."""

    def wide(v: Tensor) -> Tensor:
        return v.detach().double().requires_grad_()

    states = {n: wide(v) for n, v in call.states.items()}
    fresh = None if call.fresh is None else {n: wide(v) for n, v in call.fresh.items()}
    weights = {n: wide(v) for n, v in call.weights.items()}
    return Call(wide(call.x), states, weights, call.lengths, resets=call.resets, fresh=fresh)


def agree(
    cell: Cell | str,
    dtype: torch.dtype = torch.float64,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    on: Any = cpu,
    **size: int,
) -> None:
    """float64: equal to the reference to rounding. float32: no further from float64 than 4 times the reference.

    In float32 the errors of one draw are a matter of chance where a cell passes small errors on (layer norm of
    c: from 1e-7 to 1e-4 by draw, the reference's as well as ours). What one draw does not show to be as near
    is judged by the geometric means over DRAWS of them.
    """
    shape = {"T": 6, "B": 3, "I": 3, "H": 6} | size
    floor = 1e-11 if dtype == torch.float64 else 2e-6
    draws = DRAWS if dtype == torch.float32 else 1
    pairs: dict[str, list[tuple[float, float]]] = {}
    for seed in range(draws):
        for name, pair in _errors(cell, dtype, lengths, resets, on, shape, seed).items():
            pairs.setdefault(name, []).append(pair)
        means = {
            name: [_mean(errors) for errors in zip(*found, strict=True)] for name, found in pairs.items()
        }
        far = {name: pair for name, pair in means.items() if not pair[0] <= max(4 * pair[1], floor)}
        if seed == 0 and not far:
            return
    name, (error, usual) = next(iter(far.items()), ("", (0.0, 0.0)))
    assert not far, f"{name}: error {error:.1e}, the reference's {usual:.1e}, over {draws} draws"


def _errors(
    cell: Cell | str,
    dtype: torch.dtype,
    lengths: Tensor | None,
    resets: Tensor | None,
    on: Any,
    shape: dict[str, int],
    seed: int,
) -> dict[str, tuple[float, float]]:
    """Of every value and gradient of a draw: the largest error, and the reference's, as a part of the largest."""
    sizes = (shape["T"], shape["B"], shape["I"], shape["H"])
    graph, call = call_of(cell, *sizes, dtype, lengths, seed, resets)
    exact = results(eager, graph, as_double(call))
    got = poisoned(lambda: results(on, graph, call))
    plain = results(eager, graph, call)

    def error_of(found: Tensor, value: Tensor) -> float:
        return float((found.double() - value).abs().max()) / (float(value.abs().max()) + 1e-30)

    return {name: (error_of(got[name], v), error_of(plain[name], v)) for name, v in exact.items()}


def _mean(errors: tuple[float, ...]) -> float:
    """The geometric mean; no error counts as less than a hundredth of float64's rounding."""
    return math.exp(sum(math.log(max(e, 1e-18) if e == e else math.nan) for e in errors) / len(errors))
