"""Columns over time in normal form: a `Series`, a `Panel` of them, and parts of both in time. Floor 6.

A missing target is NaN and stays so: nothing is invented, the network is told and no score counts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.data import ForecastRoles
from cellwright.tasks.data.steps import UNTIMED, Stamps, Step, stamps_after

Floats: TypeAlias = npt.NDArray[np.float64]
NO_ROLES = ForecastRoles(None, ())


@dataclass(frozen=True)
class Series:
    """Columns over time.

    Attributes:
        targets: [T, K], in the unit of the data; NaN where a value is missing.
        covariates: [T + F, C], known for F rows ahead of the targets; C may be 0. NaN where not known.
        names, covariate_names: of the columns.
        stamps: [T], or None where the rows are taken as they stand.
        step: between the rows.
        time: the name of the time column, or None.
        guessed: whether nobody named the targets.
        source: the name of the data, for messages.
        name: which series of a panel it is; "" where there is one.
    """

    targets: Floats
    covariates: Floats
    names: tuple[str, ...]
    covariate_names: tuple[str, ...] = ()
    stamps: Stamps | None = None
    step: Step = UNTIMED
    time: str | None = None
    guessed: bool = False
    source: str = "the data"
    name: str = ""

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.source}, series {self.name}" if self.name else self.source

    def stamps_ahead(self, count: int) -> Stamps | None:
        """The stamps [T + count] of the rows and of those that follow."""
        if self.stamps is None:
            return None
        return np.concatenate((self.stamps, stamps_after(self.stamps, self.step, count)))

    def tail(self, rows: int) -> Series:
        """The last `rows` rows, and all covariates of the future."""
        start = max(0, len(self) - rows)
        stamps = None if self.stamps is None else self.stamps[start:]
        return replace(self, targets=self.targets[start:], covariates=self.covariates[start:], stamps=stamps)


@dataclass(frozen=True)
class Panel:
    """Series that share their columns and their step; most often there is one.

    Attributes:
        series: at least one.
        roles: the columns they were read from.
        static: those of the covariates that never change within a series.
        encodings: of a column that holds names, the names in the order of its covariates.
        note: one line about the roles of the columns, and what was mended.
    """

    series: tuple[Series, ...]
    roles: ForecastRoles = NO_ROLES
    static: tuple[str, ...] = ()
    encodings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    note: str = ""

    def __len__(self) -> int:
        return sum(len(one) for one in self.series)

    @property
    def first(self) -> Series:
        """Any of them, for what all share: names, step, source."""
        return self.series[0]

    @property
    def only(self) -> Series:
        """The one series there is.

        Raises:
            DataError: there are several.
        """
        if len(self.series) > 1:
            raise DataError("several series", where=self.first.source, got=len(self.series), expected=1)
        return self.first


@dataclass(frozen=True)
class Span:
    """A part of a series in time: the rows from `first` to `stop` count, those before are known by then."""

    series: Series
    first: int
    stop: int

    def __len__(self) -> int:
        return max(0, self.stop - self.first)

    @property
    def targets(self) -> Floats:
        """All that is known at the end of this part [stop, K]; a training part never sees beyond it."""
        return self.series.targets[: self.stop]

    @property
    def covariates(self) -> Floats:
        """The covariates of the rows of `targets` [stop, C]."""
        return self.series.covariates[: self.stop]

    def cut(self, at: int) -> tuple[Span, Span]:
        """The part before row `at`, and the part from it on."""
        return replace(self, stop=at), replace(self, first=at)


@dataclass(frozen=True)
class Part:
    """A part of a panel in time: a span of each series.

    >>> part = whole(Panel((Series(np.arange(4.0)[:, None], np.zeros((4, 0)), ("y",)),)))
    >>> rest, held = part.cut(1)
    >>> len(rest), len(held), len(rest.spans[0].targets), len(held.spans[0].targets)
    (3, 1, 3, 4)
    """

    panel: Panel
    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return sum(len(span) for span in self.spans)

    @property
    def total(self) -> int:
        """All rows up to the end of this part, of all series."""
        return sum(span.stop for span in self.spans)

    @property
    def rows(self) -> int:
        """Rows of the timeline up to the end of this part: of the longest series where there are no times."""
        return len(self._line())

    def cut(self, rows: int) -> tuple[Part, Part]:
        """The part without the last `rows` rows of the timeline, and those rows.

        All series are cut at one time, so that none is trained on the future of another; series without
        times are cut by the same number of rows.
        """
        line, pairs = self._line(), []
        for span in self.spans:
            stamps = span.series.stamps
            at = span.stop - rows if stamps is None else int(np.searchsorted(stamps, line[-rows]))
            pairs.append(span.cut(min(max(at, span.first), span.stop)))
        before, after = zip(*pairs, strict=True)
        return replace(self, spans=tuple(before)), replace(self, spans=tuple(after))

    def _line(self) -> npt.NDArray[np.generic]:
        """The times up to the end of this part, each once; row numbers where there are none."""
        if any(span.series.stamps is None for span in self.spans):
            return np.arange(max(span.stop for span in self.spans))
        if len(self.spans) == 1:
            return self.spans[0].series.stamps[: self.spans[0].stop]  # type: ignore[index]
        known = [span.series.stamps[: span.stop] for span in self.spans]  # type: ignore[index]
        return np.unique(np.concatenate(known))


def whole(panel: Panel) -> Part:
    """All rows of all series as one part."""
    return Part(panel, tuple(Span(one, 0, len(one)) for one in panel.series))


def carried(values: Floats, season: int) -> Floats:
    """Values [T, K] whose gaps hold what was known before them: the value a season ago, else the last one.

    Nothing after a gap is used, but for a gap at the very beginning.

    >>> carried(np.array([[1.0], [2.0], [np.nan], [np.nan], [5.0]]), 2)[:, 0].tolist()
    [1.0, 2.0, 1.0, 2.0, 5.0]
    """
    if not np.isnan(values).any():
        return values
    filled: Floats = values.copy()
    for k in range(values.shape[1]):
        column = filled[:, k]
        gaps = np.flatnonzero(np.isnan(column))
        known = np.flatnonzero(~np.isnan(column))
        first = int(known[0]) if len(known) else 0
        column[:first] = column[first] if len(known) else 0.0
        for row in gaps[gaps > first] if len(known) else ():
            column[row] = column[row - season] if row - season >= first else column[row - 1]
    return filled


def missing(series: Sequence[Series]) -> int:
    """How many targets are missing in all."""
    return sum(int(np.isnan(one.targets).sum()) for one in series)
