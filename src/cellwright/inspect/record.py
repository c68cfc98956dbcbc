"""Record first, draw later: the value of every gate and state at every step. Floor 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cellwright.inspect.inside import Trained, opened
from cellwright.inspect.unroll import need_part, still, time_first
from cellwright.nn.layer import Layer


@torch.no_grad()
def record(
    layer: Layer | Trained,
    x: Tensor | str,
    state: Mapping[str, Tensor] | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    at: int = 0,
    reverse: bool = False,
) -> dict[str, Tensor]:
    """Every value that the equations name, at every step.

    Args:
        layer: a `cellwright.nn` layer, or a trained estimator (a run that was loaded).
        x: [T, B, I], [B, T, I] if the layer is batch_first, or [T, I]; for an estimator a text, a file or a
            sample, of which its network's first recurrent layer is recorded.
        state, lengths: as in the layer's call.
        at: which of the stacked layers, from 0.
        reverse: the backward direction of a bidirectional layer (in the order of x all the same).

    Returns:
        {name: [T, B, H]} in the order of the equations; zero past each sequence's length.

    Raises:
        SettingError: no such layer or direction. ShapeError: x does not fit. DataError: as the estimator's
            `predict`.

    >>> import cellwright as cw
    >>> list(record(cw.nn.Recurrent("lstm", 3, 4), torch.zeros(5, 2, 3)))
    ['i', 'f', 'g', 'o', 'c', 'h']
    """
    layer, x, _ = opened(layer, x)
    need_part(layer, at, reverse)
    names = tuple(layer.frame.cells[at].graph.named)
    with still(layer):
        _, _, kept = layer.run(time_first(layer, x), state, lengths, record=True)
    values = kept[at * layer.directions + int(reverse)]
    return {name: values[name] for name in names}
