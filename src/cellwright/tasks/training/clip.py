"""The length of a gradient, and its clipping (Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063). Floor 6."""

from __future__ import annotations

import torch
from torch import Tensor

LARGE = 1 << 17  # numbers: half a megabyte of float32


def length_of(gradients: list[Tensor]) -> Tensor:
    """The root of the sum of the squares of all of them, a number on their device.

    >>> length_of([torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])])
    tensor(5.)
    """
    lengths = [_by_product(g.flatten()) for g in gradients if _is_large(g)]
    small = [g for g in gradients if not _is_large(g)]
    lengths += torch._foreach_norm(small) if small else ()
    whole: Tensor = torch.linalg.vector_norm(torch.stack(lengths))
    return whole


def _is_large(gradient: Tensor) -> bool:
    """Whether a product with itself is quicker than torch's norm; it is no less exact."""
    plain = gradient.device.type == "cpu" and gradient.dtype in (torch.float32, torch.float64)
    return plain and gradient.numel() >= LARGE and gradient.is_contiguous()


def _by_product(gradient: Tensor) -> Tensor:
    return gradient.dot(gradient).sqrt()


def step_shortened(optimizer: torch.optim.Optimizer, gradients: list[Tensor], share: float) -> None:
    """A step of the optimiser as if every gradient were `share` of what it is.

    To be called where gradients are too long only: torch's `clip_grad_norm_` multiplies always, by 1 if need
    be. Plain SGD takes the share into its rate, and no gradient is read or written for it:

        p - r (s g + d p) = p - (r s) (g + (d / s) p)

    >>> p = torch.nn.Parameter(torch.tensor([1.0]))
    >>> p.grad = torch.tensor([3.0])
    >>> step_shortened(torch.optim.SGD([p], lr=0.5, weight_decay=0.1), [p.grad], 1 / 3)
    >>> p.data, p.grad
    (tensor([0.4500]), tensor([3.]))
    """
    groups = optimizer.param_groups
    if not isinstance(optimizer, torch.optim.SGD) or any(group["momentum"] for group in groups):
        torch._foreach_mul_(gradients, share)
        optimizer.step()
        return
    before = [(group["lr"], group["weight_decay"]) for group in groups]
    for group, (rate, decay) in zip(groups, before, strict=True):
        group["lr"], group["weight_decay"] = rate * share, decay / share
    try:
        optimizer.step()
    finally:
        for group, (rate, decay) in zip(groups, before, strict=True):
            group["lr"], group["weight_decay"] = rate, decay
