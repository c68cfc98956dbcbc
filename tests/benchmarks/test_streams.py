"""Each case of the streams' benchmarks at a shape of no account; the page is that of the committed rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from benchmarks.kernels.rows import ROOT, append, read, stamped
from benchmarks.stream import latency, many, peers, soak
from benchmarks.stream.report import FILE, MINE, PAGE, page

import cellwright as cw


def shown(case: str, rows: list[dict[str, Any]], tmp_path) -> str:
    for row in rows:
        append(tmp_path / "rows.jsonl", stamped(case, row, 0.0))
    return page(read(tmp_path / "rows.jsonl"))


def test_latency(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(latency, "BURST_US", 1)
    (row,) = latency.rows(1, (8,))
    assert {MINE, "cellwright, tensor, out", "torch.nn.LSTMCell"} <= set(row["us"]) and row["error"] < 1e-6
    assert "| 8 |" in shown("latency", [row], tmp_path)


def test_contestants_that_compute_something_else_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "lstm_cell", lambda layer, x: lambda: torch.ones(8))
    with pytest.raises(SystemExit, match="compute different things"):
        next(latency.rows(1, (8,)))


def test_the_peers_are_our_layer() -> None:
    layer, x = cw.nn.LSTM(3, 5).eval(), torch.randn(3)
    wanted = layer(x.expand(4, 3))[0].detach()
    for push in (peers.lstm_cell(layer, x), peers.onnx_runtime(layer, x)):
        if push is not None:
            found = torch.stack([torch.as_tensor(push()).clone() for _ in range(4)])
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_many(tmp_path) -> None:
    (row,) = many.rows(1, (("gru", 4),), 30)
    assert row["times_as_long"] == pytest.approx(row["us"]["pushes"] / row["us"]["layer"], rel=1e-2)
    assert "| gru | 4 | 30 |" in shown("many", [row], tmp_path)


def test_soak(tmp_path) -> None:
    found = list(soak.rows(2000, 4))
    assert len(found) == 4 and all(row["mib_before"] > 1 for row in found)
    assert shown("soak", found, tmp_path).count("| 2,000 |") == 4


def test_the_page_is_that_of_the_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read(FILE)), "run: python -m benchmarks.stream report"
    assert str(ROOT) not in FILE.read_text(encoding="utf-8")
