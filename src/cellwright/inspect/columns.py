"""Values over time as columns that a page can hold: each step, or the first and mean of several. Floor 5.

Long inputs go through the layer piece by piece, the state carried on: no more than a piece is held at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.inspect.anatomy import Anatomy, anatomy
from cellwright.inspect.unroll import time_first
from cellwright.nn.layer import Layer

ROOM = 3_000_000  # values on a page, about
PIECE = 2048  # steps at a time
LEAST = 200  # columns, however wide the layer


@dataclass(frozen=True)
class Columns:
    """What was recorded.

    Attributes:
        anatomy: of the last piece: equations, terms and weights.
        stride: steps of a column; 1 where every step has its own.
        exact: of every term and named value by place, at the first step of each column, [columns, size].
        mean: of every named value by place, the mean over each column, [columns, size].
        units: the numbers of the units that were kept, of every value as wide as the output; None: all.
    """

    anatomy: Anatomy
    stride: int
    exact: Mapping[int, Tensor]
    mean: Mapping[int, Tensor]
    units: Tensor | None


def columns(layer: Layer, x: Tensor, *, at: int = 0, reverse: bool = False, room: int = ROOM) -> Columns:
    """Every number of one part of a layer over one sequence, in columns.

    Args:
        layer, at, reverse: as in `record`.
        x: [T, 1, I].
        room: how many values are kept, about; a longer input gets columns of several steps.

    Raises:
        SettingError, ShapeError: as `record`.
    """
    x = time_first(layer, x)
    first = anatomy(layer, x[:1], at=at, reverse=reverse)
    width = sum(value.shape[-1] for value in first.values.values() if value.dim() == 3)
    most = max(room // width, LEAST)
    stride = -(-len(x) // most)
    named = set(first.graph.named.values())
    exact: dict[int, list[Tensor]] = {}
    mean: dict[int, list[Tensor]] = {}
    for found in _pieces(layer, x, stride, at, reverse):
        for place, value in found.values.items():
            if value.dim() == 3:
                exact.setdefault(place, []).append(value[::stride, 0])
                if place in named:
                    mean.setdefault(place, []).append(_means(value[:, 0], stride))
        first = found
    joined = {place: torch.cat(parts) for place, parts in exact.items()}
    means = joined if stride == 1 else {place: torch.cat(parts) for place, parts in mean.items()}
    units = _busiest(joined[first.graph.returns[0]], width, room)
    size = layer.state_sizes(at)[first.graph.states[0].name]
    joined, means = _kept(joined, units, size), _kept(means, units, size)
    return Columns(first, stride, joined, {place: means[place] for place in named & means.keys()}, units)


def _pieces(layer: Layer, x: Tensor, stride: int, at: int, reverse: bool) -> Iterator[Anatomy]:
    """The sequence piece by piece; whole where a direction reads backwards."""
    step = len(x) if layer.bidirectional else max(1, PIECE // stride) * stride
    state = None
    for part in torch.split(x, step):
        found = anatomy(layer, part, state, at=at, reverse=reverse)
        state = found.state
        yield found


def _means(value: Tensor, stride: int) -> Tensor:
    """[T, size] to the mean of every `stride` steps; the last column may have fewer."""
    if stride == 1:
        return value
    whole = len(value) // stride * stride
    parts = [value[:whole].view(-1, stride, value.shape[-1]).mean(1)]
    return torch.cat([*parts, value[whole:].mean(0, keepdim=True)] if whole < len(value) else parts)


def _busiest(output: Tensor, width: int, room: int) -> Tensor | None:
    """The units that move most, in their order, where not even `LEAST` columns of all units have room."""
    size = output.shape[-1]
    share = room / (len(output) * width)
    if share >= 0.5 or size <= 2:
        return None
    spread = output.double().nan_to_num().std(0, correction=0)
    most: Tensor = spread.topk(max(2, int(share * size))).indices
    return most.sort().values


def _kept(values: Mapping[int, Tensor], units: Tensor | None, size: int) -> dict[int, Tensor]:
    if units is None:
        return dict(values)
    return {k: v[:, units] if v.shape[-1] == size else v for k, v in values.items()}
