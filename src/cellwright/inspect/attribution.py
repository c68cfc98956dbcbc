"""Which step of the input moved the output: gradients times input, on a path, and occlusion. Floor 5."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from cellwright.errors import SettingError, ShapeError
from cellwright.inspect.inside import Trained, opened
from cellwright.inspect.unroll import still, time_first
from cellwright.nn.layer import Layer

Function = Callable[[Tensor], Tensor]
Method = Callable[[Function, Tensor, Tensor], Tensor]
ROWS = 1 << 16  # steps times sequences that run at one time
POINTS = 64  # of the way from the baseline to x


def sensitivity(
    function: Layer | Trained | Function,
    x: Tensor | str,
    *,
    method: str = "gradient",
    target: Function | None = None,
    baseline: Tensor | float = 0.0,
) -> Tensor:
    """How much each step of x moved the output, in units of the output.

        gradient     (x_t - baseline) times the gradient at x: what a straight line through x says
        integrated   the same with the mean gradient on the way from the baseline to x, at 64 points: all
                     steps together give f(x) - f(baseline)
        occlusion    f(x) - f(x with step t replaced by the baseline): what is lost without the step

    Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv 1703.01365.

    Args:
        function: a layer, a trained estimator, or anything that gives one number for each sequence, [B], for
            x [T, B, I].
        x: [T, B, I], or [T, I]; [B, T, I] for a layer with batch_first; of an estimator as in `record`.
        method: one of those above.
        target: from y to one number for each sequence, [B]; without it the last output of a layer is summed,
            and of an estimator what its network says is taken.
        baseline: what stands for "no input": a number, or what spreads to the shape of x.

    Returns:
        [T, B].

    Raises:
        SettingError: no such method. ShapeError: x does not fit; not one number for each sequence.

    >>> from cellwright.nn import Recurrent
    >>> sensitivity(Recurrent("gru", 3, 4), torch.ones(5, 2, 3)).shape
    torch.Size([5, 2])
    """
    if method not in METHODS:
        raise SettingError("no such method", got=method, expected=", ".join(METHODS))
    if isinstance(function, (Layer, Trained)):
        layer, x, says = opened(function, x)
        x, score = time_first(layer, x), target or says or (lambda y: y[-1].sum(-1))
        with still(layer):
            return _by(method, lambda x: score(layer.run(x)[0]), x, baseline)
    if not isinstance(x, Tensor):
        raise SettingError("a function reads numbers", got=type(x).__name__, expected="a tensor [T, B, I]")
    x = x.unsqueeze(1) if x.dim() == 2 else x
    return _by(method, function if target is None else lambda x: target(function(x)), x, baseline)


def _by(method: str, function: Function, x: Tensor, baseline: Tensor | float) -> Tensor:
    def checked(x: Tensor) -> Tensor:
        value = function(x)
        if value.shape != x.shape[1:2]:
            expected = f"[{x.shape[1]}], one number for each sequence"
            raise ShapeError("the target does not fit", got=f"shape {list(value.shape)}", expected=expected)
        return value

    none = torch.as_tensor(baseline, dtype=x.dtype, device=x.device).expand_as(x)
    return METHODS[method](checked, x.detach(), none)


def _slope(function: Function, x: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(function(leaf).sum(), leaf)[0]


def _gradient(function: Function, x: Tensor, none: Tensor) -> Tensor:
    return ((x - none) * _slope(function, x)).sum(-1)


def _integrated(function: Function, x: Tensor, none: Tensor) -> Tensor:
    """The midpoint rule: its error falls with the square of the number of points."""
    total = torch.zeros_like(x)
    for share in (torch.arange(POINTS, dtype=torch.float64) + 0.5) / POINTS:
        total += _slope(function, torch.lerp(none, x, float(share)))
    return ((x - none) * total / POINTS).sum(-1)


@torch.no_grad()
def _occlusion(function: Function, x: Tensor, none: Tensor) -> Tensor:
    """Copies of x side by side, each without one of its steps, as many at a time as `ROWS` allows."""
    T, B = x.shape[:2]
    whole, found = function(x), []
    for some in torch.split(torch.arange(T, device=x.device), max(1, ROWS // (T * B))):
        copies = x.unsqueeze(1).repeat(1, len(some), 1, 1)  # [T, copies, B, I]
        each = torch.arange(len(some), device=x.device)
        copies[some, each] = none[some]
        found.append(whole - function(copies.flatten(1, 2)).view(len(some), B))
    return torch.cat(found)


METHODS: Mapping[str, Method] = {
    "gradient": _gradient,
    "integrated": _integrated,
    "occlusion": _occlusion,
}
