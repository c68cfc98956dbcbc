"""Products whose operands are rounded to bfloat16, written out in torch: what kernels are held to."""

from typing import Any

import torch
from torch import Tensor

from cellwright.backends.cpu import toolchain

# Macros of a kernel: two products at a time, tiles written out in C++, what this processor has itself.
PAIRS, TILES = ("-DHALF",), ("-DHALF", "-DAMX", "-DEMULATED")
OWN = toolchain.bfloat16_macros()


def rounded(v: Tensor) -> Tensor:
    return v.to(torch.bfloat16).to(v.dtype)


class Rounded(torch.autograd.Function):
    """rows [.., K] times matrix [M, K], and both products of the way back, every operand rounded."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(rows, matrix)
        return rounded(rows) @ rounded(matrix).T

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor]:
        rows, matrix = (rounded(v) for v in ctx.saved_tensors)
        d = rounded(d)
        return d @ matrix, d.flatten(0, -2).T @ rows.flatten(0, -2)


def distance(got: Tensor, expected: Tensor) -> float:
    return float((got.double() - expected).norm() / expected.norm())
