"""A layer as a loop over its cell's own text, float64, one sample and step at a time: what the tests compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

import cellwright as cw

Change = Callable[[dict[str, Tensor], dict[str, Tensor], int], dict[str, Tensor]]


def random(*shape: int, seed: int = 1) -> Tensor:
    """Normal numbers in float64 from a seed."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def loop(
    cell: cw.Cell,
    x: Tensor,
    state: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    read: Change | None = None,
    after: Change | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """y [T, B, H] and the last states [B, size] of one layer and direction.

    `read(state, state, t)` gives the states that the equations see at step t, `after(new, old, t)` those that
    are carried on; both work on whole batches, {name: [B, size]}.
    """
    names = [n.name for n in cell.graph.states]
    now, outputs = dict(state), []
    for t in range(len(x)):
        seen = now if read is None else read(now, now, t)
        rows = [cell(x[t, b], *(seen[n][b] for n in names), **weights) for b in range(x.shape[1])]
        steps = [row if isinstance(row, tuple) else (row,) for row in rows]
        new = {name: torch.stack([step[k] for step in steps]) for k, name in enumerate(names)}
        now = new if after is None else after(new, now, t)
        outputs.append(now[names[0]])
    return torch.stack(outputs), now


def zeros(layer: cw.nn.Layer, batch: int, at: int = 0) -> dict[str, Tensor]:
    """The states before the first step of one layer and direction."""
    return {n: torch.zeros(batch, s, dtype=torch.float64) for n, s in layer.state_sizes(at).items()}
