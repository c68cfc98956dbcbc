"""The facts of a trained forecast: made from the training part, read back by whoever needs them. Floor 6.

Refuses series too short for a window and a horizon, columns the network has not seen, and an unknown future.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.data import ForecastRoles, Step
from cellwright.tasks.data.steps import Stamps
from cellwright.tasks.forecast.calendar import cycles_of, features
from cellwright.tasks.forecast.choose import choose, cycle
from cellwright.tasks.forecast.proof import CHANCE
from cellwright.tasks.forecast.read import columns_of
from cellwright.tasks.forecast.series import Panel, Part, Series, Span, carried, missing
from cellwright.tasks.forecast.simple import ANCHORS, TRANSFORMS, Base, Extent, Floats, origins_of
from cellwright.tasks.forecast.windows import Rows, Windows

Facts = dict[str, Any]
LONGEST_HORIZON = 48
UNKNOWN_HORIZON = 12
SHORTEST, LONGEST = 24, 168  # windows that are not set
SEASONAL = {"season", "profile"}  # anchors that need a season
DAYS = {"daily", "trading-day"}  # a few rows may be either
LEAST_SEASONS = 3  # in the training part, for a season that is not set
NAMED = 5  # series in a message


def horizon_of(wanted: int, step: Step) -> int:
    """The horizon that was set, or a usual season's."""
    return wanted or min(LONGEST_HORIZON, step.season or UNKNOWN_HORIZON)


def extent(train: Part, *, horizon: int, window: int, season: int) -> Extent:
    """How far to look back and ahead, by the settings (0: open) and the training part.

    Raises:
        DataError: no series of the training part is long enough for one window and one horizon.
    """
    longest = max(train.spans, key=len)
    rows = longest.stop if len(train.spans) == 1 else int(np.median([span.stop for span in train.spans]))
    ahead = horizon_of(horizon, longest.series.step)
    usual = season or longest.series.step.season
    cycle_length = usual or cycle(carried(longest.targets, 1)[:, 0])
    if not season and LEAST_SEASONS * cycle_length > rows:
        cycle_length = 1
    back = window or _window(cycle_length, ahead, rows)
    chosen = Extent(back, ahead, cycle_length)
    if longest.stop < chosen.reach + ahead + 1:
        least = chosen.reach + ahead + 1
        raise too_short(longest.series, "the training part", longest.stop, least, chosen)
    return chosen


def _window(season: int, horizon: int, rows: int) -> int:
    """Two seasons; up to seven where there are rows to learn from."""
    seasons = season * min(7, rows // (20 * season))
    wanted = max(SHORTEST, 2 * season if season > 1 else 2 * horizon, min(LONGEST, seasons))
    return max(1, min(wanted, (rows - horizon) // 2))


def facts(
    train: Part,
    extent: Extent,
    *,
    transform: str,
    anchor: str,
    linear: bool,
    calendar: bool,
) -> Facts:
    """All that a trained forecast must know, JSON-able.

    `history` holds the last rows of all data given, held out or not: `predict` goes on from there. Nothing
    else here knows of anything but the training part.

    Raises:
        DataError: a season is asked for, and there is none.
    """
    panel, first = train.panel, train.panel.first
    if anchor in SEASONAL and extent.season == 1:
        raise DataError(
            "no season was found to measure forecasts from",
            where=first.source,
            fix="set --season, or another --anchor",
        )
    transforms = TRANSFORMS if transform == "auto" else (transform,)
    anchors = (anchor,) if anchor != "auto" else ANCHORS if extent.season > 1 else ANCHORS[:2]
    chance = CHANCE / len(first.names)
    longest = max(train.spans, key=len)
    stamps = longest.series.stamps
    seen = None if stamps is None else stamps[: longest.stop]
    known = _measured(train, extent, several=len(panel.series) > 1)
    covariates = np.concatenate([span.covariates for span in train.spans])
    return {
        "targets": first.names,
        "covariates": first.covariate_names,
        "static": panel.static,
        "encodings": {column: list(names) for column, names in panel.encodings.items()},
        "columns": columns_of(panel),
        "time": first.time,
        "step": asdict(longest.series.step),
        "rows": len(train),
        "window": extent.window,
        "horizon": extent.horizon,
        "season": extent.season,
        "masked": missing([span.series for span in train.spans]) > 0,
        "bases": [
            asdict(choose(values, extent, transforms, anchors, linear=linear, known=there, chance=chance))
            for values, there in _pools(train, extent, known)
        ],
        "covariate_scales": [
            [float(np.nanmean(c)), float(np.nanstd(c)) or 1.0] if not np.isnan(c).all() else [0.0, 1.0]
            for c in covariates.T
        ],
        "calendar": cycles_of(seen) if calendar else (),
        "series": known,
        "history": {one.name: _written(one.tail(extent.reach)) for one in panel.series},
    }


def _measured(train: Part, extent: Extent, *, several: bool) -> dict[str, Any]:
    """The scale of each series, and the error of its seasonal naive: of the training part."""
    return {
        span.series.name: _units(span.targets, extent.season, several) for span in train.spans if span.stop
    }


def _units(targets: Floats, season: int, several: bool) -> dict[str, list[float]]:
    return {"scale": scale_of(targets, several), "naive_error": naive_error(targets, season)}


def _pools(
    train: Part, extent: Extent, known: Mapping[str, Any]
) -> list[tuple[list[Floats], list[npt.NDArray[np.bool_]]]]:
    """Of each target the scaled values in every series that has a window, and which of them were there."""
    spans = [span for span in train.spans if span.stop >= extent.reach + extent.horizon]
    scales = [np.array(known[span.series.name]["scale"]) for span in spans]
    filled = [carried(span.targets, extent.season) / scale for span, scale in zip(spans, scales, strict=True)]
    return [
        ([one[:, k] for one in filled], [~np.isnan(span.targets[:, k]) for span in spans])
        for k in range(len(train.panel.first.names))
    ]


def scale_of(targets: Floats, several: bool) -> list[float]:
    """What one is in a series: the mean size of its values where there are several series, else 1 [K]."""
    if not several:
        return [1.0] * targets.shape[1]
    sizes = [np.abs(column[~np.isnan(column)]) for column in targets.T]
    return [float(size.mean()) or 1.0 if len(size) else 1.0 for size in sizes]


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


def windows(part: Part, facts: Facts, origins: Mapping[str, Any] | None = None, *, fed: bool) -> Windows:
    """The windows that forecast the rows of a part; or those from the given origins of each series.

    A series that training has not seen is measured by its own rows before the part.

    Raises:
        DataError: no series has room for one; what is known does not reach far enough.
    """
    chosen, found = extent_of(facts), []
    for number, span in enumerate(part.spans):
        at = origins_of(chosen, span.first, span.stop) if origins is None else origins[span.series.name]
        if not len(at):
            continue
        ahead = max(0, int(at[-1]) + chosen.horizon - span.stop)
        units = facts["series"].get(span.series.name)
        if units is None:
            units = _units_of(span, facts, int(at[0]))
        known_rows = known(span, facts, ahead)
        scale, naive = (np.array(units[name]) for name in ("scale", "naive_error"))
        found.append(Rows(span.targets, known_rows, at, scale, naive, number))
    if not found:
        raise _no_room(part, chosen)
    return Windows(found, chosen, bases(facts), masked=facts["masked"], fed=fed)


def _units_of(span: Span, facts: Facts, first: int) -> dict[str, list[float]]:
    """The units of a series by what is known of it: the training's where there was one series only."""
    if len(facts["series"]) == 1:
        (only,) = facts["series"].values()
        return dict(only)
    return _units(span.targets[: max(1, first)], facts["season"], several=True)


def _no_room(part: Part, extent: Extent) -> DataError:
    longest = max(part.spans, key=lambda span: (len(span), span.stop))
    least = extent.horizon + max(0, extent.reach - longest.first)
    return too_short(longest.series, "to score", len(longest), least, extent)


def known(span: Span, facts: Facts, ahead: int) -> Floats:
    """What is known of the span's rows and of `ahead` more: covariates and calendar [stop + ahead, E].

    What is not known of a row within the data is the mean.

    Raises:
        DataError: a covariate is not known so far ahead.
    """
    series, rows = span.series, span.stop + ahead
    covariates = _far_enough(series, facts, rows)
    centres = np.array([centre for centre, _ in facts["covariate_scales"]])
    spreads = np.array([spread for _, spread in facts["covariate_scales"]])
    if len(centres):
        covariates = np.nan_to_num((covariates[:rows] - centres) / spreads)
    else:
        covariates = np.zeros((rows, 0))
    if not facts["calendar"]:
        return covariates
    stamps = series.stamps_ahead(ahead)
    if stamps is None:
        raise DataError(
            "the network was trained with times, and there are none", where=series.source, fix="set --time"
        )
    return np.concatenate((covariates, features(stamps[:rows], facts["calendar"])), axis=1)


def _far_enough(series: Series, facts: Facts, rows: int) -> Floats:
    """The covariates of so many rows; static ones go on by themselves."""
    missing_rows = rows - len(series.covariates)
    if missing_rows <= 0 or not series.covariate_names:
        return series.covariates
    if set(series.covariate_names) <= set(facts["static"]):
        return np.concatenate((series.covariates, np.repeat(series.covariates[-1:], missing_rows, axis=0)))
    raise DataError(
        "the covariates are not known far enough ahead",
        where=f"{series.place}, {', '.join(n for n in series.covariate_names if n not in facts['static'])}",
        got=f"{len(series.covariates) - len(series)} rows after the last target",
        expected=f"{rows - len(series)}",
        fix="add rows with the covariates and an empty target",
    )


def naive_error(targets: Floats, season: int) -> list[float]:
    """MASE's unit: the error of the seasonal naive in the training part, one season ahead [K]."""
    lag = season if season < len(targets) else 1
    errors = np.abs(targets[lag:] - targets[:-lag])
    counts = (~np.isnan(errors)).sum(axis=0)
    return [float(e) for e in np.nansum(errors, axis=0) / np.maximum(counts, 1)]


def history(facts: Facts) -> Panel:
    """The last rows of the data that were given to `fit`."""
    series = tuple(_read_back(name, tail, facts) for name, tail in facts["history"].items())
    columns = facts["columns"].items()
    roles: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in columns}
    return Panel(series, ForecastRoles(**roles), tuple(facts["static"]))


def _read_back(name: str, tail: Mapping[str, Any], facts: Facts) -> Series:
    stamps: Stamps | None = None
    if tail["stamps"] is not None:
        stamps = np.array(tail["stamps"], dtype="datetime64[us]")
    rows = len(tail["covariates"])
    return Series(
        targets=np.array(tail["targets"], dtype=np.float64).reshape(-1, len(facts["targets"])),
        covariates=np.array(tail["covariates"], dtype=np.float64).reshape(rows, len(facts["covariates"])),
        names=tuple(facts["targets"]),
        covariate_names=tuple(facts["covariates"]),
        stamps=stamps,
        step=Step(**facts["step"]),
        time=facts["time"],
        source="the data of the training",
        name=name,
    )


def _written(series: Series) -> dict[str, Any]:
    return {
        "stamps": None if series.stamps is None else [str(stamp) for stamp in series.stamps],
        "targets": _plain(series.targets),
        "covariates": _plain(series.covariates),
    }


def _plain(values: Floats) -> list[list[float | None]]:
    """Numbers as JSON has them: what is missing is null."""
    return [[None if value != value else value for value in row] for row in values.tolist()]


def refuse_other_data(panel: Panel, facts: Facts) -> None:
    """Raise DataError unless there are as many columns as in training, at the step of the training.

    Guessed columns must have the names of the training.
    """
    series = panel.first
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
    trained = Step(**facts["step"])
    for found in (one.step for one in panel.series):
        alike = {trained.name, found.name} <= DAYS or "irregular" in (trained.kind, found.kind)
        if not (trained == found or alike):
            raise DataError(
                "another step between the rows than in the training",
                where=series.source,
                got=found.name,
                expected=trained.name,
                fix="bring the rows to that step, or train again",
            )


def refuse_short(panel: Panel, facts: Facts) -> None:
    """Raise DataError, naming the series, unless each has rows enough to forecast from."""
    chosen = extent_of(facts)
    short = [one for one in panel.series if len(one) < chosen.reach]
    if not short:
        return
    one = min(short, key=len)
    if len(panel.series) == 1:
        raise too_short(one, "to forecast from", len(one), chosen.reach, chosen)
    more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
    raise DataError(
        "series too short to forecast from",
        where=one.source,
        got=f"{', '.join(f'{s.name} ({len(s)} rows)' for s in short[:NAMED])}{more}",
        expected=f"at least {chosen.reach} rows in each",
        fix="leave them out, give more rows, or train with a smaller --window and --season",
    )


def too_short(series: Series, part: str, rows: int, least: int, extent: Extent) -> DataError:
    """The error of a part without room for a window and a horizon."""
    season = f", a season of {extent.season}" if extent.season > 1 else ""
    back = f"a window of {extent.window}" if extent.window else "a window"
    return DataError(
        "too few rows for a window and a horizon",
        where=f"{series.place}, {part}",
        got=f"{rows} rows",
        expected=f"at least {least} ({back}{season}, a horizon of {extent.horizon})",
        fix="give more rows, or set a smaller --horizon, --window or --season",
    )
