"""What goes into a layer, checked; and turning sequences round within their lengths. Floor 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cellwright.errors import ShapeError


def need_input(x: Tensor, input_size: int, dtype: torch.dtype) -> None:
    """Refuse what is not [T, B, I] of the layer's own dtype."""
    if x.dim() != 3 or x.shape[-1] != input_size:
        raise ShapeError(
            "the input does not fit the layer",
            got=f"shape {list(x.shape)}",
            expected=f"[time, batch, {input_size}] (or [batch, time, {input_size}] with batch_first=True)",
            fix="reshape it, or build the layer with another input_size",
        )
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise ShapeError(
            "the input has another dtype than the weights", got=x.dtype, expected=dtype, fix=f"x.to({dtype})"
        )


def checked_lengths(lengths: Tensor | Sequence[int] | None, x: Tensor) -> Tensor | None:
    """lengths as int64 [B] on x's device, each from 0 to T; None when there are none."""
    if lengths is None:
        return None
    counts = torch.as_tensor(lengths, device=x.device)
    steps, batch = x.shape[:2]
    if counts.shape != (batch,) or counts.is_floating_point():
        raise ShapeError(
            "lengths do not fit the input",
            got=f"{counts.dtype} {list(counts.shape)}",
            expected=f"whole numbers [{batch}]",
            fix="give one length per sequence",
        )
    if batch and (int(counts.min()) < 0 or int(counts.max()) > steps):
        raise ShapeError(
            "a length is out of range",
            got=f"{int(counts.min())} to {int(counts.max())}",
            expected=f"0 to {steps}",
            fix="count steps of the padded input",
        )
    return counts.long()


def checked_state(state: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The states given, by name, in the shapes of `start`."""
    if set(state) != set(start):
        raise ShapeError(
            "these are not the states of this layer",
            got=", ".join(state),
            expected=", ".join(start),
            fix="pass back the state that the layer returned",
        )
    for name, value in state.items():
        if value.shape != start[name].shape:
            raise ShapeError(
                f"the state `{name}` does not fit",
                got=list(value.shape),
                expected=f"{list(start[name].shape)} ([layers * directions, batch, size])",
                fix="the batch comes second, also with batch_first=True",
            )
    return {name: state[name] for name in start}


def reversed_steps(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x [T, B, ..] backwards in time, each sequence within its own length; padding stays in place."""
    if lengths is None:
        return x.flip(0)
    steps = torch.arange(x.shape[0], device=x.device)[:, None]
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return x.gather(0, index.unsqueeze(-1).expand_as(x))
