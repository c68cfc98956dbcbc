"""`bench`: the shape of what it prints, at shapes of no account; never the times."""

from __future__ import annotations

import json

import pytest
import torch

from cellwright.cli import bench
from cellwright.testing import CheckError
from cellwright.testing.speed import QUICK, SIZES

SMALL = ("--shape", "3,2,2,4", "--shape", "2,1,3,5", "--repetitions", "3")
NUMBER = r"[\d.,]+"


def test_a_table_with_a_row_for_each_cell_and_shape(call) -> None:
    said = call("bench", *SMALL, "--cells", "lstm,slstm")
    assert said.code == 0
    table, _, short = said.out.partition("\n\n")
    head, *rows = table.splitlines()
    assert head.split("  ")[0] == "cell"
    found = [row.split() for row in rows]
    assert [row[:2] for row in found] == [[c, s] for c in ("lstm", "slstm") for s in ("3,2,2,4", "2,1,3,5")]
    assert {(row[0], row[4]) for row in found} == {("lstm", "torch.nn"), ("slstm", "reference")}
    assert {row[-1] for row in found} == {"cpu"}
    assert all(float(row[-2]) < 1e-4 for row in found)
    assert [
        line.split(" times as fast as ")[1].split(" (geometric mean of 2; least")[0]
        for line in short.splitlines()
    ] == [
        "torch.nn",
        "reference",
    ]
    assert said.err.splitlines()[1:] == [f"{row[0]} at {row[1]} ..." for row in found]


def test_json_on_the_screen_and_in_a_file(call, tmp_path) -> None:
    said = call(
        "bench", *SMALL, "--cells", "elman", "--dtype", "float64", "--json", "--out", "b.json", "--quiet"
    )
    assert (said.code, said.err) == (0, "")
    document = json.loads(said.out)
    assert json.loads((tmp_path / "b.json").read_text()) == document
    assert set(document) == {"machine", "versions", "load", "rows"}
    assert [row["H"] for row in document["rows"]] == [4, 5]
    assert {row["dtype"] for row in document["rows"]} == {"float64"}
    for row in document["rows"]:
        assert set(row["ms"]) == {"cellwright", "torch.nn"}
        assert row["ms"]["cellwright"]["count"] == 3
        assert row["check"]["error"] <= row["check"]["allowed"]


def test_threads_are_those_asked_for_and_then_as_before(call) -> None:
    before = torch.get_num_threads()
    said = call("bench", *SMALL, "--cells", "elman", "--threads", str(before + 1), "--json", "--quiet")
    assert {row["threads"] for row in json.loads(said.out)["rows"]} == {before + 1}
    assert torch.get_num_threads() == before


def test_the_users_own_cell(call, tmp_path) -> None:
    (tmp_path / "mine.py").write_text(
        "from cellwright import cell, tanh\n@cell\ndef fast(x, h, *, W, u):\n    h = tanh(W @ x + u * h)\n    return h\n"
    )
    said = call("bench", *SMALL, "--cells", "mine.py:fast")
    assert said.code == 0 and said.out.splitlines()[1].startswith("mine.py:fast")


@pytest.mark.parametrize(("typed", "shapes"), [((), SIZES), (("--quick",), QUICK)])
def test_the_usual_cells_and_shapes(call, monkeypatch, typed, shapes) -> None:
    asked = []

    def stop(name, sizes, **_) -> None:
        asked.append((name, sizes))
        if len(asked) == 3 * len(shapes):
            raise KeyboardInterrupt
        return

    monkeypatch.setattr(bench, "measure", stop)
    assert call("bench", *typed).code == 130
    assert asked == [(name, sizes) for name in ("lstm", "gru", "elman") for sizes in shapes]


def test_what_is_wrong_has_no_speed(call, tmp_path, monkeypatch) -> None:
    def wrong(*_, **__) -> None:
        raise CheckError("wrong, so not timed: y")

    monkeypatch.setattr(bench, "measure", wrong)
    said = call("bench", *SMALL, "--out", "b.json")
    assert said.code == 1 and said.out == ""
    assert said.err.splitlines()[-1].startswith(
        "error: a fault in Cellwright, CheckError: wrong, so not timed: y"
    )
    assert not (tmp_path / "b.json").exists()
