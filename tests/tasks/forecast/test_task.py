"""The forecast task: nothing of the future is seen, scores are what they say, a loaded run says the same."""

from __future__ import annotations

import gzip
import signal
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.base import clone

from cellwright.errors import DataError, Interrupted
from cellwright.tasks import metrics
from cellwright.tasks.forecast.read import Reading, read
from cellwright.tasks.forecast.score import scores
from cellwright.tasks.forecast.series import whole
from cellwright.tasks.forecast.task import Forecaster
from cellwright.tasks.report.forecasts import forecasts as draw
from cellwright.tasks.training.progress import Quiet
from cellwright.tasks.training.run import Run


def wave(rows=160, season=8, noise=0.1, seed=0):
    """A season on a trend, with noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    return 20 + 0.05 * t + 3 * np.sin(2 * np.pi * t / season) + noise * rng.normal(size=rows)


def small(**settings):
    return Forecaster(**{"horizon": 4, "season": 8, "units": 8, "epochs": 2, "steps": 3, **settings})


def monthly(values, start="2000-01", name="sales"):
    stamps = (np.datetime64(start, "M") + np.arange(len(values))).astype(str)
    return pl.DataFrame({"month": stamps.tolist(), name: values})


def plain(columns):
    """Columns without those of the bounds."""
    return [name for name in columns if "_lo" not in name and "_hi" not in name]


@pytest.fixture(scope="module")
def fitted():
    return small().fit(wave(), test=0.2)


class TestScores:
    def test_are_those_of_metrics(self):
        rng = np.random.default_rng(0)
        truth, said, history = rng.random((5, 3, 1)) + 1, rng.random((5, 3, 1)) + 1, rng.random((40, 1))
        unit = [float(np.abs(history[4:] - history[:-4]).mean())]
        found = scores(truth, said, unit)
        assert found["mase"] == pytest.approx(
            metrics.mase(truth[..., 0], said[..., 0], history[:, 0], 4) or 0
        )
        assert found["mae"] == np.abs(truth - said).mean() and "smape" not in found

    def test_a_zero_in_the_truth_makes_the_percentage_symmetric(self):
        found = scores(np.zeros((1, 2, 1)), np.ones((1, 2, 1)), [1.0])
        assert found["smape"] == 200 and "mape" not in found

    def test_the_baselines_by_hand(self, fitted):
        values = wave()
        origins = range(128, 160 - 4 + 1)
        errors = [np.abs(values[o : o + 4] - values[o - 8 : o - 4]).mean() for o in origins]
        assert fitted.metrics_["baselines"]["seasonal_naive"]["mae"] == pytest.approx(np.mean(errors))
        errors = [np.abs(values[o : o + 4] - values[o - 1]).mean() for o in origins]
        assert fitted.metrics_["baselines"]["last_value"]["mae"] == pytest.approx(np.mean(errors))

    def test_the_test_score_by_hand(self, fitted):
        values = wave()
        said = [fitted.predict(values[:o])[:, 0] for o in range(128, 157)]
        truth = [values[o : o + 4] for o in range(128, 157)]
        assert fitted.metrics_["test"]["mae"] == pytest.approx(
            np.abs(np.array(said) - truth).mean(), rel=1e-6
        )

    def test_what_a_doubted_network_would_score_is_said(self, fitted):
        """As if it were believed: its own forecasts with the trust of 1, by hand."""
        network, trust = fitted.network_, fitted.network_.trust.clone()
        part = fitted.parts(wave(), None, 0.2)[2]
        coded, found = fitted.encode(part, fitted.facts_), []
        try:
            for share in (1.0, 0.0):
                network.trust.fill_(share)
                found.append(fitted.evaluate(network, coded, fitted.facts_))
            assert network.trust.tolist() == [0.0]
        finally:
            network.trust.copy_(trust)
        assert "network_mase" not in found[0]
        assert found[1]["network_mase"] == found[0]["mase"] != found[1]["mase"]


class TestHonesty:
    def test_the_parts_follow_each_other(self):
        train, valid, test = small(valid=0.25).parts(wave(), None, 0.2)
        assert (len(train), len(valid), len(test)) == (96, 32, 32)
        spans = [part.spans[0] for part in (train, valid, test)]
        assert [(one.first, one.stop) for one in spans] == [(0, 96), (96, 128), (128, 160)]
        np.testing.assert_array_equal(spans[0].targets[:, 0], wave()[:96])

    def test_a_part_holds_a_horizon_at_least(self):
        _, valid, test = Forecaster(horizon=30, season=1, window=4).parts(wave(), None, 0.1)
        assert (len(valid), len(test)) == (30, 30)

    def test_nothing_is_learnt_from_what_is_held_out(self):
        values, changed = wave(), wave()
        changed[128:] = 1e3 * np.random.default_rng(0).random(32)
        one, two = (small().fit(v, test=0.2) for v in (values, changed))
        assert {**one.facts_, "history": 0} == {**two.facts_, "history": 0}
        for name, weight in one.network_.state_dict().items():
            assert torch.equal(weight, two.network_.state_dict()[name]), name

    def test_scales_come_from_the_training_part_alone(self):
        values, changed = wave(), wave()
        changed[102:] *= 50
        one, two = (small(refit="no").fit(v, test=0.2).facts_ for v in (values, changed))
        assert {**one, "history": 0} == {**two, "history": 0}

    def test_it_beats_the_seasonal_naive_on_air_passengers(self):
        model = Forecaster(epochs=3, units=16).fit("air_passengers", test=0.2)
        assert model.facts_["season"] == 12 and model.facts_["calendar"] == ["year"]
        assert model.metrics_["test"]["mase"] < 0.6 * model.metrics_["baselines"]["seasonal_naive"]["mase"]
        ahead = model.forecast()
        assert plain(ahead.columns) == ["Date", "Passengers"]
        assert [str(day) for day in ahead["Date"][:2]] == ["1961-01-01", "1961-02-01"]
        assert 400 < ahead["Passengers"][0] < 520

    def test_a_network_learns_what_the_linear_forecast_cannot(self):
        rng = np.random.default_rng(0)
        values = [0.1]
        for _ in range(599):  # the logistic map: each value follows from the one before, by no line
            values.append(3.9 * values[-1] * (1 - values[-1]) + 1e-4 * rng.random())
        model = small(
            horizon=1, season=1, window=4, units=16, epochs=20, steps=40, learning_rate=0.01, refit="no"
        )
        got = model.fit(values, test=0.2).metrics_
        assert got["test"]["mae"] < 0.3 * got["baselines"]["linear"]["mae"]


class TestInputs:
    def test_all_forms_of_one_series_are_one(self, tmp_path):
        frame = monthly(wave(100).round(6))
        frame.write_csv(tmp_path / "a.csv")
        frame.write_csv(tmp_path / "a.tsv", separator="\t")
        frame.with_columns(pl.col("month").str.to_date("%Y-%m")).write_parquet(tmp_path / "a.parquet")
        forms = [read(tmp_path / name) for name in ("a.csv", "a.tsv", "a.parquet")] + [read(frame)]
        for panel in forms:
            form = panel.only
            np.testing.assert_array_equal(form.targets[:, 0], wave(100).round(6))
            assert form.step.name == "monthly" and str(form.stamps[1])[:10] == "2000-02-01"
            assert form.names == ("sales",) and "guessed" in panel.note

    def test_arrays_of_one_and_of_two_axes(self):
        assert read(wave(30)).only.targets.shape == (30, 1)
        assert read(wave(30).reshape(10, 3)).only.names == ("column_1", "column_2", "column_3")
        np.testing.assert_array_equal(small().fit(wave()).predict(), small().fit(wave()[:, None]).predict())

    def test_rows_out_of_order_are_sorted(self):
        frame = monthly(wave(50))
        shuffled = frame.sample(fraction=1.0, shuffle=True, seed=0)
        np.testing.assert_array_equal(read(shuffled).only.targets, read(frame).only.targets)
        assert "sorted" in read(shuffled).note

    def test_gaps_and_duplicates_are_mended_when_asked(self):
        frame = monthly(np.arange(40.0))
        holed = pl.concat([frame[:10], frame[12:], frame[20:21].with_columns(pl.lit(30.0).alias("sales"))])
        panel = read(holed, Reading(gaps="fill", duplicates="mean"))
        series = panel.only
        wanted = np.arange(40.0)
        wanted[20] = 25.0
        np.testing.assert_allclose(series.targets[:, 0], wanted)
        assert len(series.stamps) == 40 and "filled" in panel.note and "merged" in panel.note

    def test_rows_without_a_target_at_the_end_are_the_future(self):
        values = [*wave(60).tolist(), None, None, None]
        frame = monthly(values).with_columns(pl.Series("promo", np.arange(63.0)))
        series = read(frame, Reading(target="sales", covariates="promo")).only
        assert len(series) == 60 and len(series.covariates) == 63
        filled = read(frame, Reading(target="sales", covariates="promo", gaps="fill")).only
        assert len(filled) == 60 and len(filled.stamps) == 60 and len(filled.covariates) == 63

    def test_several_targets_are_named_with_commas(self):
        frame = monthly(wave(60)).with_columns(pl.Series("cost", wave(60, seed=2)))
        assert read(frame, Reading(target="sales, cost")).only.names == ("sales", "cost")
        model = small(target="sales,cost").fit(frame, test=0.2)
        assert model.predict().shape == (4, 2)
        assert plain(model.forecast().columns) == ["month", "sales", "cost"]

    def test_a_constant_series_stays_constant(self):
        model = small(season=0).fit(np.full(80, 7.0), test=0.2)
        np.testing.assert_allclose(model.predict(), 7.0, atol=0.5)
        assert all(np.isfinite(value) for value in model.metrics_["test"].values())

    def test_a_horizon_longer_than_the_window(self):
        assert small(horizon=12, window=5).fit(wave(), test=0.2).predict().shape == (12, 1)

    @pytest.mark.parametrize(
        "settings",
        [{"cell": "gru"}, {"cell": "mlp"}, {"bidirectional": True, "layers": 2}, {"linear": False}],
    )
    def test_networks_of_all_kinds(self, settings):
        model = small(**settings).fit(wave(), test=0.2)
        assert np.isfinite(model.predict()).all()

    def test_it_is_an_estimator_of_sklearns(self):
        model = clone(small(cell="gru", window=9))
        assert model.get_params()["window"] == 9


class TestTrained:
    @pytest.mark.parametrize("settings", [{}, {"cell": "mlp"}, {"cell": "peephole", "transform": "log"}])
    def test_a_loaded_run_says_the_same_to_the_last_bit(self, settings, tmp_path):
        frame = monthly(wave(120)).with_columns(pl.Series("promo", wave(120, season=5)))
        ahead = monthly([None] * 4, start="2010-01").with_columns(pl.Series("promo", np.ones(4)))
        frame = pl.concat([frame, ahead.with_columns(pl.col("sales").cast(pl.Float64))])
        model = small(target="sales", covariates="promo", season=0, **settings).fit(frame, test=0.2)
        model.save(tmp_path / "run")
        again = Forecaster.load(tmp_path / "run")
        assert np.array_equal(model.predict(), again.predict())
        assert np.array_equal(model.predict(frame), again.predict(frame))
        assert model.forecast().equals(again.forecast())
        assert model.measure(frame) == again.measure(frame)

    def test_without_data_it_goes_on_after_all_it_was_given(self, fitted):
        np.testing.assert_array_equal(fitted.predict(), fitted.predict(wave()))

    def test_the_frame_of_an_untimed_forecast_counts_steps(self, fitted):
        frame = fitted.forecast()
        assert frame["step"].to_list() == [1, 2, 3, 4]
        np.testing.assert_array_equal(frame["column_1"].to_numpy(), fitted.predict()[:, 0])

    def test_a_backtest_puts_forecasts_beside_the_truth(self):
        frame = monthly(wave(120))
        model = small(season=0).fit(frame, test=0.2)
        table = model.hindcast(frame)
        assert table.columns == ["origin", "month", "step", "target", "truth", "forecast"]
        row = table.filter((pl.col("step") == 3) & (pl.col("origin").cast(pl.String) == "2008-01-01"))
        assert str(row["month"][0]) == "2008-03-01"
        assert row["truth"][0] == wave(120)[98]
        np.testing.assert_allclose(row["forecast"][0], model.predict(frame[:96])[2, 0], rtol=1e-6)

    def test_the_report_is_given_forecasts_over_the_truth(self, fitted):
        (shown,) = fitted.metrics_["examples"]["forecasts"]
        length = len(shown["steps"])
        assert length == len(shown["truth"]) == len(shown["forecast"]) == len(shown["baseline"])
        start = int(shown["steps"][0]) - 1
        assert shown["truth"] == wave()[start : start + length].tolist()
        for at in shown["origins"]:
            assert shown["baseline"][at] == shown["truth"][at - 8]
            said = fitted.predict(wave()[: start + at])[0, 0]
            assert shown["forecast"][at] == pytest.approx(said, rel=1e-6)
        assert shown["forecast"][shown["origins"][0] - 1] is None
        assert "svg" in str(draw([shown]))

    def test_covariates_known_ahead_are_used(self):
        rng = np.random.default_rng(0)
        promo = rng.choice([0.0, 1.0], 404)
        frame = pl.DataFrame({"y": [*(5 * promo[:400]), *[None] * 4], "promo": promo})
        model = small(
            target="y", covariates="promo", season=1, window=6, units=16, epochs=12, steps=20, refit="no"
        )
        model.set_params(learning_rate=0.01, dropout=0.0).fit(frame, test=0.2)
        np.testing.assert_allclose(model.predict(frame)[:, 0], 5 * promo[400:], atol=0.5)


@pytest.mark.data
def test_a_wild_file_is_refused_helpfully_and_read_with_the_flags_it_names(shared_data, tmp_path):
    lines = gzip.decompress((shared_data / "electricity_pjme" / "PJME_hourly.csv.gz").read_bytes()).split(
        b"\n"
    )
    path = tmp_path / "pjme_2014.csv"
    path.write_bytes(b"\n".join([lines[0], *(line for line in lines if line.startswith(b"2014"))]))
    with pytest.raises(DataError, match="--duplicates mean"):
        read(path)
    with pytest.raises(DataError, match="--gaps fill"):
        read(path, Reading(duplicates="mean"))
    panel = read(path, Reading(duplicates="mean", gaps="fill"))
    series = panel.only
    assert "sorted" in panel.note and len(series) == len(series.stamps) == 8760
    assert (np.diff(series.stamps).astype(np.int64) == 3_600_000_000).all()


def test_a_part_of_a_span_keeps_the_series():
    span = whole(read(wave(20))).spans[0]
    rest, held = span.cut(15)
    assert replace(held, first=0) == span and rest.stop == 15


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(tmp_path):
    class Stop(Quiet):
        def batch(self, epoch, batch, loss):
            if (epoch, batch) == (2, 2):
                signal.raise_signal(signal.SIGINT)

    whole_run = small(epochs=3).fit(wave(), test=0.2)
    with pytest.raises(Interrupted):
        small(epochs=3).fit(wave(), test=0.2, run=Run.create(tmp_path / "run"), observer=Stop())
    again = small(epochs=3).fit(wave(), test=0.2, run=Run.create(tmp_path / "run", resume=True))
    assert np.array_equal(again.predict(), whole_run.predict())
    assert again.metrics_["test"] == whole_run.metrics_["test"]
