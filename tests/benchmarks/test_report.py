"""The page of the benchmarks is that of the committed rows; what it says of some rows made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.kernels.report import PAGE, TABLES, page
from benchmarks.kernels.rows import FILE, read, stamped

MACHINE = {"cpu": "Abacus", "processors": 2, "vectors": ["AVX2"], "system": "Linux", "variables": {}}
STAMP = {"machine": MACHINE, "versions": {"torch": "2"}, "commit": "abc", "date": "2026-11-21T10:00:00+00:00"}


def row(case: str, cell: str, T: int, **facts: Any) -> dict[str, Any]:
    return {"case": case, "cell": cell, "T": T, "B": 1, "I": 1, "H": 256, "threads": 2, **STAMP, **facts}


def times(**medians: float) -> dict[str, Any]:
    return {k.replace("_", " "): {"lower": v, "median": v, "upper": v} for k, v in medians.items()}


def stock(cell: str, T: int, ratio: float, **facts: Any) -> dict[str, Any]:
    ms = {"cellwright": times(a=10.0)["a"], "torch.nn": times(a=10 * ratio)["a"]}
    found = {"ms": ms, "times_as_fast_as": {"torch.nn": ratio}, "check": {"error": 1e-7}, "dtype": "float32"}
    return row("stock", cell, T, **{**found, **facts})


def own(cell: str, loop: float, rate: float) -> dict[str, Any]:
    ms = times(cellwright=2.0, torch_loop=2 * loop)
    return row("own", cell, 7, ms=ms, times_as_fast_as={"torch loop": loop}, rate_of_our_lstm=rate)


def test_the_committed_page_is_that_of_the_committed_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read(FILE)), "run python -m benchmarks.kernels report"


def test_committed_rows_are_of_a_commit() -> None:
    for one in read(FILE):
        assert one["case"] in TABLES and one["date"] and not one["commit"].endswith("+"), one["case"]


def test_without_rows_it_says_so() -> None:
    assert "Nothing has been measured" in page([])


def test_a_losing_shape_is_in_bold_and_bars_are_judged() -> None:
    text = page([stock("lstm", 5, 0.5), stock("lstm", 6, 8.0)])
    assert "| LSTM | 5,1,1,256 | 10 (10-10) | 5 (5-5) | **0.5** | 1.0e-07 |" in text
    assert "| LSTM | 6,1,1,256 | 10 (10-10) | 80 (80-80) | 8 | 1.0e-07 |" in text
    assert "- reached: LSTM at least 1.3 times as fast, geometric mean of 2 shapes; measured 2\n" in text
    assert "- **missed**: LSTM nowhere below 0.95; measured 0.5 at 5,1,1,256\n" in text
    assert "GRU" not in text.split("###")[1].split("\n", 1)[1]


def test_the_last_row_of_a_measurement_counts() -> None:
    text = page([stock("gru", 5, 0.5), stock("gru", 5, 4.0)])
    assert "0.5" not in text.split("###")[1] and "| 4 |" in text


def test_machines_and_threads_have_sections_of_their_own() -> None:
    other = {"threads": 1}
    text = page([stock("gru", 5, 2.0), stock("gru", 5, 3.0, **other)])
    assert "## Abacus (AVX2): 2 of 2 processors" in text
    assert "## Abacus (AVX2): 1 of 2 processors" in text
    assert (
        "geometric mean of 1 shapes; measured 2" in text and "geometric mean of 1 shapes; measured 3" in text
    )


def test_own_cells() -> None:
    text = page([own("slstm", 6.0, 0.9), own("x/mine.py:mine", 4.0, 0.7)])
    assert "| sLSTM | 7,1,1,256 | 2 (2-2) | 12 (12-12), 6 | - | - | 0.9 |" in text
    assert (
        "- **missed**: at least 5 times as fast as the torch loop, everywhere; measured 4 for a user's own"
        in text
    )
    assert "measured 0.7 for a user's own at 7,1,1,256" in text
    assert "jax scan, everywhere" not in text


def test_ready_rate_memory_and_bfloat16() -> None:
    ready = {"ready_ms": 2000.0, "import_ms": 300.0, "second_step_ms": 1.0}
    rates = {"ours": 40.0, "torch.mm, B rows": 30.0, "torch.mm, T * B rows": 80.0}
    text = page(
        [
            row("ready", "mine.py:mine", 10, cold=ready, cached={**ready, "ready_ms": 60.0}),
            row("rate", "lstm", 9, ms={}, gflops=rates, part_of_torch_mm=0.5),
            row("memory", "lstm", 9, mib={"cellwright": 30.0, "torch.nn": 20.0}, times_as_much=1.5),
            {"case": "bfloat16", "threads": 2, "not_run": "needs AMX BF16", **STAMP},
        ]
    )
    assert "- reached: cold: ready in at most 3,000 ms; measured 2,000 ms" in text
    assert "- **missed**: cached: ready in at most 50 ms; measured 60 ms" in text
    assert "- **missed**: at H = 256 at least 0.8 of the rate of torch.mm; measured 0.5" in text
    assert "| LSTM | 9,1,1,256 | 30 | 20 | **1.5** |" in text
    assert "| needs AMX BF16 |" in text


def test_bfloat16_where_it_runs() -> None:
    kinds = {"cellwright": 10.0, "cellwright bfloat16": 4.0, "torch.nn": 20.0, "torch.nn bfloat16": 8.0}
    ms = {name: times(a=value)["a"] for name, value in kinds.items()}
    fast = {name: value / 10 for name, value in kinds.items() if name != "cellwright"}
    text = page([row("bfloat16", "lstm", 9, ms=ms, times_as_fast_as=fast)])
    assert "| LSTM | 9,1,1,256 | 10 (10-10) | 4 (4-4) | 2.5 | 8 (8-8) |" in text
    assert "- reached: at H >= 256 at least twice as fast; measured 2.5" in text


@pytest.mark.parametrize("case", TABLES)
def test_every_table_names_the_command_that_measures_it(case: str) -> None:
    from benchmarks.kernels.__main__ import CASES

    assert case in CASES


def test_a_stamp_says_what_and_where() -> None:
    stamp = stamped("stock", {"cell": "lstm"}, 0.5)
    assert list(stamp)[:2] == ["case", "cell"]
    assert {"threads", "load_before", "machine", "versions", "commit", "date"} <= set(stamp)
