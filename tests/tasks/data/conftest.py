"""The readers put together as a forecast needs them, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from cellwright.tasks.data import (
    ForecastRoles,
    Times,
    fill_gaps,
    forecast_roles,
    numeric,
    read_table,
    read_times,
)


@dataclass(frozen=True)
class Loaded:
    times: Times
    stamps: np.ndarray
    values: np.ndarray  # [T, K], the targets and then the covariates
    filled: int
    roles: ForecastRoles


def _load(path: Path | str, *, gaps="refuse", duplicates="refuse", **columns) -> Loaded:
    frame = read_table(path)
    roles = forecast_roles(frame, path, replace(ForecastRoles(None, ()), **columns))
    missing = "nan" if gaps == "fill" else "refuse"
    read = [numeric(frame, name, path, missing=missing) for name in (*roles.targets, *roles.covariates)]
    times = read_times(frame, roles.time, path, gaps=gaps, duplicates=duplicates)
    values = times.arrange(np.stack(read, axis=1))
    stamps, filled = times.stamps, 0
    if gaps == "fill":
        stamps, values, filled = fill_gaps(times, values)
    return Loaded(times, stamps, values, filled, roles)


@pytest.fixture
def load() -> Callable[..., Loaded]:
    """Reads a table over time: `load(path, gaps=, duplicates=, time=, targets=, covariates=)`."""
    return _load
