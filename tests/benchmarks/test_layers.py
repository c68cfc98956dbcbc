"""Each case of the layers' benchmarks at a shape of no account; the page is that of the committed rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from benchmarks.kernels.rows import ROOT, append, read, stamped
from benchmarks.layers import long, ragged, softmax
from benchmarks.layers.report import FILE, PAGE, TABLES, page

from cellwright.testing.speed import Sizes


def shown(case: str, row: dict[str, Any], tmp_path) -> str:
    append(tmp_path / "rows.jsonl", stamped(case, row, 0.0))
    return page(read(tmp_path / "rows.jsonl"))


def test_ragged(tmp_path) -> None:
    row = ragged.row("gru", Sizes(7, 3, 2, 4), 1)
    assert row["error"] < 1e-5 and len(row["ms"]) == 5
    ours, packed = (row["ms"][name]["median"] for name in (ragged.OURS, ragged.PACKED))
    assert row["times_as_fast"] == pytest.approx(packed / ours, rel=1e-2)
    assert "| GRU | 7,3,2,4 |" in shown("ragged", row, tmp_path)


def test_contestants_that_compute_something_else_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ragged, "_through", lambda layer, x, lengths, steps: 2 * x)
    with pytest.raises((SystemExit, RuntimeError)):
        ragged.row("lstm", Sizes(7, 3, 4, 4), 1)


def test_long(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    answers = iter([(9.0, 50.0), (9.0, 40.0), (1.0, 60.0), (1.3, 44.0), (1.0, 60.0), (1.3, 45.0)])
    monkeypatch.setattr(long, "_worker", lambda *about: torch.no_grad())
    monkeypatch.setattr(
        long, "_answer", lambda worker: dict(zip(("seconds", "peak"), next(answers), strict=True))
    )
    row = long.row("lstm", Sizes(100_000, 2, 3, 4), 2)
    assert row["times_as_long"] == 1.3 and row["times_as_much"] == 0.75
    assert "- reached: LSTM at 100000,2,3,4: at most 1.4 times as long; measured 1.3" in shown(
        "long", row, tmp_path
    )


def test_softmax(tmp_path) -> None:
    row = softmax.row("softmax", Sizes(3, 2, 4, 5), 1)
    assert row["error"] < 1e-5 and {softmax.OURS, softmax.PLAIN, softmax.PRODUCTS} <= set(row["ms"])
    assert "| 3,2,4,5 |" in shown("softmax", row, tmp_path)


def test_a_softmax_of_something_else_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cellwright.nn.linear_cross_entropy", lambda x, *_, **__: x.sum())
    with pytest.raises((SystemExit, RuntimeError)):
        softmax.row("softmax", Sizes(3, 2, 4, 5), 1)


def test_the_page_is_that_of_the_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read(FILE)), "run: python -m benchmarks.layers report"
    assert str(ROOT) not in FILE.read_text(encoding="utf-8")


def test_committed_rows_are_of_a_commit() -> None:
    for row in read(FILE):
        assert row["case"] in TABLES and not row["commit"].endswith("+")
