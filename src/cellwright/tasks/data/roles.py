"""Which column plays which role: guessed from names and contents, said in one line, overruled by the user.

Refuses a column that is not there (naming the nearest) and a table without the column a task needs. Floor 6
(tasks).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import names
from cellwright.tasks.data.source import Data, shown
from cellwright.tasks.data.table import is_numeric
from cellwright.tasks.data.times import looks_like_times

NO_COLUMN = "none"
COLUMNS = "columns"  # as the series column: every target is a series of its own


@dataclass(frozen=True)
class TextRoles:
    """The columns of a table of texts; `label` is None where there are no labels to learn or to check."""

    text: str
    label: str | None
    guessed: tuple[str, ...] = ()

    def describe(self) -> str:
        """One line for the user.

        >>> TextRoles("question", "coarse", guessed=("text", "label")).describe()
        'text = question, label = coarse (guessed; set --text, --label)'
        """
        return _described({"text": self.text, "label": self.label or NO_COLUMN}, self.guessed)


@dataclass(frozen=True)
class ForecastRoles:
    """The columns of a table over time; `time` is None where the rows are taken as they stand.

    `series` names the series of a row (`COLUMNS`: every target is one), `static` are columns that never
    change within a series, `holidays` names the holiday of a row.
    """

    time: str | None
    targets: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    series: str | None = None
    static: tuple[str, ...] = ()
    holidays: str | None = None

    def describe(self) -> str:
        """One line for the user.

        >>> ForecastRoles("date", ("OT",), guessed=("target",)).describe()
        'time = date, target = OT, covariates = none (target guessed; set --target)'
        """
        roles = {
            "time": self.time or NO_COLUMN,
            "target": ", ".join(self.targets),
            "covariates": ", ".join(self.covariates) or NO_COLUMN,
        }
        more = {"series": self.series, "static": ", ".join(self.static), "holidays": self.holidays}
        roles |= {role: column for role, column in more.items() if column}
        return _described(roles, self.guessed)


def text_roles(
    frame: pl.DataFrame,
    path: Data,
    *,
    text: str | None = None,
    label: str | None = None,
    labelled: bool = True,
) -> TextRoles:
    """The text and label columns: the user's choice, else a usual name, else the contents.

    The label is guessed as the column with the fewest distinct values, the text as the one with the longest
    cells.

    Args:
        frame: the table.
        path: for messages.
        text, label: columns the user named, or None.
        labelled: whether a label is needed (training). Without need a named label may be absent, and one
            is guessed by its name alone.

    Raises:
        DataError: a named column that is not there, one column for both, no column left for a role.
    """
    text = text and find_column(frame.columns, text, "--text", path)
    if label is not None and (labelled or label in frame.columns):
        label = find_column(frame.columns, label, "--label", path)
    if text is not None and text == label:
        raise DataError(
            "one column cannot be text and label", where=shown(path), got=text, fix="set --text, --label"
        )
    guessed = []
    if text is None:
        text = _guess_text(frame, without=label)
        guessed.append("text")
    if label is None:
        label = _guess_label(frame, without=text, by_contents=labelled)
        guessed += ["label"] if label else []
    elif label not in frame.columns:
        label = None
    if text is None or (label is None and labelled):
        role = "text" if text is None else "label"
        raise DataError(
            f"no column to take as the {role}",
            where=shown(path),
            got=f"columns {', '.join(frame.columns)}",
            fix=f"set --{role}, or give a table with texts and labels",
        )
    return TextRoles(text, label, tuple(guessed))


def forecast_roles(
    frame: pl.DataFrame, path: Data, said: ForecastRoles = ForecastRoles(None, ())
) -> ForecastRoles:
    """The columns of a table over time: what the user said, the rest guessed.

    In `said`, `time="none"` takes the rows as they stand; None, "" and () leave a role open. The target is
    guessed by name, else as the last numeric column; in a table whose every target is a series, all numeric
    columns are. A column with a usual name that tells rows of one time apart names the series. Covariates
    (known ahead), static columns and holidays are never guessed.

    Raises:
        DataError: a named column that is not there or plays two roles, no numeric column for the target.
    """
    guessed = []
    time = said.time
    if not time:
        time = next(
            (name for name in _by_name(frame.columns, names.TIME) if looks_like_times(frame, name)), None
        )
        guessed += ["time"] if time else []
    else:
        time = None if time == NO_COLUMN else find_column(frame.columns, time, "--time", path)
    known = tuple(find_column(frame.columns, name, "--covariates", path) for name in said.covariates)
    static = tuple(find_column(frame.columns, name, "--static", path) for name in said.static)
    holidays = find_column(frame.columns, said.holidays, "--holidays", path) if said.holidays else None
    chosen = tuple(find_column(frame.columns, name, "--target", path) for name in said.targets)
    series = said.series
    if not series and time:
        series = _guess_series(frame, time, without=(*chosen, *known, *static, holidays))
        guessed += ["series"] if series else []
    elif series not in (None, "", NO_COLUMN, COLUMNS):
        series = find_column(frame.columns, str(series), "--series", path)
    others = (time, *known, *static, holidays, series)
    if not chosen:
        chosen = _guess_targets(frame, path, without=others, all_of_them=series == COLUMNS)
        guessed.append("target")
    used = [name for name in (*others, *chosen) if name]
    twice = sorted({name for name in used if used.count(name) > 1})
    if twice:
        raise DataError(
            "one column in two roles", where=shown(path), got=", ".join(twice), fix="name each once"
        )
    series = None if series in ("", NO_COLUMN) else series
    return ForecastRoles(time, chosen, known, tuple(guessed), series, static, holidays)


def find_column(columns: Sequence[str], name: str, option: str, path: Data) -> str:
    """`name`, if it is a column. Raises `DataError` with the columns and the nearest name otherwise."""
    if name in columns:
        return name
    lowered = {column.lower(): column for column in columns}
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    fix = f"did you mean {lowered[near[0]]}?" if near else f"set {option} to one of them"
    listed = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
    raise DataError("no such column", where=shown(path), got=f"{option} {name}", expected=listed, fix=fix)


def _guess_text(frame: pl.DataFrame, without: str | None) -> str | None:
    left = [name for name in frame.columns if name != without and not is_numeric(frame, name)]
    named = [name for name in left if name.lower() in names.TEXT]
    return max(named or left, key=lambda name: _mean_length(frame, name), default=None)


def _guess_label(frame: pl.DataFrame, without: str | None, by_contents: bool) -> str | None:
    left = [name for name in frame.columns if name != without]
    named = [name for name in left if name.lower() in names.LABEL]
    if named:
        return min(named, key=lambda name: names.LABEL.index(name.lower()))
    if not by_contents:
        return None
    distinct = {name: frame[name].drop_nulls().n_unique() for name in left}
    few = [name for name in left if 1 < distinct[name] <= max(2, frame.height // 2)]
    return min(few, key=lambda name: distinct[name], default=None)


def _guess_targets(
    frame: pl.DataFrame, path: Data, without: Sequence[str | None], all_of_them: bool
) -> tuple[str, ...]:
    left = [name for name in frame.columns if name not in without and is_numeric(frame, name)]
    if not left:
        raise DataError(
            "no numeric column to forecast",
            where=shown(path),
            got=f"columns {', '.join(frame.columns)}",
            expected="a column of numbers",
            fix="mend the column, or set --target to see which cell is no number",
        )
    if all_of_them:
        return tuple(left)
    return (next((name for name in left if name.lower() in names.TARGET), left[-1]),)


def _guess_series(frame: pl.DataFrame, time: str, without: Sequence[str | None]) -> str | None:
    """A column with a usual name that tells the rows of one time apart; None where times are distinct."""
    if frame[time].n_unique() == frame.height:
        return None
    for name in frame.columns:
        usual = name.lower() in names.SERIES and name not in (time, *without)
        if usual and not frame[name].null_count() and frame.select(time, name).n_unique() == frame.height:
            return name
    return None


def _by_name(columns: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Columns with a usual name first, then the others, each group in the table's order."""
    named = [name for name in columns if name.lower() in usual]
    return named + [name for name in columns if name not in named]


def _mean_length(frame: pl.DataFrame, name: str) -> float:
    return float(frame[name].cast(pl.String).str.len_chars().fill_null(0).mean() or 0.0)


def _described(roles: dict[str, str], guessed: Sequence[str]) -> str:
    head = ", ".join(f"{role} = {column}" for role, column in roles.items())
    if not guessed:
        return head
    which = "" if len(guessed) == len(roles) else " and ".join(guessed) + " "
    return f"{head} ({which}guessed; set {', '.join(f'--{role}' for role in guessed)})"
