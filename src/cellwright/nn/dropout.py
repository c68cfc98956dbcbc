"""Dropout whose masks cost little to draw on a CPU. Floor 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_DRAWS = 2**16
_PER_NUMBER = 4


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """x with a share p of its values set to zero and the others multiplied by 1 / (1 - p).

        y_k = x_k * M_k / (1 - p),   M_k ~ Bernoulli(1 - p)

    On a CPU a number of 64 bits decides over four values, where torch.nn.functional.dropout draws one for
    each, one after the other: with the way back about twice as fast. The probability is the nearest multiple
    of 2^-16 to p there. On other devices it is torch's function.
    Source: Srivastava et al. 2014.

    Args:
        x: any shape.
        p: the share of values set to zero, 0 to 1.
        training: without it x is returned as it is.

    >>> y = dropout(torch.ones(1000), 0.5)
    >>> sorted(set(y.tolist()))
    [0.0, 2.0]
    """
    if not training or not p:
        return x
    cut = round(p * _DRAWS)
    if x.device.type != "cpu" or not 0 < cut < _DRAWS or torch.compiler.is_compiling():
        return functional.dropout(x, p)
    return (x * _kept(x, cut)).mul_(1 / (1 - p))


def _kept(x: Tensor, cut: int) -> Tensor:
    """True for the values of x that stay: of 2^16 equally likely draws all but the lowest `cut`."""
    numbers = torch.empty(-(-x.numel() // _PER_NUMBER), dtype=torch.int64).random_(-(2**63), None)
    draws = numbers.view(torch.int16)[: x.numel()].view(x.shape)
    return draws >= cut - _DRAWS // 2


class Dropout(nn.Dropout):
    """torch.nn.Dropout, drawn by `dropout` of this module; `inplace` is not looked at."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, dropped in training."""
        return dropout(input, self.p, self.training)
