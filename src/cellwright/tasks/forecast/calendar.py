"""What the time column tells of a row, known for any future: hour, weekday, time of year. Floor 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellwright.tasks.data.steps import Stamps

Floats: TypeAlias = npt.NDArray[np.float64]

_HOUR = np.timedelta64(1, "h").astype("timedelta64[us]").astype(np.int64)


@dataclass(frozen=True)
class Cycle:
    """One cycle of the calendar: its length in hours, and the phase (0 to 1) of stamps."""

    hours: float
    phase: Callable[[Stamps], Floats]


def _day(stamps: Stamps) -> Floats:
    return _within(stamps, "datetime64[D]") / 24


def _week(stamps: Stamps) -> Floats:
    days = (stamps.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return (days + _day(stamps)) / 7


def _year(stamps: Stamps) -> Floats:
    return _within(stamps, "datetime64[Y]") / (365.25 * 24)


def _within(stamps: Stamps, unit: str) -> Floats:
    """Hours since the last beginning of the unit."""
    since = (stamps - stamps.astype(unit).astype(stamps.dtype)).astype(np.int64)
    hours: Floats = since / _HOUR
    return hours


CYCLES = {"day": Cycle(24, _day), "week": Cycle(168, _week), "year": Cycle(8766, _year)}
HARMONICS = 2


def cycles_of(stamps: Stamps | None) -> tuple[str, ...]:
    """The cycles that stamps can tell of: at least four steps long, and seen twice.

    >>> cycles_of(np.arange("1949-01", "1961-01", dtype="datetime64[M]").astype("datetime64[us]"))
    ('year',)
    """
    if stamps is None or len(stamps) < 2:
        return ()
    step = float(np.median(np.diff(stamps).astype(np.int64))) / _HOUR
    seen = float((stamps[-1] - stamps[0]).astype(np.int64)) / _HOUR
    return tuple(name for name, cycle in CYCLES.items() if 4 * step <= cycle.hours <= seen / 2)


def features(stamps: Stamps | None, cycles: Sequence[str]) -> Floats:
    """Sines and cosines of the phases [T, 2 * HARMONICS * len(cycles)]; a weekly cycle adds weekends."""
    if stamps is None or not cycles:
        return np.zeros((0 if stamps is None else len(stamps), 0))
    columns = []
    for name in cycles:
        phase = 2 * np.pi * CYCLES[name].phase(stamps)
        for harmonic in range(1, HARMONICS + 1):
            columns += [np.sin(harmonic * phase), np.cos(harmonic * phase)]
        if name == "week":
            columns.append((~np.is_busday(stamps.astype("datetime64[D]"))).astype(np.float64))
    return np.stack(columns, axis=1)
