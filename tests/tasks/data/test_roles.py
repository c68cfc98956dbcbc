"""Roles of columns: guessed from names and contents, said in one line, overruled by the user."""

from __future__ import annotations

import polars as pl
import pytest

from cellwright.tasks.data import ForecastRoles, forecast_roles, load_texts, read_table, text_roles

FILE = "made.csv"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("trec/train.tsv", "text = question, label = coarse (guessed; set --text, --label)"),
        ("sst/sst_fine.dev.tsv", "text = text, label = label (guessed; set --text, --label)"),
        ("mr_polarity/mr.csv", "text = text, label = label (guessed; set --text, --label)"),
        ("thucnews_headlines/test.txt", "text = column_1, label = column_2 (guessed; set --text, --label)"),
        ("uci_splice60/test.csv", "text = sequence, label = class (guessed; set --text, --label)"),
    ],
)
def test_text_roles_of_real_files(shared_data, file, line):
    path = shared_data / file
    assert text_roles(read_table(path), path).describe() == line


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (
            "etth1/ETTh1.csv",
            "time = date, target = OT, covariates = none (time and target guessed; set --time, --target)",
        ),
        (
            "stocks_daily/AAPL.csv",
            "time = Date, target = Adj Close, covariates = none (time and target guessed; set --time, --target)",
        ),
        (
            "exchange_rate/exchange_rate.txt.gz",
            "time = none, target = column_8, covariates = none (target guessed; set --target)",
        ),
    ],
)
def test_forecast_roles_of_real_files(shared_data, file, line):
    path = shared_data / file
    assert forecast_roles(read_table(path), path).describe() == line


def test_the_user_wins():
    frame = pl.DataFrame({"question": ["a b", "c d"], "coarse": ["X", "Y"], "label": ["1", "2"]})
    assert text_roles(frame, FILE, label="coarse").describe() == (
        "text = question, label = coarse (text guessed; set --text)"
    )
    assert text_roles(frame, FILE, text="label", label="coarse").describe() == "text = label, label = coarse"


def test_for_prediction_no_label_is_needed():
    roles = text_roles(pl.DataFrame({"column_1": ["one thing", "another"]}), FILE, labelled=False)
    assert (roles.text, roles.label) == ("column_1", None)


def test_for_prediction_a_trained_label_may_be_absent():
    frame = pl.DataFrame({"text": ["one thing", "another", "third"], "source": ["a", "a", "b"]})
    assert text_roles(frame, FILE, text="text", label="coarse", labelled=False).label is None
    assert text_roles(frame, FILE, labelled=False).label is None
    assert text_roles(frame, FILE).label == "source"


def test_bare_years_are_times_only_where_they_rise():
    years = pl.DataFrame({"year": ["1990", "1991", "1992"], "count": ["1500", "1700", "1600"]})
    assert forecast_roles(years, FILE).time == "year"
    assert forecast_roles(years, FILE).targets == ("count",)
    assert forecast_roles(years, FILE, ForecastRoles("none", ("year", "count"))).targets == ("year", "count")


def test_an_empty_text_is_left_out_and_said(shared_data):
    path = shared_data / "chnsenticorp_hotel" / "ChnSentiCorp_htl_all.csv.gz"
    loaded = load_texts(path)
    assert len(loaded.texts) == len(loaded.labels) == 7765
    assert loaded.notices == (f"1 of 7766 rows left out: no text or no label (the first: {path}, line 6376)",)
    assert 6374 not in loaded.rows


def test_for_prediction_every_row_is_kept(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\none,1\n,2\nthree,\n", encoding="utf-8")
    loaded = load_texts(path, labelled=False)
    assert loaded.texts == ["one", "", "three"]
    assert loaded.labels == []
    assert load_texts(path).texts == ["one"]
