"""Forecasts on a live stream: a row in, the next values out, as `Forecaster.predict` gives them. Floor 6.

A row is {"time": .., target: .., covariate: [now, 1 ahead, .., horizon ahead]}; the values alone, in the
order of the training, where there are no covariates. A model of many series takes the name of the row's one,
too, and keeps each by itself. A fresh stream knows the last rows of the training data and goes on from them
if the first row follows them, else with that row alone. Refuses rows out of order.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.data import Source, read_times
from cellwright.tasks.data.roles import COLUMNS
from cellwright.tasks.data.steps import stamps_after
from cellwright.tasks.forecast import facts as learnt
from cellwright.tasks.forecast import show
from cellwright.tasks.forecast.series import Floats, Panel, Series
from cellwright.tasks.live import Answer, Live, number

if TYPE_CHECKING:
    from cellwright.tasks.forecast.task import Forecaster

LINE = Source("the row", Path("row.parquet"))


class LiveForecast(Live):
    """The rows that a window needs, and a forecast after each new one."""

    def __init__(self, estimator: Forecaster) -> None:
        super().__init__(estimator)
        self._forecast, self._facts = estimator.forecast, self.facts
        self._extent = learnt.extent_of(self.facts)
        self._known = {one.name: one for one in learnt.history(self.facts).series}
        self._begun: set[str] = set()
        column = self.facts["columns"]["series"]
        self._by = None if set(self._known) == {""} else show.SERIES if column == COLUMNS else column
        static = set(self.facts["static"])
        self._ahead = [name for name in self.facts["covariates"] if name not in static]
        names, ahead = self.facts["targets"], range(1, self._extent.horizon + 1)
        self.heads = tuple(f"{name}+{k}" for k in ahead for name in names)
        covariates = [f"{name}+{k}" if k else name for name in self._ahead for k in (0, *ahead)]
        first = [name for name in (self._by, self.facts["time"]) if name]
        self._columns = [*first, *names, *covariates]
        self._order = list(self._columns)

    def answer(self, item: Any) -> Answer:
        """The forecast after a row: {"time": [..], target: [..]}, or how many rows are still needed."""
        row = self._named(item)
        known = self._series(row)
        values = np.array([[self._value(row[name], name) for name in self.facts["targets"]]])
        series = self._joined(known, values, self._covariates(row, known), self._stamp(row, known))
        needed = self._extent.reach - len(series)
        answer: Answer = {"needs": needed}
        if needed <= 0:
            columns = self._forecast(Panel((series,))).to_dict(as_series=False)
            answer = {name: [str(v) if isinstance(v, date) else v for v in c] for name, c in columns.items()}
        self._known[series.name] = series.tail(self._extent.reach)
        self._begun.add(series.name)
        return answer

    def forget(self) -> None:
        """No row is known."""
        for name, series in self._known.items():
            stamps = None if series.stamps is None else series.stamps[:0]
            kept = (
                series.covariates[: len(series.targets) > 0]
                if self.facts["static"]
                else series.covariates[:0]
            )
            self._known[name] = replace(series, targets=series.targets[:0], covariates=kept, stamps=stamps)
        self._begun, self._order = set(self._known), list(self._columns)

    def item(self, line: str) -> Any:
        """The row of a CSV line; a first line with the names of columns says their order."""
        cells = next(csv.reader([line]), [])
        if set(cells) & set(self._columns):
            if missing := [name for name in self._columns if name not in cells]:
                raise DataError("columns of the training are missing", expected=", ".join(missing))
            self._order = cells
            return None
        if len(cells) != len(self._order):
            raise DataError(
                "another number of cells",
                got=len(cells),
                expected=f"{len(self._order)}: {','.join(self._order)}",
            )
        named: dict[str, Any] = dict(zip(self._order, cells, strict=True))
        ahead = range(self._extent.horizon + 1)
        for name in self._ahead:
            named[name] = [named.get(f"{name}+{k}" if k else name) for k in ahead]
        return named

    def cells(self, answer: Answer) -> Sequence[Any]:
        """The forecast of every target, step by step."""
        if "needs" in answer:
            return [""] * len(self.heads)
        columns = [answer[name] for name in self.facts["targets"]]
        return [column[k] for k in range(self._extent.horizon) for column in columns]

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """The rows of every series."""
        tensors, stamps = {}, []
        for place, series in enumerate(self._known.values()):
            tensors[f"targets_{place}"] = torch.from_numpy(series.targets.copy())
            tensors[f"covariates_{place}"] = torch.from_numpy(series.covariates.copy())
            stamps.append(None if series.stamps is None else [str(stamp) for stamp in series.stamps])
        return tensors, {"series": list(self._known), "stamps": stamps, "begun": sorted(self._begun)}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """The rows of a snapshot."""
        pattern = next(iter(self._known.values()))
        self._known = {
            name: replace(
                pattern,
                name=name,
                targets=tensors[f"targets_{place}"].numpy().copy(),
                covariates=tensors[f"covariates_{place}"].numpy().copy(),
                stamps=None if stamps is None else np.array(stamps, dtype="datetime64[us]"),
            )
            for place, (name, stamps) in enumerate(zip(facts["series"], facts["stamps"], strict=True))
        }
        self._begun = set(facts["begun"])

    def _named(self, item: Any) -> Mapping[str, Any]:
        """The values by name."""
        targets = self.facts["targets"]
        needed = [*([self._by] if self._by else []), *targets, *self._ahead]
        if isinstance(item, Mapping):
            missing = [name for name in needed if name not in item]
            if missing:
                raise DataError(
                    "a row without a value", got=", ".join(map(str, item)), expected=", ".join(missing)
                )
            return item
        values = np.atleast_1d(np.asarray(item, dtype=object)).tolist()
        if len(values) != len(targets) or len(needed) > len(targets):
            raise DataError(
                "the row does not fit the model", got=f"{len(values)} values", expected=", ".join(needed)
            )
        return dict(zip(targets, values, strict=True))

    def _series(self, row: Mapping[str, Any]) -> Series:
        """What is known of the row's series; nothing, of one that is new."""
        name = str(row[self._by]) if self._by else ""
        if name in self._known:
            return self._known[name]
        if self.facts["static"]:
            raise DataError(
                "a series that training has not seen, and whose static columns are not known",
                where=self._by,
                got=name,
                expected=", ".join(list(self._known)[:10]),
            )
        pattern = next(iter(self._known.values()))
        stamps = None if pattern.stamps is None else pattern.stamps[:0]
        return replace(
            pattern, name=name, targets=pattern.targets[:0], covariates=pattern.covariates[:0], stamps=stamps
        )

    def _value(self, value: Any, name: str) -> float:
        """A number; NaN for what is missing, where the network was trained with missing values."""
        if self.facts["masked"] and (value is None or value == ""):
            return float("nan")
        return number(value, name)

    def _covariates(self, row: Mapping[str, Any], known: Series) -> Floats:
        """What is known of now and of the horizon [1 + horizon, C]."""
        rows = self._extent.horizon + 1
        for name in self._ahead:
            values = row[name]
            if not isinstance(values, (list, tuple, np.ndarray)) or len(values) != rows:
                raise DataError(
                    "a covariate must be known ahead",
                    where=name,
                    got=f"{np.size(values)} values",
                    expected=f"a list of {rows}: now, and for the {rows - 1} steps of the horizon",
                )
        found = [
            [number(value, name) for value in row[name]]
            if name in self._ahead
            else [float(known.covariates[0, k])] * rows
            for k, name in enumerate(self.facts["covariates"])
        ]
        ahead: Floats = np.array(found, dtype=np.float64).reshape(len(found), rows).T
        return ahead

    def _stamp(self, row: Mapping[str, Any], series: Series) -> np.datetime64 | None:
        """When the row is; the next step, if it does not say so."""
        name = self.facts["time"]
        if series.stamps is None or name is None:
            return None
        if row.get(name) not in (None, ""):
            frame = pl.DataFrame({name: [str(row[name])]})
            found: np.datetime64 = read_times(frame, name, LINE).stamps[0]
            return found
        if not len(series.stamps):
            raise DataError("the first row must say when it is", expected=name)
        following: np.datetime64 = stamps_after(series.stamps, series.step, 1)[0]
        return following

    def _joined(
        self, known: Series, values: Floats, covariates: Floats, stamp: np.datetime64 | None
    ) -> Series:
        """The rows with the new one; alone, if a fresh stream begins elsewhere."""
        if stamp is not None and known.stamps is not None and len(known.stamps):
            following = stamps_after(known.stamps, known.step, 1)[0]
            later = known.step.kind == "irregular" and stamp > known.stamps[-1]
            if stamp != following and not later:
                if known.name in self._begun:
                    raise DataError(
                        "the row is not the next one",
                        where=self.facts["time"],
                        got=_written(stamp),
                        expected=_written(following),
                        fix="send the rows in order, or reset to begin elsewhere",
                    )
                known = known.tail(0)
        rows = len(known)
        return replace(
            known,
            targets=np.concatenate((known.targets, values)),
            covariates=np.concatenate((known.covariates[:rows], covariates)),
            stamps=None if stamp is None else np.append(known.stamps, stamp),  # type: ignore[arg-type]
        )


def _written(stamp: np.datetime64) -> str:
    return str(stamp.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
