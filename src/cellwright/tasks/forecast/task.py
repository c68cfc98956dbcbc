"""The forecast task: from columns over time to a recurrent network that continues them. Floor 6.

Splits in time order, scales by the training part alone, forecasts a horizon at once from each origin. Refuses
series too short for a window and a horizon in each part, and covariates that are not known ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.errors import DataError
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.forecast import facts as learnt
from cellwright.tasks.forecast import show
from cellwright.tasks.forecast.live import LiveForecast
from cellwright.tasks.forecast.network import PerceptronForecast, RecurrentForecast
from cellwright.tasks.forecast.read import Floats, Reading, Series, Span, read, whole
from cellwright.tasks.forecast.score import naive, scores
from cellwright.tasks.forecast.simple import ANCHORS, TRANSFORMS, Extent, Ints, origins_of
from cellwright.tasks.forecast.windows import WindowBatch, WindowFeed, Windows
from cellwright.tasks.training import loop
from cellwright.tasks.training.settings import setting, with_default

ORIGINS = 4096  # at most so many forecasts make a score
STEPS = (5, 100)  # least and most batches of an epoch that is not set
ERRORS: Mapping[str, type[nn.Module]] = {"mae": nn.L1Loss, "mse": nn.MSELoss, "huber": nn.HuberLoss}
TOGETHER = 512  # windows in a batch that only forecasts


@dataclass(kw_only=True, eq=False, repr=False)
class Forecaster(Estimator[Span, Windows]):
    """Forecasts of one or more columns over time, several steps at once.

    `fit` takes a path (CSV, TSV, JSON Lines, Parquet), a sample's name, a polars DataFrame, or an array of
    targets [T] or [T, K]. Covariates are columns known ahead; the calendar is read off the time column.
    Trailing rows without a target are the future: they may hold covariates.

    Under the network lies a simple forecast (`forecast_base`) that the end of the training part chooses; the
    network reads window and horizon in one pass and corrects it (`forecast_network`).

    >>> import numpy as np
    >>> wave = 10 + np.sin(np.arange(200) * 2 * np.pi / 8)
    >>> model = Forecaster(horizon=4, season=8, units=8, epochs=1).fit(wave, test=0.2)
    >>> model.predict().shape, sorted(model.metrics_["baselines"])
    ((4, 1), ['last_value', 'linear', 'seasonal_naive'])
    """

    TASK = "forecast"
    SCORE = "mase"
    BETTER = "min"
    NOT_CELLS = ("mlp",)

    time: str = setting("", "the time column; none: rows as they stand; empty: guessed")
    target: str = setting("", "the columns to forecast, separated by commas; empty: guessed")
    covariates: str = setting("", "columns known ahead, separated by commas")
    gaps: str = setting("refuse", "missing stamps and empty cells", choices=("refuse", "fill"))
    duplicates: str = setting("refuse", "rows of one time stamp", choices=("refuse", "mean"))
    horizon: int = setting(
        0, "steps to forecast; 0: one season, 48 at most, 12 without a usual season", min=0
    )
    window: int = setting(0, "steps to look back; 0: by the season", min=0)
    season: int = setting(0, "steps in a season; 0: found from the times or the data; 1: none", min=0)
    transform: str = setting("auto", "of the values; auto tries", choices=("auto", *TRANSFORMS))
    anchor: str = setting("auto", "what forecasts are measured from; auto tries", choices=("auto", *ANCHORS))
    calendar: bool = setting(True, "let the network know hour, weekday and time of year")
    linear: bool = setting(True, "let the network correct a linear forecast from the window")
    error: str = setting("mae", "the error that training descends", choices=tuple(ERRORS))
    steps: int = setting(0, "batches in an epoch; 0: one pass, but 5 to 100", min=0)
    units: int = with_default(Estimator, "units", 64)
    learning_rate: float = with_default(Estimator, "learning_rate", 1e-3)
    batch_size: int = with_default(Estimator, "batch_size", 64)
    valid: float = with_default(Estimator, "valid", 0.2)
    epochs: int = with_default(Estimator, "epochs", 30)

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.anchor == "season" and self.season == 1:
            yield "anchor season needs a season, got season 1 (none)"

    def read(self, data: Any) -> Series:
        """The data in normal form, with a note about the columns and what was mended; `fit` takes it too.

        A trained forecaster looks for the columns it was trained on.

        Raises:
            DataError: it cannot be used (see `forecast_read.read`).
        """
        known = self.facts_ if hasattr(self, "facts_") else {}
        said = Reading(self.time, self.target, self.covariates, self.gaps, self.duplicates)
        return read(data, said, known=known)

    def predict(self, X: Any = None) -> Floats:
        """The values after the end of X, in the unit of the data [horizon, K].

        Args:
            X: a series as `fit` takes it, a window long at least, with its covariates known over the horizon;
                None: the one that `fit` was given (all of it, held out or not).

        Raises:
            DataError: X cannot be used, or is too short.
        """
        check_is_fitted(self)
        series = self._series(X)
        extent = learnt.extent_of(self.facts_)
        if len(series) < extent.reach:
            raise learnt.too_short(series, "to forecast from", len(series), extent.reach, extent)
        known = learnt.known(whole(series), self.facts_, extent.horizon)
        end = np.array([len(series)])
        windows = Windows(series.targets, known, end, extent, learnt.bases(self.facts_))
        forecast: Floats = _forecasts(self.network_, windows, np.arange(1))[0]
        return forecast

    def forecast(self, X: Any = None) -> pl.DataFrame:
        """As `predict`, as a frame: the times that follow (or steps from 1), and a column for each target.

        Raises:
            DataError: as `predict`.
        """
        check_is_fitted(self)
        series = self._series(X)
        return show.future(series, self.predict(series))

    def backtest(self, X: Any) -> pl.DataFrame:
        """The trained network's forecasts of X itself, from every origin (4096 at most, evenly spaced).

        Returns:
            A row for each origin, step and target; see `forecast_show.past`.

        Raises:
            DataError: as `predict`.
        """
        check_is_fitted(self)
        part = self.take(X)
        windows = self.encode(part, self.facts_)
        places = windows.some(ORIGINS)
        return show.past(part.series, windows, places, _forecasts(self.network_, windows, places))

    def way(self) -> LiveForecast:
        """Rows in, forecasts out: for `cellwright.Stream`."""
        return LiveForecast(self)

    def take(self, X: Any, y: Any = None) -> Span:
        """The whole series, in time order."""
        if y is not None:
            raise DataError("a forecast takes no y", fix="give the targets as columns of X")
        series = self.read(X)
        if self.transform in ("log", "sqrt"):
            _refuse_untransformable(series, self.transform)
        return whole(series)

    def hold_out(self, part: Span, share: float) -> tuple[Span, Span]:
        """Cut off the last rows: the share, but one horizon at least."""
        horizon = learnt.horizon_of(self.horizon, part.series)
        rows = part.stop
        held = max(round(share * rows), horizon)
        least = held + max(self.window, self.season, 1) + horizon + 1
        if rows < least:
            extent = Extent(self.window, horizon, self.season)
            raise learnt.too_short(part.series, f"with {held} of them held out", rows, least, extent)
        return part.cut(rows - held)

    def learn(self, train: Span) -> Facts:
        """Season, window, simple forecasts, scales: from the training part. And where the data end."""
        return self._facts(train, linear=self.linear)

    def build(self, cell: Cell | None, facts: Facts) -> nn.Module:
        """The untrained network."""
        extent, outputs = learnt.extent_of(facts), len(facts["targets"])
        inputs = outputs + 1 + learnt.known_width(facts)
        if cell is None:
            return PerceptronForecast(inputs, outputs, extent, units=self.units, dropout=self.dropout)
        return RecurrentForecast(
            cell,
            inputs,
            outputs,
            extent,
            units=self.units,
            layers=self.layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
        )

    def encode(self, part: Span, facts: Facts) -> Windows:
        """The windows that forecast the rows of the part."""
        learnt.refuse_other_data(part.series, facts)
        extent = learnt.extent_of(facts)
        origins = origins_of(extent, part.first, part.stop)
        if not len(origins):
            least = extent.horizon + max(0, extent.reach - part.first)
            raise learnt.too_short(part.series, "to score", len(part), least, extent)
        return _windows(part, origins, facts)

    def feed(self, coded: Windows) -> WindowFeed:
        """Batches of windows in random order."""
        least, most = STEPS
        passes = -(-len(coded) // self.batch_size)
        return WindowFeed(coded, self.batch_size, self.steps or min(most, max(least, passes)), self.seed)

    def loss(self, network: nn.Module, batch: WindowBatch, state: loop.State | None) -> loop.Loss:
        """The error of the scaled forecasts."""
        assert batch.y is not None
        return loop.Loss(ERRORS[self.error]()(network(batch.x), batch.y), items=len(batch.index))

    def reads(self, network: nn.Module, batch: WindowBatch) -> tuple[Tensor, Tensor | None] | None:
        """The windows."""
        return (batch.x, None) if isinstance(network, RecurrentForecast) else None

    def evaluate(self, network: nn.Module, coded: Windows, facts: Facts) -> Scores:
        """MAE, RMSE, MAPE (sMAPE where the truth holds a zero) and MASE over all origins."""
        places = coded.some(ORIGINS)
        return scores(coded.truth(places), _forecasts(network, coded, places), facts["naive_error"])

    def baselines(self, train: Span, held: Span) -> dict[str, Scores]:
        """The seasonal naive, the last value, and the linear forecast that the network corrects."""
        facts = self._facts(train, linear=True)
        windows = self.encode(held, facts)
        places = windows.some(ORIGINS)
        said = {
            "seasonal_naive": naive(windows, places, windows.extent.season),
            "last_value": naive(windows, places, 1),
            "linear": windows.forecasts(None, places),
        }
        truth = windows.truth(places)
        return {name: scores(truth, one, facts["naive_error"]) for name, one in said.items()}

    def examples(self, network: nn.Module, held: Span, facts: Facts) -> dict[str, Any]:
        """Forecasts that follow each other through the end of the held-out part, over the truth."""
        extent = learnt.extent_of(facts)
        windows = _windows(held, show.origins_shown(held, extent), facts)
        every = np.arange(len(windows))
        baseline, said = naive(windows, every, extent.season), _forecasts(network, windows, every)
        return {"forecasts": show.picture(held.series, windows, said, baseline)}

    def _facts(self, train: Span, *, linear: bool) -> Facts:
        extent = learnt.extent(train, horizon=self.horizon, window=self.window, season=self.season)
        return learnt.facts(
            train,
            extent,
            transform=self.transform,
            anchor=self.anchor,
            linear=linear,
            calendar=self.calendar,
        )

    def _series(self, X: Any) -> Series:
        if X is None:
            return learnt.history(self.facts_)
        series = self.read(X)
        learnt.refuse_other_data(series, self.facts_)
        return series


def _windows(part: Span, origins: Ints, facts: Facts) -> Windows:
    extent = learnt.extent_of(facts)
    return Windows(part.targets, learnt.known(part, facts, 0), origins, extent, learnt.bases(facts))


def _forecasts(network: nn.Module, windows: Windows, places: Ints) -> Floats:
    """The network's forecasts from the chosen origins, in the unit of the data [N, horizon, K]."""
    device = next(network.parameters()).device
    found = []
    with loop.evaluating(network):
        for start in range(0, len(places), TOGETHER):
            some = places[start : start + TOGETHER]
            found.append(windows.forecasts(network(windows.batch(some, answers=False).to(device).x), some))
    return np.concatenate(found)


def _refuse_untransformable(series: Series, transform: str) -> None:
    wrong = np.argwhere(series.targets <= 0 if transform == "log" else series.targets < 0)
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"a value that has no {transform}",
            where=f"{series.source}, column {series.names[column]}, row {row + 1} in time order",
            got=series.targets[row, column],
            expected="values above 0" if transform == "log" else "values of 0 or more",
            fix="set --transform auto or none",
        )
