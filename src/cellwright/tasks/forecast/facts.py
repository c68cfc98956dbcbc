"""The facts of a trained forecast: made from the training part, read back by whoever needs them. Floor 6.

Refuses series too short for a window and a horizon, columns the network has not seen, and an unknown future.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from cellwright.errors import DataError
from cellwright.tasks.data import Step
from cellwright.tasks.data.steps import Stamps
from cellwright.tasks.forecast.calendar import cycles_of, features
from cellwright.tasks.forecast.read import Series, Span
from cellwright.tasks.forecast.simple import ANCHORS, TRANSFORMS, Base, Extent, Floats, choose, cycle

Facts = dict[str, Any]
LONGEST_HORIZON = 48
UNKNOWN_HORIZON = 12
SHORTEST, LONGEST = 24, 168  # windows that are not set
DAYS = {"daily", "trading-day"}  # a few rows may be either
LEAST_SEASONS = 3  # in the training part, for a season that is not set


def horizon_of(wanted: int, series: Series) -> int:
    """The horizon that was set, or a usual season's."""
    return wanted or min(LONGEST_HORIZON, series.step.season or UNKNOWN_HORIZON)


def extent(train: Span, *, horizon: int, window: int, season: int) -> Extent:
    """How far to look back and ahead, by the settings (0: open) and the training part.

    Raises:
        DataError: the training part is too short for one window and one horizon.
    """
    rows, ahead = train.stop, horizon_of(horizon, train.series)
    cycle_length = season or train.series.step.season or cycle(train.targets[:, 0])
    if not season and LEAST_SEASONS * cycle_length > rows:
        cycle_length = 1
    back = window or _window(cycle_length, ahead, rows)
    chosen = Extent(back, ahead, cycle_length)
    if rows < chosen.reach + ahead + 1:
        raise too_short(train.series, "the training part", rows, chosen.reach + ahead + 1, chosen)
    return chosen


def _window(season: int, horizon: int, rows: int) -> int:
    """Two seasons; up to seven where there are rows to learn from."""
    seasons = season * min(7, rows // (20 * season))
    wanted = max(SHORTEST, 2 * season if season > 1 else 2 * horizon, min(LONGEST, seasons))
    return max(1, min(wanted, (rows - horizon) // 2))


def facts(train: Span, extent: Extent, *, transform: str, anchor: str, linear: bool, calendar: bool) -> Facts:
    """All that a trained forecast must know, JSON-able.

    `history` holds the last rows of all data given, held out or not: `predict` goes on from there. Nothing
    else here knows of anything but the training part.

    Raises:
        DataError: a season is asked for, and there is none.
    """
    if anchor == "season" and extent.season == 1:
        raise DataError(
            "no season was found to measure forecasts from",
            where=train.series.source,
            fix="set --season, or another --anchor",
        )
    transforms = TRANSFORMS if transform == "auto" else (transform,)
    anchors = (anchor,) if anchor != "auto" else ANCHORS if extent.season > 1 else ANCHORS[:2]
    series, stamps = train.series, train.series.stamps
    seen = None if stamps is None else stamps[: train.stop]
    return {
        "targets": series.names,
        "covariates": series.covariate_names,
        "time": series.time,
        "step": asdict(series.step),
        "rows": train.stop,
        "window": extent.window,
        "horizon": extent.horizon,
        "season": extent.season,
        "bases": [
            asdict(choose(column, extent, transforms, anchors, linear=linear)) for column in train.targets.T
        ],
        "covariate_scales": [[float(c.mean()), float(c.std()) or 1.0] for c in train.covariates.T],
        "calendar": cycles_of(seen) if calendar else (),
        "naive_error": naive_error(train.targets, extent.season),
        "history": _written(series.tail(extent.reach)),
    }


def extent_of(facts: Facts) -> Extent:
    """The extent of the windows."""
    return Extent(facts["window"], facts["horizon"], facts["season"])


def bases(facts: Facts) -> tuple[Base, ...]:
    """The simple forecast of each target."""
    return tuple(Base(**base) for base in facts["bases"])


def known_width(facts: Facts) -> int:
    """How many values of a row are known ahead."""
    day = np.array(["2000-01-01"], dtype="datetime64[us]")
    return len(facts["covariates"]) + int(features(day, facts["calendar"]).shape[1])


def known(part: Span, facts: Facts, ahead: int) -> Floats:
    """What is known of the part's rows and of `ahead` more: covariates and calendar [stop + ahead, E].

    Raises:
        DataError: a covariate is not known so far ahead.
    """
    series, rows = part.series, part.stop + ahead
    if series.covariate_names and len(series.covariates) < rows:
        raise DataError(
            "the covariates are not known far enough ahead",
            where=f"{series.source}, {', '.join(series.covariate_names)}",
            got=f"{len(series.covariates) - len(series)} rows after the last target",
            expected=f"{ahead}",
            fix="add rows with the covariates and an empty target",
        )
    centres = np.array([centre for centre, _ in facts["covariate_scales"]])
    spreads = np.array([spread for _, spread in facts["covariate_scales"]])
    covariates = (series.covariates[:rows] - centres) / spreads if len(centres) else np.zeros((rows, 0))
    if not facts["calendar"]:
        return covariates
    stamps = series.stamps_ahead(ahead)
    if stamps is None:
        raise DataError(
            "the network was trained with times, and there are none", where=series.source, fix="set --time"
        )
    return np.concatenate((covariates, features(stamps[:rows], facts["calendar"])), axis=1)


def naive_error(targets: Floats, season: int) -> list[float]:
    """MASE's unit: the error of the seasonal naive in the training part, one season ahead [K]."""
    lag = season if season < len(targets) else 1
    return [float(error) for error in np.abs(targets[lag:] - targets[:-lag]).mean(axis=0)]


def history(facts: Facts) -> Series:
    """The last rows of the data that were given to `fit`."""
    tail, step = facts["history"], Step(**facts["step"])
    stamps: Stamps | None = None
    if tail["stamps"] is not None:
        stamps = np.array(tail["stamps"], dtype="datetime64[us]")
    rows = len(tail["covariates"])
    return Series(
        targets=np.array(tail["targets"], dtype=np.float64),
        covariates=np.array(tail["covariates"], dtype=np.float64).reshape(rows, len(facts["covariates"])),
        names=tuple(facts["targets"]),
        covariate_names=tuple(facts["covariates"]),
        stamps=stamps,
        step=step,
        time=facts["time"],
        source="the data of the training",
    )


def _written(series: Series) -> dict[str, Any]:
    return {
        "stamps": None if series.stamps is None else [str(stamp) for stamp in series.stamps],
        "targets": series.targets.tolist(),
        "covariates": series.covariates.tolist(),
    }


def refuse_other_data(series: Series, facts: Facts) -> None:
    """Raise DataError unless there are as many columns as in training, at the step of the training.

    Guessed columns must have the names of the training.
    """
    for role, names in {"targets": series.names, "covariates": series.covariate_names}.items():
        others = series.guessed and role == "targets" and list(names) != list(facts[role])
        if others or len(names) != len(facts[role]):
            raise DataError(
                f"other {role} than in the training",
                where=series.source,
                got=", ".join(names) or "none",
                expected=", ".join(facts[role]) or "none",
                fix="name the columns as they were, or set --target and --covariates",
            )
    trained, found = Step(**facts["step"]), series.step
    if not (
        trained == found or {trained.name, found.name} <= DAYS or "irregular" in (trained.kind, found.kind)
    ):
        raise DataError(
            "another step between the rows than in the training",
            where=series.source,
            got=found.name,
            expected=trained.name,
            fix="bring the rows to that step, or train again",
        )


def too_short(series: Series, part: str, rows: int, least: int, extent: Extent) -> DataError:
    """The error of a part without room for a window and a horizon."""
    season = f", a season of {extent.season}" if extent.season > 1 else ""
    back = f"a window of {extent.window}" if extent.window else "a window"
    return DataError(
        "too few rows for a window and a horizon",
        where=f"{series.source}, {part}",
        got=f"{rows} rows",
        expected=f"at least {least} ({back}{season}, a horizon of {extent.horizon})",
        fix="give more rows, or set a smaller --horizon, --window or --season",
    )
