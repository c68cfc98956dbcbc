"""compare: several cells on one split, one table."""

from __future__ import annotations

import json
from pathlib import Path

from cellwright.tasks.load import load_run

TINY = ("--units", "4", "--embedding", "4", "--epochs", "1", "--passes", "5")
COMPARE = ("compare", "classify", "texts.csv", *TINY, "--quiet")


def test_the_table_has_every_cell_and_every_baseline(call) -> None:
    said = call(*COMPARE, "--cells", "elman,gru,mlp,bow")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].split()[-2:] == ["parameters", "seconds"]
    assert {line.split()[0] for line in lines[1:5]} == {"elman", "gru", "mlp", "bow"}
    assert [line.split()[:2] for line in lines[5:]] == [["majority", "(baseline)"], ["linear", "(baseline)"]]
    scores = [float(line.split()[1]) for line in lines[1:5]]
    assert scores == sorted(scores, reverse=True)


def test_json_and_the_runs_agree(call, tmp_path: Path) -> None:
    said = call(*COMPARE, "--cells", "elman(nonlinearity='relu'),gru", "--json", "--out", "all")
    board = json.loads(said.out)
    assert {entry["cell"] for entry in board["entries"]} == {"elman(nonlinearity='relu')", "gru"}
    for entry in board["entries"]:
        name = {"gru": "gru"}.get(entry["cell"], "elman-nonlinearity-relu")
        estimator = load_run(tmp_path / "all" / name)
        assert estimator.metrics_["test"] == entry["scores"]
        assert sum(p.numel() for p in estimator.network_.parameters()) == entry["parameters"]


def test_each_cell_is_announced(call) -> None:
    said = call(*COMPARE[:-1], "--cells", "elman,mlp")
    notices = said.err.splitlines()
    assert "elman:" in notices and "mlp:" in notices
    assert sum(line.startswith("data: ") for line in notices) == 1
