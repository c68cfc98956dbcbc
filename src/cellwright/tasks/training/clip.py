"""The length of a gradient, and its clipping (Pascanu, Mikolov & Bengio 2013, arXiv 1211.5063). Floor 6."""

from __future__ import annotations

import torch
from torch import Tensor


def length_of(gradients: list[Tensor]) -> Tensor:
    """The root of the sum of the squares of all of them, a number on their device.

    >>> length_of([torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])])
    tensor(5.)
    """
    whole: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return whole


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
