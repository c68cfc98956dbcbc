"""The forecast task: from columns over time to a recurrent network that continues them. Floor 6.

Splits in time order, scales by the training part alone, forecasts a horizon at once from each origin. Refuses
series too short for a window and a horizon in each part, and covariates that are not known ahead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.errors import DataError
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.facts import plain
from cellwright.tasks.forecast import facts as learnt
from cellwright.tasks.forecast import show
from cellwright.tasks.forecast.beside import beside
from cellwright.tasks.forecast.intervals import believed, calibrate, said, uncalibrated, unseen
from cellwright.tasks.forecast.live import LiveForecast
from cellwright.tasks.forecast.network import ForecastNetwork, PerceptronForecast, RecurrentForecast
from cellwright.tasks.forecast.output import ERRORS, OUTPUTS, output_of, refuse_unfit
from cellwright.tasks.forecast.read import Reading, read
from cellwright.tasks.forecast.rehearse import rehearsed
from cellwright.tasks.forecast.rolling import backtest, rolling
from cellwright.tasks.forecast.score import coverages, naive, scores
from cellwright.tasks.forecast.series import Floats, Panel, Part, whole
from cellwright.tasks.forecast.settings import Columns, shares_of
from cellwright.tasks.forecast.simple import ANCHORS, TRANSFORMS, Extent, Ints
from cellwright.tasks.forecast.windows import WindowBatch, WindowFeed, Windows
from cellwright.tasks.layers import Layers
from cellwright.tasks.training import loop
from cellwright.tasks.training.settings import setting, with_default

ORIGINS = 4096  # at most so many forecasts make a score
STEPS = (5, 100)  # least and most batches of an epoch that is not set
FEW = 5  # horizons in a validation part below which it settles nothing
REFIT = 2000  # rows below which a network is trained once more on the validation part too


@dataclass(kw_only=True, eq=False, repr=False)
class Forecaster(Columns, Estimator[Part, Windows]):
    """Forecasts of one or more columns over time, several steps at once; of one series or of many.

    `fit` takes a path (CSV, TSV, JSON Lines, Parquet), a sample's name, a polars DataFrame, or an array of
    targets [T] or [T, K]. Covariates are columns known ahead; the calendar is read off the time column.
    Trailing rows without a target are the future: they may hold covariates. A table of many series makes one
    network of all of them.

    Under the network lies a simple forecast (`simple`) that the training part chooses; the network reads
    window and horizon in one pass and corrects it (`network`). The validation part chooses the epoch, and
    measures how wide the bounds must be (`intervals`).

    >>> import numpy as np
    >>> wave = 10 + np.sin(np.arange(200) * 2 * np.pi / 8)
    >>> model = Forecaster(horizon=4, season=8, units=8, epochs=1).fit(wave, test=0.2)
    >>> model.predict().shape, list(model.metrics_["baselines"])[:4]
    ((4, 1), ['seasonal_naive', 'last_value', 'drift', 'linear'])
    """

    TASK = "forecast"
    SCORE = "mase"
    BETTER = "min"
    NOT_CELLS = ("mlp",)

    horizon: int = setting(
        0, "steps to forecast; 0: one season, 48 at most, 12 without a usual season", min=0
    )
    window: int = setting(0, "steps to look back; 0: by the season", min=0)
    season: int = setting(0, "steps in a season; 0: found from the times or the data; 1: none", min=0)
    transform: str = setting("auto", "of the values; auto tries", choices=("auto", *TRANSFORMS))
    anchor: str = setting("auto", "what forecasts are measured from; auto tries", choices=("auto", *ANCHORS))
    calendar: bool = setting(True, "let the network know hour, weekday and time of year")
    linear: bool = setting(True, "let the network correct a linear forecast from the window")
    output: str = setting("point", "what the network says of each step", choices=OUTPUTS)
    intervals: str = setting("80,95", "per cent that the bounds of a forecast shall hold; none: no bounds")
    decoding: str = setting(
        "direct",
        "all steps at once, or each fed with what was said of the one before",
        choices=("direct", "autoregressive"),
    )
    ensemble: int = setting(1, "networks of different beginnings that are averaged", min=1)
    error: str = setting("mae", "the error that training descends, of a point", choices=tuple(ERRORS))
    refit: str = setting(
        "auto",
        "train once more with the validation part, as long as was best; auto: below 2000 rows",
        choices=("auto", "yes", "no"),
    )
    backtest: int = setting(
        0, "train anew at so many times of the past and score what followed (rolling origin); 0: no", min=0
    )
    steps: int = setting(0, "batches in an epoch; 0: one pass, but 5 to 100", min=0)
    units: int = with_default(Estimator, "units", 64)
    learning_rate: float = with_default(Estimator, "learning_rate", 1e-3)
    batch_size: int = with_default(Estimator, "batch_size", 64)
    valid: float = with_default(Estimator, "valid", 0.2)
    epochs: int = with_default(Estimator, "epochs", 30)

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.anchor in learnt.SEASONAL and self.season == 1:
            yield f"anchor {self.anchor} needs a season, got season 1 (none)"
        if self.decoding == "autoregressive" and (self.bidirectional or self.cell in self.NOT_CELLS):
            what = "both directions" if self.bidirectional else f"the cell {self.cell}"
            yield f"decoding autoregressive goes from step to step, which {what} cannot"
        if shares_of(self.intervals) is None:
            yield f"intervals must be none or per cents between 0 and 100, as 80,95, got {self.intervals}"

    def read(self, data: Any) -> Panel:
        """The data in normal form, with a note about the columns and what was mended; `fit` takes it too.

        A trained forecaster looks for the columns it was trained on.

        Raises:
            DataError: it cannot be used (see `read.read`).
        """
        known = self.facts_ if hasattr(self, "facts_") else {}
        reading = Reading(
            self.time,
            self.target,
            self.covariates,
            self.series,
            self.static,
            self.holidays,
            self.gaps,
            self.duplicates,
        )
        return read(data, reading, known=known)

    def predict(self, X: Any = None) -> Floats:
        """The values after the end of X, in the unit of the data [horizon, K]; [S, horizon, K] of S series.

        Args:
            X: data as `fit` takes them, a window long at least, with the covariates known over the horizon;
                None: those that `fit` was given (all of them, held out or not).

        Raises:
            DataError: X cannot be used, or is too short.
        """
        panel = self._panel(X)
        forecast = self._ahead(panel)[0]
        return forecast[0] if len(panel.series) == 1 else forecast

    def forecast(self, X: Any = None) -> pl.DataFrame:
        """As `predict`, as a frame: series, times that follow (or steps from 1), targets with their bounds.

        Raises:
            DataError: as `predict`.
        """
        panel = self._panel(X)
        return show.future(panel, *self._ahead(panel))

    def hindcast(self, X: Any) -> pl.DataFrame:
        """The network's forecasts of X itself, from every origin (4096 at most, evenly spaced): `show.past`.

        Raises:
            DataError: as `predict`.
        """
        check_is_fitted(self)
        part = self.take(X)
        windows = self.encode(part, self.facts_)
        places = windows.some(ORIGINS)
        return show.past(part.panel, windows, places, self._forecasts(self.network_, windows, places)[0])

    def way(self) -> LiveForecast:
        """Rows in, forecasts out: for `cellwright.Stream`."""
        return LiveForecast(self)

    def take(self, X: Any, y: Any = None) -> Part:
        """All series whole, in time order."""
        if y is not None:
            raise DataError("a forecast takes no y", fix="give the targets as columns of X")
        panel = self.read(X)
        for series in panel.series:
            refuse_unfit(series, self.transform, self.output)
        return whole(panel)

    def hold_out(self, part: Part, share: float) -> tuple[Part, Part]:
        """Cut off the last rows: the share, but one horizon at least."""
        first = part.panel.first
        horizon = learnt.horizon_of(self.horizon, first.step)
        rows = part.rows
        held = max(round(share * rows), horizon)
        least = held + max(self.window, self.season, 1) + horizon + 1
        if rows < least:
            extent = Extent(self.window, horizon, self.season)
            raise learnt.too_short(first, f"with {held} of them held out", rows, least, extent)
        return part.cut(held)

    def folds(self, part: Part, count: int) -> list[tuple[Part, Part]]:
        """Rolling origin: what was known at each of `count` times, and the rows from there to the next one.

        Raises:
            DataError: too few rows for one of them.
        """
        return rolling(part, count, learnt.horizon_of(self.horizon, part.panel.first.step))

    def learn(self, train: Part) -> Facts:
        """Season, window, simple forecasts, scales: from the training part. And where the data end."""
        extent = learnt.extent(train, horizon=self.horizon, window=self.window, season=self.season)
        return self.facts_of(train, extent)

    def build(self, cell: Cell | None, facts: Facts) -> ForecastNetwork:
        """The untrained network."""
        bases, shares = learnt.bases(facts), shares_of(self.intervals) or ()
        output = output_of(self.output, self.error, shares, bases)
        members = [self._member(cell, facts, output.width) for _ in range(self.ensemble)]
        ratio = [base.error / base.spread for base in bases]
        return ForecastNetwork(members, output, ratio, shares, fed=self._fed)

    def encode(self, part: Part, facts: Facts) -> Windows:
        """The windows that forecast the rows of the part."""
        learnt.refuse_other_data(part.panel, facts)
        return learnt.windows(part, facts, fed=self._fed)

    def feed(self, coded: Windows) -> WindowFeed:
        """Batches of windows in random order."""
        least, most = STEPS
        passes = -(-len(coded) // self.batch_size)
        return WindowFeed(coded, self.batch_size, self.steps or min(most, max(least, passes)), self.seed)

    def loss(self, network: nn.Module, batch: WindowBatch, state: loop.State | None) -> loop.Loss:
        """The loss of what each member says; they share no weights, so each learns as if alone."""
        assert isinstance(network, ForecastNetwork)
        return loop.Loss(network.output.loss(network(batch.x), batch), items=len(batch.index))

    def reads(self, network: nn.Module, batch: WindowBatch) -> tuple[Tensor, Tensor | None] | None:
        """The windows."""
        return None if self.cell in self.NOT_CELLS else (batch.x, None)

    def settle(
        self,
        network: nn.Module,
        facts: Facts,
        cell: Cell | None,
        train: Part,
        valid: Part | None,
        outcome: loop.Outcome,
    ) -> tuple[nn.Module, Facts]:
        """Measure trust and bounds on the validation part; then train once more with it, if that was asked.

        The second training runs as many epochs as were best in the first, on all rows before the test part.
        A validation part of less than five horizons settles neither: all epochs are run, and networks that
        are trained at earlier times (`rehearse`) say what it is worth.
        """
        assert isinstance(network, ForecastNetwork)
        if valid is None:
            uncalibrated(network)
            return network, facts
        device, extent = network.trust.device, learnt.extent_of(facts)
        windows = self.encode(valid, facts)
        calibrate(network, [unseen(network, windows, windows.some(ORIGINS))])
        if not self._refits(train) or valid.panel is not train.panel or not outcome.best_epoch:
            return network, facts
        few = valid.rows - min(span.first for span in valid.spans) < FEW * extent.horizon
        everything = Part(valid.panel, tuple(replace(span, first=0) for span in valid.spans))
        facts = plain(self.facts_of(everything, extent))
        again = self.build(cell, facts).to(device)
        plan = replace(self._plan(device), epochs=self.epochs if few else outcome.best_epoch)
        loop.train(again, self.feed(self.encode(everything, facts)), self.loss, plan)
        found = rehearsed(self, everything, cell, facts, device) if few else []
        if found:
            calibrate(again, found)
        else:
            again.calibrated_as(network)
        return again, facts

    def evaluate(self, network: nn.Module, coded: Windows, facts: Facts) -> Scores:
        """MAE, RMSE, MAPE (sMAPE where the truth holds a zero), MASE, and what the bounds held.

        Where the network is not believed wholly, `network_mase` is what it would score if it were.
        """
        assert isinstance(network, ForecastNetwork)
        places = coded.some(ORIGINS)
        truth, unit = coded.truth(places), coded.naive_error[coded.which[places]]
        forecasts, bounds = self._forecasts(network, coded, places)
        found = scores(truth, forecasts, unit)
        if not bool((network.trust == 1).all()):
            with believed(network):
                alone = self._forecasts(network, coded, places)[0]
            found["network_mase"] = scores(truth, alone, unit)["mase"]
        return found | coverages(truth, bounds)

    def baselines(self, train: Part, held: Part) -> dict[str, Scores]:
        """The naive ones, the linear forecast that the network corrects, and ETS where statsmodels is there.

        They see what the network saw: the validation part too, if it was trained once more with that.
        """
        seen = train
        if self._refits(train):
            same = held.panel is train.panel
            stops = [one.first for one in held.spans] if same else [len(one.series) for one in train.spans]
            pairs = zip(train.spans, stops, strict=True)
            seen = Part(train.panel, tuple(replace(span, stop=stop) for span, stop in pairs))
        extent = learnt.extent(train, horizon=self.horizon, window=self.window, season=self.season)
        facts = plain(self.facts_of(seen, extent, linear=True))
        windows = learnt.windows(held, facts, fed=False)
        places = windows.some(ORIGINS)
        unit = windows.naive_error[windows.which[places]]
        return {
            name: scores(windows.truth(places), one, unit)
            for name, one in beside(windows, places, seen).items()
        }

    def examples(self, network: nn.Module, held: Part, facts: Facts) -> dict[str, Any]:
        """Forecasts that follow each other through the end of the held-out part, over the truth."""
        assert isinstance(network, ForecastNetwork)
        extent = learnt.extent_of(facts)
        windows = learnt.windows(held, facts, show.origins_shown(held, extent), fed=self._fed)
        every = np.arange(len(windows))
        baseline = naive(windows, every, extent.season)
        forecasts, bounds = self._forecasts(network, windows, every)
        pictures = show.picture(held.panel, windows, forecasts, baseline, bounds)
        found: dict[str, Any] = {"forecasts": pictures, "trust": network.trust.tolist()}
        if self.backtest:
            found["backtest"] = backtest(self, whole(held.panel), self.backtest)
        return found

    @property
    def _fed(self) -> bool:
        return self.decoding == "autoregressive"

    def _refits(self, train: Part) -> bool:
        return self.valid > 0 and (self.refit == "yes" or (self.refit == "auto" and train.total < REFIT))

    def _member(self, cell: Cell | None, facts: Facts, width: int) -> RecurrentForecast | PerceptronForecast:
        extent, targets = learnt.extent_of(facts), len(facts["targets"])
        inputs = targets * (1 + self._fed + facts["masked"]) + 1 + learnt.known_width(facts)
        if cell is None:
            return PerceptronForecast(inputs, targets, width, extent, units=self.units, dropout=self.dropout)
        return RecurrentForecast(Layers.of(self, cell), inputs, targets, width, extent)

    def facts_of(self, train: Part, extent: Extent, *, linear: bool | None = None) -> Facts:
        """What is learnt of a training part for windows of this extent; `linear`: None for the setting's."""
        return learnt.facts(
            train,
            extent,
            transform=self.transform,
            anchor=self.anchor,
            linear=self.linear if linear is None else linear,
            calendar=self.calendar,
        )

    def _panel(self, X: Any) -> Panel:
        check_is_fitted(self)
        if X is None:
            panel = learnt.history(self.facts_)
        else:
            panel = self.read(X)
            learnt.refuse_other_data(panel, self.facts_)
        learnt.refuse_short(panel, self.facts_)
        return panel

    def _ahead(self, panel: Panel) -> tuple[Floats, show.Bounds]:
        """The forecasts after the end of each series [S, horizon, K], and their bounds."""
        origins = {one.name: np.array([len(one)]) for one in panel.series}
        windows = learnt.windows(whole(panel), self.facts_, origins, fed=self._fed)
        return self._forecasts(self.network_, windows, np.arange(len(windows)))

    def _forecasts(self, network: nn.Module, windows: Windows, places: Ints) -> tuple[Floats, show.Bounds]:
        """Forecasts from the chosen origins [N, horizon, K], in the unit of the data, and their bounds."""
        assert isinstance(network, ForecastNetwork)
        middle, bounds = said(network, windows, places)
        sides = [[windows.in_units(one, places) for one in side] for side in bounds]
        pairs = {
            share: (low, high)
            for share, low, high in zip(network.shares, *sides, strict=True)
            if np.isfinite(low).all()
        }
        return windows.in_units(middle, places), pairs
