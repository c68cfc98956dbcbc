"""Gates at an end of their range, units that do nothing, values that are no numbers: counted. Floor 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import torch
from torch import Tensor

from cellwright.compiler.graph import Graph
from cellwright.inspect.inside import Trained, opened
from cellwright.inspect.record import record
from cellwright.nn.layer import Layer

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
EDGE = 0.05  # of the range: this close to an end, a value is saturated
STILL = 1e-3  # of the range (of the largest value where there is none): a unit that moves less is dead
STUCK = 0.95  # share of the steps: a unit that is at one end for as long is stuck there


def saturation(
    layer: Layer | Trained,
    x: Tensor | str,
    state: Mapping[str, Tensor] | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    *,
    at: int = 0,
    reverse: bool = False,
) -> pl.DataFrame:
    """How much of each gate and state lies at an end of its range, and how many units do nothing.

    Args:
        layer, x, state, lengths, at, reverse: as in `record`.

    Returns:
        One row for each name: `value`; `kind`, sigmoid or tanh where the value is one, else empty; `mean`;
        `low` and `high`, shares of all values within 5 % of either end of the range (null without a range);
        `stuck`, units at one end in 95 % of the steps; `dead`, units whose standard deviation over all steps
        and sequences is below 0.1 % of the range; `units`; `not_finite`, values that are NaN or infinite.

    Raises:
        SettingError, ShapeError: as `record`.

    >>> import cellwright as cw
    >>> found = saturation(cw.nn.Recurrent("elman", 3, 4), torch.zeros(5, 2, 3))
    >>> found.select("value", "kind", "dead").rows()
    [('h', 'tanh', 4)]
    """
    layer, x, _ = opened(layer, x)
    values = record(layer, x, state, lengths, at=at, reverse=reverse)
    graph = layer.frame.cells[at].graph
    real = _real(next(iter(values.values())), lengths)
    rows = [_row(name, _kind(graph, name), value[real]) for name, value in values.items()]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


_SCHEMA = {
    "value": pl.String,
    "kind": pl.String,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "stuck": pl.Int64,
    "dead": pl.Int64,
    "units": pl.Int64,
    "not_finite": pl.Int64,
}


def _real(like: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor:
    """True where a step is one of its sequence, [T, B]."""
    steps, batch = like.shape[:2]
    if lengths is None:
        return torch.ones(steps, batch, dtype=torch.bool, device=like.device)
    ends = torch.as_tensor(lengths, device=like.device)
    return torch.arange(steps, device=like.device)[:, None] < ends


def _kind(graph: Graph, name: str) -> str:
    op = graph.nodes[graph.named[name]].op
    return op if op in RANGES else ""


def _row(name: str, kind: str, values: Tensor) -> tuple[object, ...]:
    """values [N, H]."""
    finite = values.isfinite()
    known = values.double().nan_to_num(0.0, 0.0, 0.0)
    low = high = stuck = None
    width = float(known.abs().max()) if known.numel() else 0.0
    if kind:
        least, most = RANGES[kind]
        width = most - least
        at_low, at_high = known < least + EDGE * width, known > most - EDGE * width
        at_low &= finite
        low, high = float(at_low.double().mean()), float(at_high.double().mean())
        ends = torch.stack([at_low, at_high]).double().mean(1).amax(0)
        stuck = int((ends >= STUCK).sum())
    dead = int((known.std(0, correction=0) <= STILL * width).sum())
    mean = float(known[finite].mean()) if bool(finite.any()) else float("nan")
    return name, kind, mean, low, high, stuck, dead, values.shape[1], int((~finite).sum())
