"""The GPU benchmark without a card: one case's rows in the interpreter, what fails is a row, the bars by hand."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import cases, sanitize
from benchmarks.gpu.bars import compared

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a card is here: the script itself runs")


def test_a_case_in_a_process_of_its_own(tmp_path: Path) -> None:
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed (it has no wheel for this machine)")
    out = tmp_path / "rows.jsonl"
    assert gpu.main(["compiled", "--dry", "--out", str(out)]) == 0
    mine, loop = map(json.loads, out.read_text().splitlines())
    assert mine["case"] == "compiled" and mine["error"] < 1e-5 and mine["explain"][0] == "runs on: triton"
    assert loop["contestant"] == "torch.compile of the loop" and len(loop["training"]) == 3


def test_what_fails_or_takes_too_long_is_a_row_and_the_rest_runs(tmp_path: Path) -> None:
    def fails() -> cases.Row:
        raise RuntimeError("an illegal memory access\nmore")

    found = cases.guarded("gru", "cellwright", fails)
    assert found == {
        "cell": "gru", "contestant": "cellwright", "failed": "RuntimeError: an illegal memory access"
    }  # fmt: skip
    out = tmp_path / "rows.jsonl"
    assert gpu.main(["dense", "wide", "--dry", "--minutes", "0", "--out", str(out)]) == 1
    assert [json.loads(line)["case"] for line in out.read_text().splitlines()] == ["dense", "wide"]


def test_without_a_card_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gpu.main(["dense"]) == 2
    assert "no NVIDIA GPU that torch can use" in capsys.readouterr().err
    monkeypatch.setattr(sanitize.shutil, "which", lambda *_, **__: None)
    assert sanitize.main([]) == 2
    assert "compute-sanitizer is not here" in capsys.readouterr().err
    assert sanitize.main(["--program"]) == 2


def row(case: str, cell: str, contestant: str, forward: float, training: float, **more: object) -> cases.Row:
    times = {"forward": [0, forward, 9], "training": [0, training, 9]}
    return {"case": case, "cell": cell, "contestant": contestant, "sizes": [2, 2, 8, 8], **times, **more}


def test_bars_by_hand() -> None:
    rows = [
        row("blocks", "slstm, 12 heads of 64", "cellwright", 9.0, 9.0, first_call_s=9.0),
        row("blocks", "slstm, 12 heads of 64", "cellwright", 3.0, 9.0, first_call_s=4.0),
        row("wide", "lstm", "torch.nn (cuDNN)", 2.0, 5.0, multiplies=800),
        row("wide", "gru_v1", "cellwright", 3.0, 15.0, multiplies=600, first_call_s=1.0),
        row("scan", "mingru", "cellwright", 1.0, 1.0, first_call_s=1.0),
        row("scan", "mingru", "its own step form", 51.0, 49.0, first_call_s=1.0),
        {"case": "wide", "cell": "peephole", "contestant": "cellwright", "failed": "RuntimeError: x"},
    ]
    lines = list(compared(rows))
    assert lines[0] == "failed  peephole  cellwright: RuntimeError: x"
    said = {line.split("  ")[-1]: line.split()[0] for line in lines[1:]}
    assert said["slstm, 12 heads of 64, forward, ms"] == "reached"
    assert said["slstm, 12 heads of 64, training, ms"] == "MISSED"
    per = "gru_v1 [2, 2, 8, 8] cellwright, {}: times cuDNN's LSTM per multiply-add"
    # 3.0/600 over 2.0/800 is 2.0; 15/600 over 5/800 is 4.0.
    assert (said[per.format("forward")], said[per.format("training")]) == ("reached", "MISSED")
    step = "mingru [2, 2, 8, 8] cellwright, {}: of the time of its own step form"
    assert (said[step.format("forward")], said[step.format("training")]) == ("reached", "MISSED")
    assert said["slstm, 12 heads of 64 [2, 2, 8, 8] cellwright: seconds of the first call"] == "reached"
