"""The history survives a crash and refuses to guess."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from cellwright.errors import RunError
from cellwright.tasks.training.history import History, append_row

ROWS = [
    {"epoch": 1, "loss": 0.1 + 0.2, "valid_accuracy": 0.5, "best": True},
    {"epoch": 2, "loss": 1e-17, "valid_accuracy": 0.25, "best": False},
    {"epoch": 3, "loss": 2.0, "valid_f1": 1.0, "best": False},
]


def test_rows_come_back_to_the_last_bit(tmp_path: Path) -> None:
    for row in ROWS:
        append_row(tmp_path / "h", row)
    assert list(History.read(tmp_path / "h")) == ROWS
    History(ROWS[:2]).write(tmp_path / "h")
    assert list(History.read(tmp_path / "h")) == ROWS[:2]


def test_columns_and_the_best_row() -> None:
    history = History(ROWS)
    assert history.columns() == ["epoch", "loss", "valid_accuracy", "best", "valid_f1"]
    assert history.column("valid_f1") == [None, None, 1.0]
    assert history.best() == ROWS[0]
    assert history[-1] == ROWS[2]
    assert History().best() is None


def test_numbers_json_does_not_know_become_none(tmp_path: Path) -> None:
    row = {"epoch": 1, "loss": math.nan, "valid_mape": math.inf}
    append_row(tmp_path / "h", row)
    assert list(History.read(tmp_path / "h")) == [{"epoch": 1, "loss": None, "valid_mape": None}]
    assert list(History([row])) == list(History.read(tmp_path / "h"))


def test_a_last_line_cut_short_anywhere_is_left_out(tmp_path: Path) -> None:
    History(ROWS).write(tmp_path / "h")
    whole = (tmp_path / "h").read_bytes()
    second_ends = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for cut in range(second_ends, len(whole) - 1):
        (tmp_path / "h").write_bytes(whole[:cut])
        expected = 3 if whole[:cut].endswith(b"}") else 2
        assert len(History.read(tmp_path / "h")) == expected


@pytest.mark.parametrize("line", [b"{", b"[1]", b"\xff", b"nonsense"])
def test_a_damaged_line_before_the_last_is_named(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "h").write_bytes(b'{"epoch": 1}\n' + line + b'\n{"epoch": 3}\n')
    with pytest.raises(RunError, match=r"h:2\): got .*expected"):
        History.read(tmp_path / "h")


def test_a_missing_history_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a file is missing"):
        History.read(tmp_path / "h")
