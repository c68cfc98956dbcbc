"""Which unit follows which property of what is read, by correlation and by linear probes. Floor 5."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
from torch import Tensor

from cellwright.errors import ShapeError

Floats = npt.NDArray[np.float64]
PENALTY = 1e-3  # of the ridge, times the number of steps
HELD = 0.3  # share of the steps, the last ones, that a probe is judged on


def neurons(
    values: Mapping[str, Tensor], properties: Mapping[str, npt.ArrayLike], top: int = 5
) -> pl.DataFrame:
    """The units whose values go up and down with each property.

    Args:
        values: what `record` gave: [T, B, H] by name.
        properties: [T] or [T, B] by name, see `text_properties` and `signal_properties`; NaN where unknown.
        top: how many units are listed for each property.

    Returns:
        One row for each property and unit, the strongest first: `property`, `value` (the gate or state),
        `unit` (from 0), `correlation` (Pearson's, -1 to 1). What is constant is left out.

    Raises:
        ShapeError: a property has another number of steps or sequences.

    >>> import torch
    >>> h = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]]).unsqueeze(1)
    >>> neurons({"h": h}, {"time": [0, 1, 2]}, top=1).rows()
    [('time', 'h', 0, 1.0)]
    """
    rows: list[tuple[str, str, int, float]] = []
    for name, wanted in properties.items():
        found: list[tuple[str, str, int, float]] = []
        for value, tensor in values.items():
            units = tensor.detach().double().cpu().numpy()
            correlations = _correlations(units, _spread(name, wanted, units))
            found += [(name, value, k, float(r)) for k, r in enumerate(correlations) if np.isfinite(r)]
        rows += sorted(found, key=lambda row: -abs(row[3]))[:top]
    names = {"property": pl.String, "value": pl.String, "unit": pl.Int64, "correlation": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row")


def probe(values: Mapping[str, Tensor], properties: Mapping[str, npt.ArrayLike]) -> pl.DataFrame:
    """How well a linear function of all units together tells each property.

    A ridge regression on the first 70 % of the steps, judged on the last 30 %.

    Args:
        values, properties: as in `neurons`.

    Returns:
        One row for each property and value: `property`, `value`, `r2` (on the steps held back: 1 is all of
        the variance, 0 none, below 0 worse than the mean). Properties constant in either part are left out.

    Raises:
        ShapeError: as `neurons`; fewer than 10 steps.
    """
    rows = []
    for name, wanted in properties.items():
        for value, tensor in values.items():
            units = tensor.detach().double().cpu().numpy()
            if len(units) < 10:
                raise ShapeError("too few steps for a probe", got=len(units), expected="at least 10")
            r2 = _explained(units, _spread(name, wanted, units))
            if r2 is not None:
                rows.append((name, value, r2))
    names = {"property": pl.String, "value": pl.String, "r2": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row").sort(
        "property", "r2", descending=[False, True], maintain_order=True
    )


def _spread(name: str, wanted: npt.ArrayLike, units: Floats) -> Floats:
    """The property as [T, B]."""
    values = np.asarray(wanted, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    steps, batch = units.shape[:2]
    if values.ndim != 2 or values.shape[0] != steps or values.shape[1] not in (1, batch):
        raise ShapeError(
            "a property does not fit what was recorded",
            where=name,
            got=f"shape {list(values.shape)}",
            expected=f"[{steps}] or [{steps}, {batch}]",
        )
    return np.broadcast_to(values, (steps, batch))


def _correlations(units: Floats, wanted: Floats) -> Floats:
    """Pearson's correlation of every unit, [H]; NaN for what is constant or not finite."""
    known = np.isfinite(wanted)
    x, y = units[known], wanted[known]
    x, y = x - x.mean(0), y - y.mean()
    spread = np.sqrt((x**2).sum(0) * (y**2).sum())
    scale = np.abs(units[known]).max(0, initial=0.0) * np.sqrt(len(y)) * np.sqrt((y**2).sum())
    # What is left of a constant after taking off its mean is rounding.
    return np.where(spread > 1e-9 * scale, (x.T @ y) / np.where(spread > 0, spread, 1.0), np.nan)


def _explained(units: Floats, wanted: Floats) -> float | None:
    cut = round((1 - HELD) * len(units))
    parts = [(units[s], wanted[s]) for s in (slice(cut), slice(cut, None))]
    (x, y), (x_held, y_held) = [(u[np.isfinite(w)], w[np.isfinite(w)]) for u, w in parts]
    if min(len(y), len(y_held)) < 2 or np.ptp(y) == 0 or np.ptp(y_held) == 0 or not np.isfinite(x).all():
        return None
    mean, level = x.mean(0), y.mean()
    centred = x - mean
    ridge = centred.T @ centred + PENALTY * len(y) * np.eye(x.shape[1])
    weights = np.linalg.solve(ridge, centred.T @ (y - level))
    error = y_held - level - (x_held - mean) @ weights
    return float(1 - (error**2).sum() / ((y_held - y_held.mean()) ** 2).sum())
