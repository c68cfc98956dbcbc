"""Each case of the benchmarks of the inside at a shape of no account; the committed rows hold the bars."""

from __future__ import annotations

import pytest
from benchmarks.inside import memory, page, record
from benchmarks.kernels.rows import ROOT, read
from tests.page.inside.browser import find


def test_record() -> None:
    (row,) = record.rows(1, (("gru", 3, 2, 2, 4),))
    assert row["times_as_long"] > 0 and set(row["ms"]) == {"forward", "record"}


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own takes seconds to begin: here it is said what it would have found."""
    monkeypatch.setattr(memory, "_fresh", lambda shape: 16.29)
    (row,) = memory.rows(1, (("lstm", 100, 32, 64, 128),))
    assert row["mib"] == {"counted": 11.7, "kept": 10.19, "peak": 16.29} and row["peak_by_counted"] == 1.39


@pytest.mark.skipif(find() is None, reason="there is no Chromium on this machine")
def test_page() -> None:
    (row,) = page.rows(1, ((12, 4, True),))
    assert row["open_s"] > 0 and set(row["ms"]) == {"step", "unit", "zoom", "colour"}


def test_the_committed_rows_hold_the_bars() -> None:
    found = list(read(ROOT / "benchmarks/inside/rows.jsonl"))
    assert all(row["times_as_long"] <= 2 for row in found if row["case"] == "record")
    pages = [row for row in found if row["case"] == "page"]
    assert all(row["open_s"] <= 3 for row in pages if row["T"] == 10_000)
    assert all(longest <= 100 for row in pages if row["T"] == 200 for _, longest in row["ms"].values())
    assert {row["case"] for row in found} == {"record", "page", "memory"}
