"""The forms in which sequences come, all to [T, B, I] with lengths, and back. Floor 4.

A tensor, batch first or second or of one sequence alone; a PackedSequence, sorted or not; a nested tensor of
jagged layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from cellwright.errors import ShapeError
from cellwright.nn.frame import States

Lengths = Tensor | Sequence[int] | None
# None is that of a PackedSequence.
LAYOUTS = (torch.strided, torch.jagged, None)


@dataclass(frozen=True)
class Sequences:
    """Sequences as a layer reads them: x [T, B, I], lengths [B] or None, and the form they came in."""

    x: Tensor
    lengths: Lengths
    form: str
    origin: Tensor | PackedSequence

    def back(self, y: Tensor) -> Tensor | PackedSequence:
        """An output [T, B, ..] in the form of the input."""
        if self.form == "packed":
            return _packed(y, self.lengths, self.origin)
        if self.form == "nested":
            return _nested(y, self.origin)
        if self.form == "alone":
            return y.squeeze(1)
        return y.transpose(0, 1) if self.form == "batch first" else y

    def states(self, state: Mapping[str, Tensor] | None) -> Mapping[str, Tensor] | None:
        """Given states with a batch axis: [L*D, size] of one sequence alone become [L*D, 1, size]."""
        if not isinstance(state, Mapping) or self.form != "alone":
            return state
        return {name: v.unsqueeze(1) if isinstance(v, Tensor) else v for name, v in state.items()}

    def last(self, states: States) -> States:
        """The states after a run as `states` was given."""
        return states if self.form != "alone" else {name: v.squeeze(1) for name, v in states.items()}

    def timed(self, value: Tensor, what: str) -> Tensor:
        """What comes beside x at every step, in the layout of x, to [T, B, ..].

        Raises:
            ShapeError: no tensor, or x is packed or nested.
        """
        if not isinstance(value, Tensor):
            raise ShapeError(f"{what} are no tensor", got=type(value).__name__, fix="torch.as_tensor(..)")
        if self.form in ("packed", "nested"):
            raise ShapeError(
                f"{what} go with a padded tensor, not with a {self.form} one", fix="pad it and give lengths"
            )
        if self.form == "alone":
            return value.unsqueeze(1)
        return value.transpose(0, 1) if self.form == "batch first" else value


def opened(input: Tensor | PackedSequence, batch_first: bool, lengths: Lengths = None) -> Sequences:
    """Sequences of any form.

    Raises:
        ShapeError: no tensor of a form that is known, or lengths beside a form that has its own.
    """
    if not isinstance(input, (Tensor, PackedSequence)) or getattr(input, "layout", None) not in LAYOUTS:
        raise ShapeError(
            "a layer does not read this",
            got=getattr(input, "layout", type(input).__name__),
            expected="a dense or nested tensor, or a PackedSequence",
            fix="torch.as_tensor(x)",
        )
    if isinstance(input, Tensor) and not input.is_nested:
        if input.dim() == 2:
            return Sequences(input.unsqueeze(1), lengths, "alone", input)
        if batch_first and input.dim() == 3:
            return Sequences(input.transpose(0, 1), lengths, "batch first", input)
        return Sequences(input, lengths, "time first", input)
    if lengths is not None:
        raise ShapeError(
            "lengths are given twice",
            got="lengths= beside packed or nested sequences",
            fix="leave lengths= out",
        )
    if isinstance(input, PackedSequence):
        x, counts = pad_packed_sequence(input)
        return Sequences(x, counts, "packed", input)
    return _opened_nested(input)


def _packed(y: Tensor, lengths: Lengths, origin: Tensor | PackedSequence) -> PackedSequence:
    """y [T, B, ..] packed in the very order of the input."""
    assert isinstance(origin, PackedSequence) and isinstance(lengths, Tensor)
    order = origin.sorted_indices
    if order is not None:
        y, lengths = y.index_select(1, order), lengths.index_select(0, order.to(lengths.device))
    return pack_padded_sequence(y, lengths)._replace(
        sorted_indices=order, unsorted_indices=origin.unsorted_indices
    )


def _opened_nested(input: Tensor) -> Sequences:
    """The rows of a jagged tensor [B, *, I] gathered into [T, B, I]; padding repeats some row."""
    if input.layout != torch.jagged or input.dim() != 3:
        raise ShapeError(
            "the nested tensor does not fit the layer",
            got=f"{input.layout}, {input.dim()} axes",
            expected="layout=torch.jagged, [batch, *, size]",
        )
    values, offsets = input.values(), input.offsets()  # type: ignore[attr-defined]
    lengths = offsets.diff()
    longest = int(lengths.max()) if len(lengths) else 0
    steps = torch.arange(longest, device=values.device)[:, None]
    rows = (offsets[:-1] + steps).clamp(max=max(len(values) - 1, 0))
    return Sequences(values[rows], lengths, "nested", input)


def _nested(y: Tensor, origin: Tensor | PackedSequence) -> Tensor:
    """y [T, B, ..] as a jagged tensor whose sequences are those of the input."""
    assert isinstance(origin, Tensor)
    offsets = origin.offsets()  # type: ignore[attr-defined]
    count = int(offsets[-1])
    batch = torch.repeat_interleave(offsets.diff(), output_size=count)
    steps = torch.arange(count, device=y.device) - offsets[batch]
    return torch.nested.nested_tensor_from_jagged(y[steps, batch], offsets)
