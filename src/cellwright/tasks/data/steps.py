"""The step between stamps: found from their differences, used to find gaps and to go on into the future.

Knows years, quarters and months of the calendar, trading days, and any fixed length of time. Floor 6 (tasks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Stamps: TypeAlias = npt.NDArray[np.datetime64]
Counts: TypeAlias = npt.NDArray[np.int64]

IRREGULAR = "irregular"
_SECOND = 1_000_000  # stamps count microseconds
_DAY = 86_400 * _SECOND
_REGULAR = 0.9  # share of the differences that must be alike
_STRETCH, _STRETCHES = 3, 0.1  # steps, and share of all, that make a change of the step
_HOLIDAYS = 10  # weekdays in a row a market may be closed before it is a gap


@dataclass(frozen=True)
class Step:
    """What lies between two stamps.

    Attributes:
        name: for people, such as `monthly`.
        season: steps in the cycle people usually mean (12 months, 24 hours, ...), or None.
        kind: `months` (of the calendar), `weekdays`, `fixed` (microseconds), or `irregular`.
        length: how many months, weekdays or microseconds.
    """

    name: str
    season: int | None
    kind: str
    length: int


UNTIMED = Step("untimed", None, "irregular", 0)

_MONTHS = {1: ("monthly", 12), 3: ("quarterly", 4), 6: ("half-yearly", 2), 12: ("yearly", None)}
_FIXED = {
    7 * _DAY: ("weekly", 52),
    _DAY: ("daily", 7),
    _DAY // 24: ("hourly", 24),
    _DAY // 48: ("half-hourly", 48),
    60 * _SECOND: ("minutely", 1440),
}


def detect_step(stamps: Stamps) -> Step:
    """The step of ascending, distinct stamps [T].

    >>> detect_step(np.array(["1949-01", "1949-02", "1949-03"], dtype="datetime64[us]")).season
    12
    """
    if len(stamps) < 2:
        return Step(IRREGULAR, None, "irregular", 0)
    months = _calendar(stamps)
    if months:
        name, season = _MONTHS.get(months, (f"every {months} months", None))
        if months > 12 and months % 12 == 0:
            name = f"every {months // 12} years"
        return Step(name, season, "months", months)
    differences = np.diff(stamps).astype(np.int64)
    lengths, counts = np.unique(differences, return_counts=True)
    length = int(lengths[counts.argmax()])
    if length == _DAY and _trading(stamps):
        return Step("trading-day", 5, "weekdays", 1)
    if counts.max() < _REGULAR * len(differences) and (differences % length).any():
        return Step(IRREGULAR, None, "irregular", int(np.median(differences)))
    return Step(*_FIXED.get(length, _unusual(length)), "fixed", length)


def changes_at(stamps: Stamps) -> int | None:
    """Where the step of ascending stamps changes for good (the first stamp after it), or None.

    A change is two lengths that each make up a stretch of at least three steps and a tenth of all: gaps are
    none, nor is what alternates, as weekends do.

    >>> hours = np.array([0, 1, 2, 3, 4, 5, 6, 30, 54, 78])
    >>> stamps = np.datetime64("2024-01-01", "us") + hours.astype("m8[h]")
    >>> changes_at(stamps), changes_at(stamps[:8])
    (7, None)
    """
    if len(stamps) <= 2 * _STRETCH:
        return None
    steps = np.diff(_month(stamps)) if _calendar(stamps) else np.diff(stamps).astype(np.int64)
    lengths, counts = np.unique(steps, return_counts=True)
    two = lengths[np.argsort(counts, kind="stable")[-2:]]
    if len(two) < 2 or counts[np.isin(lengths, two)].min() < max(_STRETCH, _STRETCHES * len(steps)):
        return None
    places = np.flatnonzero(np.isin(steps, two))
    turns = np.flatnonzero(steps[places][1:] != steps[places][:-1])
    return int(places[turns[0] + 1]) + 1 if len(turns) == 1 else None


def missing_between(stamps: Stamps, step: Step) -> Counts:
    """How many stamps are missing after each one but the last [T - 1]."""
    if step.kind == "months":
        return np.diff(_month(stamps)) // step.length - 1
    if step.kind == "weekdays":
        days = stamps.astype("datetime64[D]")
        closed = np.busday_count(days[:-1], days[1:]) - 1
        return np.where(closed > _HOLIDAYS, closed, 0)
    if step.kind == "fixed":
        return np.diff(stamps).astype(np.int64) // step.length - 1
    return np.zeros(len(stamps) - 1, dtype=np.int64)


def off_the_step(stamps: Stamps, step: Step) -> int | None:
    """The first stamp that is not a whole number of steps after the one before it, or None."""
    if step.kind == "months":
        off = np.diff(_month(stamps)) % step.length
    elif step.kind == "fixed":
        off = np.diff(stamps).astype(np.int64) % step.length
    else:
        return None
    return int(off.argmax()) + 1 if off.any() else None


def stamps_after(stamps: Stamps, step: Step, count: int) -> Stamps:
    """The `count` stamps that follow the last of `stamps`.

    >>> month = np.array(["2024-01-31", "2024-02-29"], dtype="datetime64[us]")
    >>> stamps_after(month, detect_step(month), 2).astype("datetime64[D]").tolist()
    [datetime.date(2024, 3, 31), datetime.date(2024, 4, 30)]
    """
    ahead = np.arange(1, count + 1)
    after: Stamps
    if step.kind == "months":
        after = _months_after(stamps, step.length * ahead)
    elif step.kind == "weekdays":
        day = stamps[-1].astype("datetime64[D]")
        after = np.busday_offset(day, ahead, roll="forward").astype(stamps.dtype) + (stamps[-1] - day)
    else:
        after = stamps[-1] + (ahead * step.length).astype("timedelta64[us]")
    return after


def _months_after(stamps: Stamps, ahead: Counts) -> Stamps:
    """So many months after the last stamp: at the month's end if all stamps are, else as far into it."""
    months: Stamps = (_month(stamps)[-1] + ahead).astype("datetime64[M]")
    starts: Stamps = months.astype(stamps.dtype)
    if _month_ends(stamps).all():
        ends: Stamps = (months + 1).astype(stamps.dtype) - np.timedelta64(1, "D")
        ends += stamps[-1] - stamps[-1].astype("datetime64[D]")
        return ends
    starts += _month_offsets(stamps)[-1].astype("timedelta64[us]")
    return starts


def _calendar(stamps: Stamps) -> int:
    """The months between stamps that lie alike within their months, or 0."""
    offsets, months = _month_offsets(stamps), np.diff(_month(stamps))
    if not ((offsets == offsets[0]).all() or _month_ends(stamps).all()) or (months == 0).any():
        return 0
    lengths, counts = np.unique(months, return_counts=True)
    return int(lengths[counts.argmax()])


def _month(stamps: Stamps) -> Counts:
    return stamps.astype("datetime64[M]").astype(np.int64)


def _month_offsets(stamps: Stamps) -> Counts:
    return (stamps - stamps.astype("datetime64[M]").astype(stamps.dtype)).astype(np.int64)


def _month_ends(stamps: Stamps) -> npt.NDArray[np.bool_]:
    days = stamps.astype("datetime64[D]")
    return np.asarray((days + 1).astype("datetime64[M]") != days.astype("datetime64[M]"))


def _trading(stamps: Stamps) -> bool:
    """Daily stamps that leave out every weekend, and few weekdays."""
    days = stamps.astype("datetime64[D]")
    weekdays = np.busday_count(days[0], days[-1]) + 1
    long_enough = int((days[-1] - days[0]).astype(np.int64)) >= 7
    return long_enough and bool(np.is_busday(days).all()) and len(days) > 0.7 * weekdays


def _unusual(length: int) -> tuple[str, int | None]:
    season = _DAY // length if length < _DAY and _DAY % length == 0 and length >= 60 * _SECOND else None
    for unit, name in (
        (_DAY, "days"),
        (_DAY // 24, "hours"),
        (60 * _SECOND, "minutes"),
        (_SECOND, "seconds"),
    ):
        if length % unit == 0:
            count = length // unit
            return f"every {count} {name}" if count > 1 else f"every {name[:-1]}", season
    return f"every {length / _SECOND:g} seconds", season
