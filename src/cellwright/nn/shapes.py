"""What goes into a layer, checked; and turning sequences round within their lengths. Floor 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cellwright.errors import DataError, ShapeError


def need_input(x: Tensor, input_size: int, like: Tensor) -> None:
    """Refuse what is not [T, B, I] of the layer's own dtype and device (`like` is a weight)."""
    if x.dim() != 3 or x.shape[-1] != input_size:
        raise ShapeError(
            "the input does not fit the layer",
            got=f"shape {list(x.shape)}",
            expected=f"[time, batch, {input_size}] (or [batch, time, {input_size}] with batch_first=True)",
            fix="reshape it, or build the layer with another input_size",
        )
    if x.dtype != like.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ShapeError(
            f"RNN input dtype ({x.dtype}) does not match weight dtype ({like.dtype})",
            fix=f"Convert input: input.to({like.dtype}), or convert model: model.to({x.dtype})",
        )
    if x.device != like.device:
        raise ShapeError(
            "the input is on another device than the weights",
            got=x.device,
            expected=like.device,
            fix=f'x.to("{like.device}")',
        )


def lower_type(device: str) -> torch.dtype | None:
    """The type that autocast wants products in; None outside autocast."""
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if on else None


def own_type(x: Tensor, like: Tensor) -> Tensor:
    """What autocast made smaller on its way here, in the layer's own type again: states are not rounded."""
    lower = lower_type(x.device.type)
    return x.to(like.dtype) if lower is not None and x.dtype == lower else x


def checked_lengths(lengths: Tensor | Sequence[int] | None, x: Tensor) -> Tensor | None:
    """lengths as int64 [B] on x's device, each from 0 to T; None when there are none.

    Under torch.compile their values are not looked at: what is out of range is taken for the nearest bound.
    """
    if lengths is None:
        return None
    counts = _numbers(lengths, x)
    steps, batch = x.shape[:2]
    if counts.shape != (batch,) or counts.is_floating_point() or counts.dtype == torch.bool:
        raise ShapeError(
            "lengths do not fit the input",
            got=f"{counts.dtype} {list(counts.shape)}",
            expected=f"whole numbers [{batch}]",
            fix="give one length per sequence",
        )
    if torch.compiler.is_compiling():
        return counts.long().clamp(0, steps)
    if batch and (int(counts.min()) < 0 or int(counts.max()) > steps):
        raise ShapeError(
            "a length is out of range",
            got=f"{int(counts.min())} to {int(counts.max())}",
            expected=f"0 to {steps}",
            fix="count steps of the padded input",
        )
    return counts.long()


def _numbers(lengths: Tensor | Sequence[int], x: Tensor) -> Tensor:
    """lengths as a tensor on x's device."""
    if isinstance(lengths, Tensor) and lengths.device == x.device:
        return lengths
    try:
        return torch.as_tensor(lengths, device=x.device)
    except (TypeError, ValueError, RuntimeError) as fact:
        raise ShapeError(
            "lengths are no numbers", got=fact, expected=f"whole numbers [{x.shape[1]}] on {x.device}"
        ) from None


def checked_resets(resets: Tensor | None, x: Tensor) -> Tensor | None:
    """resets as bool [T, B]; None when there are none."""
    if resets is None:
        return None
    if resets.shape != x.shape[:2] or resets.dtype != torch.bool or resets.device != x.device:
        raise ShapeError(
            "resets do not fit the input",
            got=f"{resets.dtype} {list(resets.shape)} on {resets.device}",
            expected=f"torch.bool [time {x.shape[0]}, batch {x.shape[1]}] on {x.device}",
            fix="mark every step that begins anew with True",
        )
    return resets


def checked_inputs(
    inputs: Mapping[str, Tensor] | None, sizes: Mapping[str, int], x: Tensor, lengths: Tensor | None
) -> dict[str, Tensor]:
    """What the cells read at every step beside x, [T, B, size] by name; zero in the padding."""
    given = inputs or {}
    if set(given) != set(sizes):
        raise ShapeError(
            "these are not the inputs that the cell reads beside x",
            got=", ".join(given) or "none",
            expected=", ".join(sizes) or "none",
            fix="layer(x, inputs={name: [time, batch, size]})",
        )
    found: dict[str, Tensor] = {}
    for name, size in sizes.items():
        value = given[name]
        shape = (*x.shape[:2], size)
        if tuple(value.shape) != shape or value.dtype != x.dtype or value.device != x.device:
            raise ShapeError(
                f"the input `{name}` does not fit",
                got=f"{value.dtype} {list(value.shape)} on {value.device}",
                expected=f"{x.dtype} {list(shape)} on {x.device}",
            )
        found[name] = zero_past(value, lengths)
    return found


def checked_state(
    state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], like: Tensor
) -> dict[str, Tensor]:
    """The states given, by name, in the shapes expected, of the dtype and on the device of x."""
    if not isinstance(state, Mapping) or set(state) != set(shapes):
        raise ShapeError(
            "these are not the states of this layer",
            got=", ".join(state) if isinstance(state, Mapping) else type(state).__name__,
            expected=", ".join(shapes),
            fix="pass back the state that the layer returned",
        )
    for name, shape in shapes.items():
        value = state[name]
        if not isinstance(value, Tensor):
            raise ShapeError(f"the state `{name}` is no tensor", got=type(value).__name__)
        if tuple(value.shape) != shape:
            raise ShapeError(
                f"the state `{name}` does not fit",
                got=list(value.shape),
                expected=f"{list(shape)} ([layers * directions, batch, size])",
                fix="the batch comes second, also with batch_first=True",
            )
        mixed = value.dtype != like.dtype and not torch.is_autocast_enabled(like.device.type)
        if value.device != like.device or mixed:
            raise ShapeError(
                f"the state `{name}` is of another kind than the input",
                got=f"{value.dtype} on {value.device}",
                expected=f"{like.dtype} on {like.device}",
                fix="state.to(x)",
            )
    return {name: own_type(state[name], like) for name in shapes}


def need_finite(value: Tensor, what: str) -> None:
    """Refuse a NaN or an infinity in [T, B, ..], naming its first step."""
    broken = ~value.isfinite().all(-1)
    if bool(broken.any()):
        step = int(broken.any(1).nonzero()[0])
        row = int(broken[step].nonzero()[0])
        number = value[step, row][~value[step, row].isfinite()][0].item()
        raise DataError(
            f"{what} is not finite", where=f"step {step}, sequence {row}", got=number, fix="look at that step"
        )


def zero_past(value: Tensor, lengths: Tensor | None) -> Tensor:
    """value [T, B, ..] with zeros past each sequence's length."""
    if lengths is None:
        return value
    past = torch.arange(value.shape[0], device=value.device)[:, None] >= lengths
    return value.masked_fill(past.unsqueeze(-1), 0.0)


def reversed_steps(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x [T, B, ..] backwards in time, each sequence within its own length; padding stays in place."""
    if lengths is None:
        return x.flip(0)
    steps = torch.arange(x.shape[0], device=x.device)[:, None]
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    # Whole rows of [T * B, ..]: `gather` goes number by number and takes three times as long.
    rows = index * x.shape[1] + torch.arange(x.shape[1], device=x.device)
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)


def reversed_resets(resets: Tensor, lengths: Tensor | None) -> Tensor:
    """Marks [T, B] for a layer that reads backwards: the boundary before step t is reached after step t."""
    steps = torch.arange(resets.shape[0], device=resets.device)[:, None]
    moved = resets.roll(-1, 0) & (steps + 1 < (resets.shape[0] if lengths is None else lengths))
    return reversed_steps(moved.unsqueeze(-1), lengths).squeeze(-1)
