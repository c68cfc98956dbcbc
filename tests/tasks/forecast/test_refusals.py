"""What a forecaster refuses, new or trained: each one clear line."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from tests.tasks.forecast.test_task import monthly, small, wave

from cellwright.errors import DataError, SettingError
from cellwright.tasks.forecast.read import Reading, read
from cellwright.tasks.forecast.task import Forecaster


@pytest.fixture(scope="module")
def fitted():
    return small().fit(wave(), test=0.2)


REFUSED = [
    (
        "no numeric target",
        lambda: small().fit(pl.DataFrame({"name": ["a", "b"]})),
        ["no numeric column", "name"],
    ),
    (
        "text in a numeric column",
        lambda: small(target="sales").fit(monthly(["1", "2", "x", "4"])),
        ["text in a numeric column", "row 3", "'x'"],
    ),
    (
        "an empty cell",
        lambda: read(monthly([1.0, None, 3.0, 4.0])),
        ["an empty cell", "row 2", "--gaps fill"],
    ),
    ("an array with NaN", lambda: read(np.array([1.0, np.nan])), ["no finite number", "row 2"]),
    ("an array of text", lambda: read(["a", "b"]), ["not of numbers"]),
    ("an array of three axes", lambda: read(np.zeros((2, 2, 2))), ["shape", "[2, 2, 2]"]),
    ("an empty frame", lambda: read(pl.DataFrame({"y": []})), ["empty table"]),
    ("another kind of thing", lambda: read({"y": 1}), ["dict", "polars DataFrame"]),
    ("a gap", lambda: read(monthly(wave(40))[np.r_[:9, 10:40].tolist()]), ["a gap", "--gaps fill"]),
    (
        "two rows of a time",
        lambda: read(pl.concat([monthly(wave(40)), monthly(wave(40))[3:4]])),
        ["two rows of one time", "row 4 and row 41", "--duplicates mean"],
    ),
    ("no such column", lambda: small(target="sale").fit(monthly(wave(40))), ["no such column", "sales"]),
    (
        "too few rows",
        lambda: small(window=24).fit(wave(40), test=0.2),
        ["too few rows", "got 32 rows", "at least 35"],
    ),
    ("a horizon as long as all", lambda: small(horizon=40).fit(wave(40)), ["too few rows", "--horizon"]),
    (
        "a target that is empty",
        lambda: read(pl.DataFrame({"y": [None, None], "z": [1, 2]}), Reading(target="y")),
        [],
    ),
    (
        "no logarithm",
        lambda: small(transform="log").fit(np.r_[wave(60), 0.0, wave(60)]),
        ["no log", "row 61", "--transform"],
    ),
    (
        "no root",
        lambda: small(transform="sqrt").fit(np.r_[wave(60), -2.0]),
        ["no sqrt", "row 61", "0 or more"],
    ),
    (
        "no season to measure from",
        lambda: small(season=0, anchor="season").fit(np.cumsum(np.random.default_rng(1).normal(size=200))),
        ["no season", "--season"],
    ),
    ("a y", lambda: small().fit(wave(), wave()), ["takes no y"]),
]


@pytest.mark.parametrize(("do", "parts"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refusals_are_one_clear_line(do, parts):
    with pytest.raises(DataError) as caught:
        do()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


class TestRefusedByATrainedForecaster:
    def refused(self, do, *parts):
        with pytest.raises(DataError) as caught:
            do()
        assert all(part in str(caught.value) for part in parts), caught.value

    def test_a_series_shorter_than_a_window(self, fitted):
        self.refused(lambda: fitted.predict(wave(10)), "too few rows", "10 rows")
        self.refused(lambda: fitted.measure(wave(20)), "too few rows")

    def test_another_number_of_columns(self, fitted):
        self.refused(lambda: fitted.predict(np.zeros((60, 2))), "other targets", "column_1, column_2")

    def test_columns_that_were_not_in_training(self):
        model = small().fit(monthly(wave(100)))
        self.refused(lambda: model.predict(monthly(wave(100), name="other")), "other targets", "sales")
        named = clone(model).set_params(target="other").fit(monthly(wave(100), name="other"))
        assert np.isfinite(named.predict()).all()

    def test_another_step(self):
        model = small().fit(monthly(wave(100)))
        days = (np.datetime64("2020-01-01") + np.arange(100)).astype(str)
        self.refused(
            lambda: model.predict(pl.DataFrame({"month": days.tolist(), "sales": wave(100)})), "step", "daily"
        )

    def test_times_that_are_missing(self):
        model = small(season=0).fit(monthly(wave(100)))
        self.refused(lambda: model.predict(wave(100)), "trained with times")

    def test_a_covariate_that_is_missing_in_the_future(self):
        frame = monthly(wave(100)).with_columns(pl.Series("promo", wave(100, season=5)))
        model = small(target="sales", covariates="promo").fit(frame)
        self.refused(lambda: model.predict(), "covariates", "0 rows after the last target", "expected 4")
        self.refused(lambda: model.predict(frame.drop("promo")), "no such column", "promo")
        self.refused(lambda: model.predict(wave(100)), "other covariates")
        ahead = pl.DataFrame({"month": ["2008-05"], "sales": [None], "promo": [None]}, schema=frame.schema)
        self.refused(lambda: model.predict(pl.concat([frame, ahead])), "not known ahead", "promo")


def test_settings_that_do_not_go_together():
    for anchor in ("season", "profile"):
        with pytest.raises(SettingError, match=f"anchor {anchor} needs a season"):
            Forecaster(anchor=anchor, season=1).fit(wave())
    with pytest.raises(SettingError, match="horizon"):
        Forecaster(horizon=-1).fit(wave())
