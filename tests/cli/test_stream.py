"""`cellwright stream RUN`: line by line through a pipe, the state in a file, one line for every mistake."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cellwright as cw

Call = Callable[..., Any]
ROWS = "".join(f"1995-{k:02}-01,{50 + k}.5\n" for k in range(1, 7))


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_every_line_has_its_answer(call: Call, run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run("forecast")
    given(monkeypatch, "month,sales\n" + ROWS + "1995-07-01,x\n")
    said = call("stream", str(folder))
    assert said.code == 0 and said.err == "8 lines answered, 1 of them refused\n"
    head, *answers, error = said.out.splitlines()
    assert head == "sales+1,sales+2,sales+3,note" and "error: line 8: no finite number" in error
    stream = cw.Stream(cw.Forecaster.load(folder))
    for line, answer in zip(ROWS.splitlines(), answers, strict=True):
        month, sales = line.split(",")
        wanted = stream.push({"month": month, "sales": float(sales)})["sales"]
        assert answer == ",".join(f"{v:.7g}" for v in wanted) + ","


@pytest.mark.parametrize("task", ["classify", "generate"])
def test_the_other_tasks_stream_too(
    task: str, call: Call, run: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, '"to be or not"\n')
    said = call("stream", str(run(task)), "--quiet")
    assert said.code == 0 and not said.err
    assert ("label" if task == "classify" else "next") in json.loads(said.out)


def test_the_state_is_kept_in_a_file(call: Call, run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, lines = run("forecast"), ROWS.splitlines(keepends=True)
    given(monkeypatch, ROWS)
    whole = call("stream", str(folder), "--quiet").out
    parts = ""
    for part in (lines[:2], lines[2:]):
        given(monkeypatch, "".join(part))
        parts += call("stream", str(folder), "--state", "where", "--quiet").out
    assert parts == whole
    Path("where").write_bytes(Path("where").read_bytes()[:-1])
    given(monkeypatch, ROWS)
    said = call("stream", str(folder), "--state", "where")
    assert (
        said.code == 2 and said.err.startswith("error: the snapshot was changed or cut off") and not said.out
    )


def test_an_interrupt_keeps_the_state(call: Call, run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.BytesIO):
        def readline(self, size: Any = -1) -> bytes:
            line = super().readline(size)
            if not line:
                raise KeyboardInterrupt
            return line

    source = io.TextIOWrapper(Interrupted(ROWS.encode()))
    monkeypatch.setattr(sys, "stdin", source)
    folder = run("forecast")
    assert call("stream", str(folder), "--state", "where").code == 130
    stream = cw.Stream(cw.Forecaster.load(folder))
    stream.restore(Path("where").read_bytes())
    assert stream.steps == 6


def test_a_line_without_an_end_is_not_kept(call: Call, run: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from cellwright.cli import stream as verb
    from cellwright.tasks import lines

    monkeypatch.setattr(verb, "LONGEST", 50)
    monkeypatch.setattr(lines, "LONGEST", 50)
    given(monkeypatch, "9" * 1000 + "\n" + "1995-01-01,7\n")
    said = call("stream", str(run("forecast")), "--format", "csv")
    long, short = said.out.splitlines()
    assert "the line is too long" in long and "error" not in short


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xml"], "no such form (--format): got xml, expected auto, json, csv, pcm"),
        (["--state", "folder/where"], "cannot write"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, call: Call, run: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, "")
    said = call("stream", str(run("forecast")), *arguments)
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1


def test_through_a_pipe_each_answer_comes_before_the_next_line(run: Call) -> None:
    """A writer that waits for every answer is not kept waiting: lines are flushed, none is read ahead."""
    command = [sys.executable, "-W", "error", "-m", "cellwright", "stream", str(run("forecast"))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        for line in ROWS.splitlines():
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().count(b",") == 3
        process.stdin.close()
        assert process.wait() == 0
        assert process.stderr.read() == b"6 lines answered, 0 of them refused\n"


def test_a_reader_that_goes_away_ends_it_with_the_state_kept(run: Call, tmp_path: Path) -> None:
    folder, kept = run("forecast"), tmp_path / "kept"
    command = [sys.executable, "-m", "cellwright", "stream", str(folder), "--state", str(kept)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(b"1995-01-01,7\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"1995-02-01,8\n" * 3)
        process.stdin.close()
        assert process.wait() == 0 and not process.stderr.read()
    stream = cw.Stream(cw.Forecaster.load(folder))
    stream.restore(kept.read_bytes())
    assert stream.steps == 2
