"""Every example runs to its end, is short, and says what it does."""

import ast
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))
ALONE = "plain_loop"
# Less of the same: tests/tasks/forecast and tests/tasks/classify hold them to what they learn.
FEWER = {"forecast_air_passengers": {"seeds": 1}, "word_order": {"epochs": 1}}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_it_runs(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example)])
    if example.stem in FEWER:
        runpy.run_path(str(example))["main"](**FEWER[example.stem])
    else:
        runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out.strip(), "an example shows something"


def test_one_runs_as_a_program_of_its_own(tmp_path: Path) -> None:
    """For the others its seconds of importing are saved."""
    environment = {**os.environ, "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES[0].with_name(f"{ALONE}.py"))]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_it_is_short_and_says_what_it_does(example: Path) -> None:
    text = example.read_text()
    assert len(text.splitlines()) < 80
    assert ast.get_docstring(ast.parse(text))
