"""The gates' rows of a packed weight, whose gradients come back as one matrix without a copy. Floor 4."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def rows_of(weight: Tensor, count: int) -> tuple[Tensor, ...]:
    """`weight.chunk(count)`. On the way back, gradients that already lie side by side are taken as they lie.

    >>> [tuple(piece.shape) for piece in rows_of(torch.zeros(8, 3), 4)]
    [(2, 3), (2, 3), (2, 3), (2, 3)]
    """
    transformed = torch._C._functorch.peek_interpreter_stack() is not None
    forward_mode = torch.autograd.forward_ad._current_level >= 0
    if count == 1 or not weight.requires_grad or transformed or forward_mode or torch.compiler.is_compiling():
        return weight.chunk(count)
    pieces: tuple[Tensor, ...] = _Rows.apply(weight, count)  # type: ignore[no-untyped-call]
    return pieces


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, count: int) -> tuple[Tensor, ...]:
        ctx.shape = weight.shape
        return weight.chunk(count)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        if not torch.is_grad_enabled() and _adjoin(gradients):
            stride = (ctx.shape[1], 1) if len(ctx.shape) == 2 else (1,)
            return gradients[0].as_strided(ctx.shape, stride), None
        return torch.cat(gradients), None


def _adjoin(pieces: tuple[Tensor, ...]) -> bool:
    """Whether they lie one after the other in one storage."""
    first, size = pieces[0], pieces[0].numel()
    place = first.untyped_storage().data_ptr()
    return all(
        p.is_contiguous()
        and p.untyped_storage().data_ptr() == place
        and p.storage_offset() == first.storage_offset() + k * size
        for k, p in enumerate(pieces)
    )
