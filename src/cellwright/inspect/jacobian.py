"""The Jacobians of the steps: how far each of them stretches a change, and all of them together. Floor 5."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl
import torch
from torch import Tensor

from cellwright.backends.eager import batched
from cellwright.compiler.interpret import interpret
from cellwright.inspect.inside import Trained, opened
from cellwright.inspect.unroll import Unrolled, leaves, unroll
from cellwright.nn.layer import Layer


@torch.enable_grad()
def jacobians(
    layer: Layer | Trained,
    x: Tensor | str,
    state: Mapping[str, Tensor] | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    at: int = 0,
    reverse: bool = False,
) -> pl.DataFrame:
    """How each step stretches and shrinks what came before, and what is left of it at the end.

    The Jacobian J_t is the derivative of all states after step t (joined, S numbers) by those before it. Its
    dense form is made: memory T * B * S^2 numbers, time T * B * S^3.

    Args:
        layer, x, state, lengths, at, reverse: as in `gradient_flow`.

    Returns:
        One row for each step, in the order of x: `step`; `norm`, the largest singular value of J_t;
        `radius`, its spectral radius; `product`, the largest singular value of J_T ... J_{t+1}: how far a
        change of the states after this step can be felt in the last ones; `bound`, the product of the norms
        of these Jacobians, which it cannot exceed. Means over the sequences that have the step.

    Raises:
        SettingError: no such layer or direction. ShapeError: x does not fit.
    """
    layer, x, _ = opened(layer, x)
    _, seen = unroll(layer, x, state, lengths, at=at, reverse=reverse)
    real, steps = seen.real(), _step_jacobians(seen)
    eye = torch.eye(steps.shape[-1], dtype=steps.dtype, device=steps.device)
    steps = torch.where(real[..., None, None], steps, eye)
    norm, after, limit = _norm(steps), eye.expand_as(steps[0]), torch.ones_like(real[0], dtype=steps.dtype)
    product, bound = [], []
    for J, size in zip(steps.flip(0), norm.flip(0), strict=True):
        product.append(_norm(after))
        bound.append(limit)
        after, limit = after @ J, limit * size
    found = {"norm": norm, "radius": _radius(steps)}
    found |= {"product": torch.stack(product[::-1]), "bound": torch.stack(bound[::-1])}
    return pl.DataFrame({"step": range(seen.steps), **{k: seen.means(v, real) for k, v in found.items()}})


def _norm(matrices: Tensor) -> Tensor:
    """The largest singular value of each; NaN where a matrix is not finite."""
    return _of_finite(matrices, lambda m: torch.linalg.matrix_norm(m, 2))


def _radius(matrices: Tensor) -> Tensor:
    """The largest absolute eigenvalue of each; NaN where a matrix is not finite."""
    return _of_finite(matrices, lambda m: torch.linalg.eigvals(m).abs().amax(-1))


def _of_finite(matrices: Tensor, measure: Callable[[Tensor], Tensor]) -> Tensor:
    finite = matrices.isfinite().all(-1).all(-1)
    return measure(matrices.nan_to_num(0.0, 0.0, 0.0)).masked_fill(~finite, torch.nan)


def _step_jacobians(seen: Unrolled) -> Tensor:
    """d(states after) / d(states before) of every step, [T, B, S, S] in float64; all steps at once."""
    graph, call = seen.graph, seen.call
    before = {n: v.detach().flatten(0, 1).double().requires_grad_() for n, v in seen.before().items()}
    given = {key: v.detach().double() for key, v in leaves(graph, call, call.x, {}, slice(None)).items()}
    given = {key: v.flatten(0, 1) if key[0] == "input" else v for key, v in given.items()}
    given |= {("state", name): value for name, value in before.items()}
    found = interpret(graph, given, run=batched)
    new = [found[k].expand_as(before[s.name]) for s, k in zip(graph.states, graph.returns, strict=True)]
    after = torch.cat(new, -1)
    rows = []
    for value in after.unbind(-1):
        by_state = torch.autograd.grad(
            value.sum(), list(before.values()), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        rows.append(torch.cat(by_state, -1))
    return torch.stack(rows, 1).view(*call.x.shape[:2], len(rows), -1)
