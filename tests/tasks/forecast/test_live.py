"""A live forecast is the forecast of all rows so far; rows that are not the next are refused, and forgotten."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

import cellwright as cw
from cellwright.tasks.forecast.read import read

TINY = {"units": 4, "epochs": 1, "steps": 2, "horizon": 3, "window": 6, "season": 4}


def frame(rows: int, start: int = 0) -> pl.DataFrame:
    """Months of a wave, with a covariate."""
    at = range(start, start + rows)
    return pl.DataFrame(
        {
            "month": [f"{2000 + k // 12}-{k % 12 + 1:02}" for k in at],
            "sales": [10 + 3 * math.sin(k * math.pi / 2) + 0.1 * k for k in at],
            "price": [1 + 0.5 * math.cos(k) for k in at],
        }
    )


@cache
def model(covariates: str = "") -> Any:
    data = frame(60 + 3 * bool(covariates))
    if covariates:
        data = data.with_columns(pl.when(pl.int_range(pl.len()) < 60).then("sales").alias("sales"))
    else:
        data = data.drop("price")
    return cw.Forecaster(target="sales", covariates=covariates, time="month", **TINY).fit(data)


@cache
def untimed() -> Any:
    wave = np.stack([np.sin(np.arange(60) / 3), np.cos(np.arange(60) / 5)], axis=1)
    return cw.Forecaster(**TINY).fit(wave)


def row(k: int, **more: Any) -> dict[str, Any]:
    found = frame(1, k).to_dicts()[0]
    return {"month": found["month"], "sales": found["sales"], **more}


def test_it_goes_on_from_the_training_data_as_predict_does() -> None:
    stream = cw.Stream(model())
    for k in range(60, 66):
        answer = stream.push(row(k))
        wanted = model().forecast(read(frame(k + 1).drop("price")))
        assert list(answer)[:2] == ["month", "sales"]
        assert answer["month"] == [str(day) for day in wanted["month"]]
        np.testing.assert_allclose(answer["sales"], wanted["sales"], rtol=1e-9)
    assert stream.steps == 6 and "forecast" in repr(stream)


def test_rows_may_leave_out_their_time_and_their_names() -> None:
    named, bare, lone = (cw.Stream(model()) for _ in range(3))
    for k in range(60, 63):
        wanted = named.push(row(k))
        assert bare.push([row(k)["sales"]]) == wanted == lone.push(row(k)["sales"])


def test_several_targets_without_times() -> None:
    stream = cw.Stream(untimed())
    answer = stream.push([0.1, 0.2])
    assert "column_2" in answer and answer["step"] == [1, 2, 3]
    wanted = untimed().predict(np.concatenate([read_back(untimed()), [[0.1, 0.2]]]))
    np.testing.assert_allclose(np.stack([answer["column_1"], answer["column_2"]], 1), wanted, rtol=1e-9)


def read_back(estimator: Any) -> np.ndarray:
    return np.array(estimator.facts_["history"][""]["targets"])


def test_covariates_are_given_ahead() -> None:
    stream, prices = cw.Stream(model("price")), frame(80)["price"].to_list()
    for k in range(60, 63):
        answer = stream.push(row(k, price=prices[k : k + 4]))
        data = frame(k + 4).with_columns(pl.when(pl.int_range(pl.len()) <= k).then("sales").alias("sales"))
        np.testing.assert_allclose(answer["sales"], model("price").forecast(data)["sales"], rtol=1e-9)


def test_another_place_begins_with_that_row_alone() -> None:
    stream = cw.Stream(model())
    for k in range(90, 95):
        assert stream.push(row(k)) == {"needs": 95 - k}
    answer = stream.push(row(95))
    wanted = model().forecast(read(frame(6, 90).drop("price")))
    np.testing.assert_allclose(answer["sales"], wanted["sales"], rtol=1e-9)


def test_reset_forgets_the_training_data_too() -> None:
    stream = cw.Stream(model())
    stream.push(row(60))
    stream.reset()
    assert stream.steps == 0
    with pytest.raises(cw.DataError, match="the first row must say when it is: expected month"):
        stream.push(1.0)
    assert stream.push(row(7)) == {"needs": 5}


@pytest.mark.parametrize("begun", [0, 1, 3])
def test_a_snapshot_goes_on(begun: int) -> None:
    stream, other = cw.Stream(model()), cw.Stream(model())
    for k in range(60, 60 + begun):
        stream.push(row(k))
    other.restore(stream.snapshot())
    assert other.steps == begun
    assert other.push(row(60 + begun)) == stream.push(row(60 + begun))
    with pytest.raises(cw.RunError, match="another model: got forecast with weights .*, expected forecast"):
        cw.Stream(untimed()).restore(stream.snapshot())


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (row(60, sales="many"), r"no finite number \(sales\): got 'many'"),
        (row(60, sales=None), "got null"),
        (row(60, sales=True), "got true"),
        (row(60, sales=float("inf")), "got Infinity"),
        ({"month": "2005-02"}, "a row without a value: got month, expected sales"),
        (row(62), r"the row is not the next one \(month\): got 2005-03-01, expected 2005-02-01; send"),
        (row(60), "got 2005-01-01, expected 2005-02-01"),
        ({"month": "soon", "sales": 1}, "column month.*got 'soon'"),
        ([1.0, 2.0], "the row does not fit the model: got 2 values, expected sales"),
        ([[1.0]], "no finite number"),
        (None, "no finite number"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_changes_nothing(item: Any, message: str) -> None:
    stream = cw.Stream(model())
    stream.push(row(60))
    before = stream.snapshot()
    with pytest.raises(cw.DataError, match=message) as caught:
        stream.push(item)
    assert "\n" not in str(caught.value) and stream.snapshot() == before


@pytest.mark.parametrize("price", [1.0, [1.0, 2.0], "dear", [1.0, 2.0, 3.0, None]])
def test_covariates_that_are_not_known_ahead_are_refused(price: Any) -> None:
    with pytest.raises(cw.DataError, match=r"price"):
        cw.Stream(model("price")).push(row(60, price=price))


def test_what_is_for_layers_only_is_refused() -> None:
    stream = cw.Stream(model())
    with pytest.raises(cw.SettingError, match="takes its items alone"):
        stream.push(row(60), rows=[0])
    with pytest.raises(cw.SettingError, match="begins anew with nothing known"):
        stream.reset({})
    with pytest.raises(cw.SettingError, match="a trained model is one stream: got streams=2"):
        cw.Stream(model(), streams=2)
