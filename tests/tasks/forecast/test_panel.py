"""Many series in one file, gaps that are masked, static columns and holidays: each by a case worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import cellwright as cw
from cellwright.errors import DataError
from cellwright.tasks.forecast.read import Reading, read
from cellwright.tasks.forecast.series import Panel, Series, carried, whole

SMALL = {"horizon": 3, "window": 8, "season": 4, "units": 4, "epochs": 1, "steps": 2}


def months(start, rows):
    return (np.datetime64(start, "M") + np.arange(rows)).astype(str).tolist()


def long(rows=60, **more):
    """Two shops of different size and length, one after the other."""
    t = np.arange(rows)
    one, two = 10 + 3 * np.sin(t * np.pi / 2) + 0.05 * t, 1000 + 200 * np.sin((t[10:] + 1) * np.pi / 2)
    return pl.DataFrame(
        {
            "month": [*months("2000-01", rows), *months("2000-11", rows - 10)],
            "store": ["a"] * rows + ["b"] * (rows - 10),
            "region": ["north"] * rows + ["south"] * (rows - 10),
            "size": [1.0] * rows + [7.0] * (rows - 10),
            "sales": [*one.tolist(), *two.tolist()],
            **more,
        }
    )


class TestLong:
    def test_each_series_by_itself_and_one_network(self):
        frame = long()
        panel = read(frame.sample(fraction=1.0, shuffle=True, seed=1))
        assert {one.name: len(one) for one in panel.series} == {"a": 60, "b": 50}
        a = next(one for one in panel.series if one.name == "a")
        np.testing.assert_array_equal(a.targets[:, 0], frame["sales"][:60].to_numpy())
        assert "series = store (time and series and target guessed" in panel.note

    def test_all_are_cut_at_one_time(self):
        train, held = whole(read(long())).cut(12)
        assert [(span.first, span.stop) for span in held.spans] == [(48, 60), (38, 50)]
        assert [span.stop for span in train.spans] == [48, 38]
        short = long().filter((pl.col("store") == "a") | (pl.col("month") < "2004-06"))
        _, held = whole(read(short)).cut(12)
        assert [len(span) for span in held.spans] == [12, 5]

    def test_scores_are_of_all_series_and_forecasts_have_their_names(self, tmp_path):
        frame = long()
        model = cw.Forecaster(**SMALL, valid=0.1).fit(frame, test=0.2)
        naive = model.metrics_["baselines"]["last_value"]["mae"]
        errors = []
        for name, first in (("a", 48), ("b", 38)):
            values = frame.filter(pl.col("store") == name)["sales"].to_numpy()
            errors += [
                np.abs(values[o : o + 3] - values[o - 1]).mean() for o in range(first, len(values) - 2)
            ]
        assert naive == pytest.approx(np.mean(errors))
        table = model.forecast()
        assert (
            table.columns[:3] == ["store", "month", "sales"]
            and table["store"].to_list() == ["a"] * 3 + ["b"] * 3
        )
        assert 5 < table["sales"][0] < 20 and 500 < table["sales"][4] < 1500
        assert model.predict().shape == (2, 3, 1)
        model.save(tmp_path / "run")
        assert cw.Forecaster.load(tmp_path / "run").forecast().equals(table)
        assert set(model.hindcast(frame)["store"]) == {"a", "b"}

    def test_a_series_that_training_has_not_seen(self):
        frame = long()
        model = cw.Forecaster(**SMALL, series="store").fit(frame)
        new = frame.filter(pl.col("store") == "b").with_columns(
            pl.lit("c").alias("store"), pl.col("sales") / 100
        )
        assert 5 < model.predict(new)[0, 0] < 15

    def test_a_stream_keeps_each_series_by_itself(self):
        frame = long()
        model = cw.Forecaster(**SMALL, series="store").fit(frame)
        stream = cw.Stream(model)
        answers = {
            n: stream.push({"store": n, "month": "2005-01", "sales": v})
            for n, v in (("a", 13.0), ("b", 900.0))
        }
        more = pl.DataFrame({"month": ["2005-01"] * 2, "store": ["a", "b"], "sales": [13.0, 900.0]})
        wanted = model.forecast(pl.concat([frame.select(more.columns), more]))
        for name, answer in answers.items():
            said = wanted.filter(pl.col("store") == name)["sales"].to_list()
            np.testing.assert_allclose(answer["sales"], said, rtol=1e-5)


def test_a_wide_table_is_the_long_one():
    frame = long(60)
    wide = frame.pivot("store", index="month", values="sales").sort("month")
    one, two = read(frame, Reading(series="store")), read(wide, Reading(series="columns"))
    for a, b in zip(one.series, two.series, strict=True):
        np.testing.assert_array_equal(a.targets, b.targets)
        np.testing.assert_array_equal(a.stamps, b.stamps)
    model = cw.Forecaster(**SMALL, series="columns").fit(wide)
    assert set(model.forecast()["series"]) == {"a", "b"}
    np.testing.assert_array_equal(model.predict(), model.predict(wide))


class TestColumns:
    def test_static_columns_go_on_by_themselves(self):
        panel = read(long(), Reading(static="region,size"))
        assert panel.first.covariate_names == ("region: north", "region: south", "size")
        assert panel.series[1].covariates[0].tolist() == [0.0, 1.0, 7.0]
        model = cw.Forecaster(**SMALL, static="region,size").fit(long())
        assert np.isfinite(model.predict()).all()

    def test_holidays_become_flags_known_ahead(self):
        names = ["New Year" if k % 12 == 0 else "" for k in range(60)]
        names[6] = "Fair"
        frame = long().filter(pl.col("store") == "a").with_columns(pl.Series("day", names)).drop("store")
        ahead = frame[-3:].with_columns(
            pl.Series("month", months("2005-01", 3)), pl.lit(None, pl.Float64).alias("sales")
        )
        series = read(pl.concat([frame, ahead]), Reading(target="sales", holidays="day")).only
        assert series.covariate_names == ("day", "day: Fair", "day: New Year")
        assert series.covariates[[0, 1, 6]].tolist() == [[1, 0, 1], [0, 0, 0], [1, 1, 0]]
        assert len(series.covariates) == 63 and len(series) == 60

    @pytest.mark.parametrize(
        ("reading", "change", "parts"),
        [
            (Reading(static="sales"), None, ["static column that changes", "row 2", "--covariates"]),
            (Reading(series="nobody"), None, ["no such column", "nobody"]),
            (Reading(series="store", target="store"), None, ["two roles", "store"]),
            (Reading(series="store"), {"store": None}, ["names no series", "row 1"]),
        ],
    )
    def test_what_is_refused(self, reading, change, parts):
        frame = long()
        if change:
            frame = frame.with_columns(pl.when(pl.int_range(pl.len()) > 0).then("store").alias("store"))
        with pytest.raises(DataError) as caught:
            read(frame, reading)
        assert all(part in str(caught.value) for part in parts), caught.value

    def test_a_row_of_a_series_is_named_by_its_line_in_the_file(self, tmp_path):
        frame = long()
        frame = frame.with_columns(
            pl.when(pl.int_range(pl.len()) == 75).then(None).otherwise("sales").alias("sales")
        )
        frame.write_csv(tmp_path / "a.csv")
        with pytest.raises(DataError, match=r"line 77, column sales.*--gaps mask"):
            read(tmp_path / "a.csv", Reading(series="store", target="sales"))
        twice = pl.concat([long(), long()[70:71]])
        with pytest.raises(DataError, match="row 71 and row 111"):
            read(twice, Reading(series="store"))

    def test_series_of_different_steps(self):
        days = (np.datetime64("2020-01-01") + np.arange(20)).astype(str).tolist()
        more = pl.DataFrame({"month": days, "store": ["c"] * 20, "sales": np.arange(20.0)})
        with pytest.raises(DataError, match="different steps.*monthly in series b, daily in series c"):
            read(pl.concat([long().select(more.columns), more]), Reading(series="store"))


class TestMasked:
    def test_what_is_carried_comes_from_before(self):
        values = np.array([[np.nan], [2.0], [3.0], [4.0], [np.nan], [np.nan], [7.0]])
        assert carried(values, 3)[:, 0].tolist() == [2, 2, 3, 4, 2, 3, 7]
        later = values.copy()
        later[6] = 99
        np.testing.assert_array_equal(carried(values, 3)[:6], carried(later, 3)[:6])

    def test_missing_stamps_and_cells_are_left_out(self):
        frame = long().filter(pl.col("store") == "a").select("month", "sales")
        holed = frame.with_columns(
            pl.when(pl.int_range(pl.len()) == 20).then(None).otherwise("sales").alias("sales")
        )
        holed = pl.concat([holed[:30], holed[33:]])
        panel = read(holed, Reading(gaps="mask"))
        assert np.flatnonzero(np.isnan(panel.only.targets[:, 0])).tolist() == [20, 30, 31, 32]
        assert len(panel.only.stamps) == 60 and "4 missing values are masked" in panel.note

    def test_they_are_not_scored_and_the_network_is_told(self):
        values = 10 + 3 * np.sin(np.arange(80) * np.pi / 2) + 0.01 * np.arange(80)
        holed, wild = values.copy(), values.copy()
        holed[[20, 70, 71]] = np.nan
        model = cw.Forecaster(**SMALL, gaps="mask", refit="no").fit(holed, test=0.2)
        errors = []
        for o in range(64, 78):
            known = ~np.isnan(holed[o : o + 3])
            last = holed[o - 1] if not np.isnan(holed[o - 1]) else holed[o - 5]
            errors += np.abs(holed[o : o + 3] - last)[known].tolist()
        assert model.metrics_["baselines"]["last_value"]["mae"] == pytest.approx(np.mean(errors))
        assert np.isfinite(list(model.metrics_["test"].values())).all()
        windows = model.encode(model.parts(holed, None, 0.2)[0], model.facts_)
        x = windows.batch(np.array([15 - 8])).x
        assert x[:, 0, 2].tolist() == [1] * 8 + [0] * 3
        x = windows.batch(np.array([22 - 8])).x
        assert x[:, 0, 2].tolist() == [1] * 6 + [0, 1] + [0] * 3
        wild[20] = 1e9
        assert model.facts_["masked"]

    def test_a_panel_of_arrays(self):
        one = Series(np.arange(40.0)[:, None], np.zeros((40, 0)), ("y",), name="x")
        two = Series(5 + np.arange(30.0)[:, None], np.zeros((30, 0)), ("y",), name="z")
        model = cw.Forecaster(**{**SMALL, "season": 1}).fit(Panel((one, two)))
        assert model.predict().shape == (2, 3, 1)
