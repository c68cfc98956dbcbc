"""The settings of a forecast that say how its data are read, and what its bounds shall hold. Floor 6."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.tasks.training.settings import setting


@dataclass(kw_only=True, eq=False, repr=False)
class Columns:
    """Which column is what, and what becomes of holes."""

    time: str = setting("", "the time column; none: rows as they stand; empty: guessed")
    target: str = setting("", "the columns to forecast, separated by commas; empty: guessed")
    covariates: str = setting("", "columns known ahead, separated by commas")
    series: str = setting(
        "", "the column that names the series of a row; columns: every target is a series; empty: guessed"
    )
    static: str = setting("", "columns that never change within a series, separated by commas")
    holidays: str = setting("", "a column with the names of holidays, known ahead; empty cells: none")
    gaps: str = setting(
        "refuse", "missing stamps and empty cells; mask leaves them out", choices=("refuse", "mask", "fill")
    )
    duplicates: str = setting("refuse", "rows of one time stamp", choices=("refuse", "mean"))


def shares_of(intervals: str) -> tuple[float, ...] | None:
    """Per cents between commas as shares, the least first; None for what is none.

    >>> shares_of("95, 80"), shares_of("none"), shares_of("0,120")
    ((0.8, 0.95), (), None)
    """
    if intervals.strip() in ("", "none"):
        return ()
    try:
        shares = tuple(sorted({float(word) / 100 for word in intervals.split(",")}))
    except ValueError:
        return None
    return shares if all(0 < share < 1 for share in shares) else None
