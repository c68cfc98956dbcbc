"""Time columns: forms, steps, seasons, order, gaps, and the stamps that follow."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cellwright.errors import DataError
from cellwright.tasks.data import fill_gaps, read_times
from cellwright.tasks.data.steps import detect_step, stamps_after


def stamps(*written: str) -> np.ndarray:
    return np.array(written, dtype="datetime64[us]")


def every(start: str, step: np.timedelta64, count: int) -> np.ndarray:
    return np.datetime64(start, "us") + step * np.arange(count)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1749", "1749-01-01"),
        ("2020-02", "2020-02-01"),
        ("2020/2/3", "2020-02-03"),
        ("2020-02-03T04:05", "2020-02-03T04:05"),
        ("2020-02-03 04:05:06.25", "2020-02-03T04:05:06.25"),
        ("2020-02-03 04:05:06.1234567", "2020-02-03T04:05:06.123456"),
        ("2020-02-03T04:05:06Z", "2020-02-03T04:05:06"),
        ("2020-02-03T04:05:06+08:00", "2020-02-02T20:05:06"),
        ("2020-02-03T04:05:06-0130", "2020-02-03T05:35:06"),
        ("2020年2月3日", "2020-02-03"),
        ("20200203", "2020-02-03"),
    ],
)
def test_forms(tmp_path, written, meant):
    times = read_times(pl.DataFrame({"when": [written]}), "when", tmp_path / "a.csv")
    assert times.stamps.tolist() == stamps(meant).tolist()


@pytest.mark.parametrize("written", ["03/04/2020", "12:30", "20", "2020-13-01x", "2020-1-1 1", "tomorrow"])
def test_what_is_no_time(tmp_path, written):
    (tmp_path / "a.csv").write_text(f"when,y\n{written},1\n", encoding="utf-8")
    with pytest.raises(DataError, match="no time .*line 2, column when"):
        read_times(pl.DataFrame({"when": [written]}), "when", tmp_path / "a.csv")


def write(tmp_path, *times):
    (tmp_path / "a.csv").write_text("when,y\n" + "".join(f"{t},1\n" for t in times), encoding="utf-8")
    return pl.DataFrame({"when": list(times)}), "when", tmp_path / "a.csv"


def test_times_with_and_without_an_offset_are_refused_with_their_lines(tmp_path):
    with pytest.raises(
        DataError, match=r"without an offset.*\+01:00 in line 2.*in line 4, expected.*write all"
    ):
        read_times(*write(tmp_path, "2024-01-01 00:00+01:00", "2024-01-01 01:00Z", "2024-01-01 03:00"))


def test_several_offsets_are_taken_in_utc_with_a_notice(tmp_path):
    times = read_times(*write(tmp_path, "2024-03-31 01:00+01:00", "2024-03-31 03:00+02:00"))
    assert times.stamps.tolist() == stamps("2024-03-31T00:00", "2024-03-31T01:00").tolist()
    assert "offsets +01:00, +02:00 are mixed; all times are taken in UTC" in times.notices[0]


def test_a_step_that_changes_is_refused_where_it_does(tmp_path):
    hours, days = (
        every("2024-01-01", np.timedelta64(1, "h"), 8),
        every("2024-01-02T07", np.timedelta64(1, "D"), 5),
    )
    times = [str(t)[:16].replace("T", " ") for t in (*hours, *days)]
    with pytest.raises(
        DataError, match="step between the times changes .*line 10.*hourly up to.*daily from there"
    ):
        read_times(*write(tmp_path, *times))
    assert read_times(*write(tmp_path, *times), gaps="fill").step.name == "hourly"


MINUTE, HOUR, DAY = (np.timedelta64(1, unit) for unit in ("m", "h", "D"))


@pytest.mark.parametrize(
    ("series", "name", "season"),
    [
        (stamps("1700", "1701", "1702"), "yearly", None),
        (stamps("2000", "2010", "2020"), "every 10 years", None),
        (stamps("2020-01", "2020-02", "2020-03"), "monthly", 12),
        (stamps("2020-01-31", "2020-02-29", "2020-03-31"), "monthly", 12),
        (stamps("2020-03-15", "2020-06-15", "2020-09-15"), "quarterly", 4),
        (every("2020-01-01", 7 * DAY, 60), "weekly", 52),
        (every("2020-01-01", DAY, 60), "daily", 7),
        (every("2020-01-01", HOUR, 60), "hourly", 24),
        (every("2020-01-01", 30 * MINUTE, 60), "half-hourly", 48),
        (every("2020-01-01", 15 * MINUTE, 60), "every 15 minutes", 96),
        (every("2020-01-01", MINUTE, 60), "minutely", 1440),
        (every("2020-01-01", np.timedelta64(10, "ms"), 60), "every 0.01 seconds", None),
        (every("2020-01-01", 7 * HOUR, 60), "every 7 hours", None),
        (np.sort(every("2020-01-01", HOUR, 90)[np.random.default_rng(0).permutation(90)[:30]]), None, 24),
        (stamps("2020-01-01", "2020-01-02T03", "2020-01-05T07", "2020-02-01T09"), "irregular", None),
        (stamps("2020-01-01"), "irregular", None),
    ],
)
def test_steps_and_seasons(series, name, season):
    step = detect_step(series)
    assert step.season == season
    assert name is None or step.name == name


def test_trading_days_have_no_gaps_for_holidays(shared_data, load):
    loaded = load(shared_data / "stocks_daily" / "SPY.csv", targets=["Adj Close"])
    assert loaded.times.step.name == "trading-day"
    assert loaded.values.shape == (2518, 1)
    assert np.is_busday(loaded.times.future(7).astype("datetime64[D]")).all()


def test_trading_days_with_a_missing_month_are_refused(tmp_path, load):
    days = np.arange("2020-01-01", "2020-06-01", dtype="datetime64[D]")
    kept = [
        day for day in days if np.is_busday(day) and day.astype("datetime64[M]") != np.datetime64("2020-03")
    ]
    (tmp_path / "a.csv").write_text("date,y\n" + "".join(f"{day},1\n" for day in kept), encoding="utf-8")
    with pytest.raises(DataError, match="22 trading-day stamps missing between 2020-02-28 and 2020-04-01"):
        load(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("series", "after"),
    [
        (stamps("2007", "2008"), stamps("2009", "2010")),
        (stamps("2020-11", "2020-12"), stamps("2021-01", "2021-02")),
        (stamps("2020-03-31T06", "2020-04-30T06"), stamps("2020-05-31T06", "2020-06-30T06")),
        (stamps("2020-11-15", "2020-12-15"), stamps("2021-01-15", "2021-02-15")),
        (stamps("2020-01-01T22", "2020-01-01T23"), stamps("2020-01-02T00", "2020-01-02T01")),
    ],
)
def test_future(series, after):
    assert stamps_after(series, detect_step(series), 2).tolist() == after.tolist()


def test_rows_out_of_order_are_sorted_and_said(tmp_path, load):
    path = tmp_path / "a.csv"
    path.write_text("date,y\n2020-03,3\n2020-01,1\n2020-02,2\n", encoding="utf-8")
    loaded = load(path)
    assert loaded.values[:, 0].tolist() == [1, 2, 3]
    assert loaded.times.notices == (
        f"{path}, column date: the rows were not in time order (1 steps back) and have been sorted",
    )


def test_gaps_and_empty_cells_are_filled_on_the_line(tmp_path, load):
    path = tmp_path / "a.csv"
    path.write_text("date,y,z\n2020-01,1,10\n2020-02,,20\n2020-05,7,\n2020-06,8,60\n", encoding="utf-8")
    loaded = load(path, targets=["y"], covariates=["z"], gaps="fill")
    assert loaded.values[:, 0].tolist() == [1, 2.5, 4, 5.5, 7, 8]
    assert loaded.values[:, 1].tolist() == [10, 20, 30, 40, 50, 60]
    assert (
        loaded.stamps.astype("datetime64[M]").tolist()
        == np.arange("2020-01", "2020-07", dtype="M8[M]").tolist()
    )
    assert loaded.filled == 6


def test_filling_agrees_with_interpolation_over_time():
    """For a fixed step the stamps themselves are the axis: np.interp over them is an independent check."""
    rng = np.random.default_rng(0)
    full = every("2020-01-01", HOUR, 200)
    kept = np.sort(rng.permutation(200)[:170])
    kept[[0, -1]] = 0, 199
    kept = np.unique(kept)
    values = rng.normal(size=(len(kept), 2))
    frame = pl.DataFrame({"t": [str(stamp).replace("T", " ") for stamp in full[kept]]})
    filled_stamps, filled, count = fill_gaps(read_times(frame, "t", "a.csv", gaps="fill"), values)
    assert filled_stamps.tolist() == full.tolist()
    assert count == 2 * (200 - len(kept))
    for column in range(2):
        expected = np.interp(np.arange(200), kept, values[:, column])
        np.testing.assert_allclose(filled[:, column], expected, rtol=1e-12)


def test_pjme_needs_both_cures(shared_data, load):
    """4 double stamps and 30 missing hours (the clock changes), and the rows out of order."""
    path = shared_data / "electricity_pjme" / "PJME_hourly.csv.gz"
    with pytest.raises(DataError, match=r"two rows of one time.*got 2014-11-02 02:00.*\(4 such pairs\)"):
        load(path)
    loaded = load(path, gaps="fill", duplicates="mean")
    assert loaded.values.shape == (145_366 - 4 + 30, 1)
    assert (np.diff(loaded.stamps) == HOUR).all()
    assert len(loaded.times.notices) == 2
    assert loaded.filled == 30


def test_duplicates_give_their_mean(tmp_path, load):
    path = tmp_path / "a.csv"
    path.write_text("date,y\n2020-01,1\n2020-02,2\n2020-02,6\n2020-03,\n2020-03,5\n", encoding="utf-8")
    loaded = load(path, duplicates="mean", gaps="fill")
    assert loaded.values[:, 0].tolist() == [1, 4, 5]


def test_parquet_dates(tmp_path, load):
    days = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]").astype("datetime64[us]")
    frame = pl.DataFrame({"when": days, "y": np.arange(31.0)})
    frame.write_parquet(tmp_path / "a.parquet")
    loaded = load(tmp_path / "a.parquet")
    assert loaded.roles.time == "when"
    assert loaded.times.step.name == "daily"
    assert loaded.stamps.tolist() == days.tolist()
