"""Record first, draw later: the value of every gate and state at every step. Floor 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cellwright.inspect.unroll import need_part, still, time_first
from cellwright.nn.layer import Layer


@torch.no_grad()
def record(
    layer: Layer,
    x: Tensor,
    state: Mapping[str, Tensor] | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    at: int = 0,
    reverse: bool = False,
) -> dict[str, Tensor]:
    """Every value that the equations name, at every step.

    Args:
        layer: a `cellwright.nn` layer.
        x: [T, B, I], [B, T, I] if the layer is batch_first, or [T, I].
        state, lengths: as in the layer's call.
        at: which of the stacked layers, from 0.
        reverse: the backward direction of a bidirectional layer (in the order of x all the same).

    Returns:
        {name: [T, B, H]} in the order of the equations; zero past each sequence's length.

    Raises:
        SettingError: no such layer or direction. ShapeError: x does not fit.

    >>> import cellwright as cw
    >>> list(record(cw.nn.Recurrent("lstm", 3, 4), torch.zeros(5, 2, 3)))
    ['i', 'f', 'g', 'o', 'c', 'h']
    """
    need_part(layer, at, reverse)
    names = tuple(layer.frame.cells[at].graph.named)
    with still(layer):
        _, _, kept = layer.run(time_first(layer, x), state, lengths, record=True)
    values = kept[at * layer.directions + int(reverse)]
    return {name: values[name] for name in names}
