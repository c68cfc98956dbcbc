"""The time axis of a forecast names periods that are few."""

from datetime import date, timedelta

from cellwright.tasks.report.forecasts import periods


def days(first: date, count: int) -> list[str]:
    return [(first + timedelta(days=k)).isoformat() for k in range(count)]


def test_years_months_and_days() -> None:
    assert [text for _, text in periods(days(date(2020, 1, 1), 1500))] == [
        "2020",
        "2021",
        "2022",
        "2023",
        "2024",
    ]
    assert [text for _, text in periods(days(date(2021, 1, 1), 100))] == [
        "2021-01",
        "2021-02",
        "2021-03",
        "2021-04",
    ]
    hours = [f"2021-05-0{day}T{hour:02}:00" for day in (1, 2, 3) for hour in range(24)]
    assert periods(hours) == [(0.0, "2021-05-01"), (24.0, "2021-05-02"), (48.0, "2021-05-03")]


def test_each_stands_where_its_period_begins() -> None:
    steps = days(date(2020, 1, 1), 1500)
    assert all(steps[int(at)] == f"{text}-01-01" for at, text in periods(steps))


def test_a_first_period_cut_short_has_no_name() -> None:
    assert [text for _, text in periods(days(date(2020, 12, 20), 800))] == ["2021", "2022", "2023"]


def test_labels_that_are_no_stamps() -> None:
    assert periods([]) == []
    assert periods(["1", "2", "3"]) == []
    assert periods(["2020-01-01", "<script>", "2020-01-03"]) == []
    assert periods(days(date(2020, 1, 1), 2)) == []
