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


def shorten(gradients: list[Tensor], length: Tensor, limit: float) -> None:
    """Make their length `limit`, in place.

    To be called where it is longer only: torch's `clip_grad_norm_` multiplies always, by 1 if need be, and so
    reads and writes every gradient at every step.

    >>> gradients = [torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])]
    >>> shorten(gradients, length_of(gradients), 1.0)
    >>> gradients
    [tensor([0.6000]), tensor([[0.0000, 0.8000]])]
    """
    torch._foreach_mul_(gradients, limit / (length + 1e-6))
