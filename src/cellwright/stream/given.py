"""What a push is given, as tensors, and the streams it is for. Floor 5. Refuses what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cellwright.errors import DataError, ShapeError


def numbers(value: Any, like: Tensor, expected: str, what: str = "the step") -> Tensor:
    """A step as a tensor of the dtype and on the device of `like`."""
    if "complex" in str(getattr(value, "dtype", "")):
        raise ShapeError(f"{what} is not of real numbers", got="complex ones", expected=expected)
    try:
        x = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ShapeError(f"{what} is not of numbers", got=error, expected=expected) from None
    return x.detach().contiguous()


def need_finite(x: Tensor, step: int, chosen: Tensor | None) -> None:
    """Refuse a NaN or an infinity in a step [n, I], naming the step and the stream."""
    broken = ~x.isfinite()
    if bool(broken.any()):
        row, place = (int(v) for v in broken.nonzero()[0])
        stream = row if chosen is None else int(chosen[row])
        raise DataError(
            "the step is not finite",
            where=f"step {step}, stream {stream}",
            got=x[row, place].item(),
            fix="leave it out, or fill it in",
        )


def chosen_rows(rows: Any, streams: int) -> Tensor:
    """Which streams, as int64 positions: from an index, several, or a mask.

    >>> chosen_rows([0, -1], 3).tolist(), chosen_rows(torch.tensor([False, True, False]), 3).tolist()
    ([0, 2], [1])
    """
    try:
        found: Tensor = torch.as_tensor(rows).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise _no_rows(error, streams) from None
    found = found[None] if found.ndim == 0 else found
    if found.dtype == torch.bool:
        if found.shape != (streams,):
            raise _no_rows(f"a mask of shape {list(found.shape)}", streams)
        return found.nonzero()[:, 0]
    if not found.numel():
        return found.long().reshape(0)
    if found.ndim != 1 or found.is_floating_point() or found.is_complex():
        raise _no_rows(f"{found.dtype} of shape {list(found.shape)}", streams)
    places = torch.where(found < 0, found + streams, found).long()
    wrong = found[(places < 0) | (places >= streams)]
    if len(wrong):
        raise _no_rows(int(wrong[0]), streams)
    if len(set(places.tolist())) != len(places):
        raise _no_rows("a stream twice", streams)
    return places


def _no_rows(got: object, streams: int) -> ShapeError:
    return ShapeError(
        "there are no such streams",
        where="rows",
        got=got,
        expected=f"0 to {streams - 1}, or a mask [{streams}]",
    )


def need_out(out: Any, shape: Sequence[int], like: Tensor) -> None:
    """Refuse an `out` that the output cannot be written to."""
    expected = f"a tensor or an array of {like.dtype}, {list(shape)}"
    if isinstance(out, np.ndarray):
        fits = out.shape == tuple(shape) and out.dtype == _numpy(like.dtype) and out.flags.writeable
        got = f"{out.dtype}, {list(out.shape)}" + ("" if out.flags.writeable else ", read-only")
    elif isinstance(out, Tensor):
        fits = tuple(out.shape) == tuple(shape) and out.dtype == like.dtype and out.device == like.device
        got = f"{out.dtype}, {list(out.shape)} on {out.device}"
    else:
        fits, got = False, type(out).__name__
    if not fits:
        raise ShapeError("the output does not fit into `out`", got=got, expected=expected)


def filled(out: Any, y: Tensor) -> Any:
    """`out`, after `need_out`, with y in it."""
    if isinstance(out, np.ndarray):
        out[...] = y.numpy()
    else:
        with torch.no_grad():
            out.copy_(y)
    return out


def _numpy(dtype: torch.dtype) -> Any:
    return torch.empty(0, dtype=dtype, device="cpu").numpy().dtype if dtype != torch.bfloat16 else None
