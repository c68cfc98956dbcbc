"""The frame of the command line: exit codes, one line per mistake, a light `--help`, pipes and encodings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cellwright import cli
from cellwright.cli import show as show_verb
from cellwright.cli.entry import WAITING
from cellwright.cli.verbs import TASKS, VERBS
from cellwright.errors import DataError, Interrupted
from cellwright.tasks import load

HEAVY = ("torch", "polars", "numpy", "sklearn", "plotly", "tokenizers", "safetensors")
PACKAGE = Path(cli.__file__).parent


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


def heavy_after(code: str) -> str:
    """What of HEAVY is loaded once the code has run."""
    look = f"import sys; {code}; sys.stderr.write(str([m for m in {HEAVY} if m in sys.modules]))"
    done = python(look)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], [], ["train", "--help"], ["version"], ["show", "gru"], ["data"]]
)
def test_light_calls_import_nothing_heavy(arguments: list[str]) -> None:
    assert heavy_after(f"from cellwright.cli import main; assert main({arguments}) == 0") == "[]"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active"), ({"GOMP_SPINCOUNT": "9"}, "None")],
)
def test_threads_sleep_while_they_wait_unless_told_otherwise(
    given: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    done = python(
        "import os, sys; from cellwright.cli import main; assert main() == 0;"
        "sys.stderr.write(str(os.environ.get('OMP_WAIT_POLICY')))",
        "version",
    )
    assert done.stderr == expected


def test_called_from_python_the_environment_stays(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert call("version").code == 0
    assert "OMP_WAIT_POLICY" not in os.environ


def test_the_heavy_check_can_fail() -> None:
    assert heavy_after("import numpy; print('loaded')") == "['numpy']"


def test_help_lists_every_verb_in_its_words(call) -> None:
    said = call("--help")
    assert said.code == 0 and said.err == ""
    for row in VERBS:
        assert row.name in said.out and row.help.split()[0] in said.out


def test_every_verb_has_its_file_and_every_file_of_a_verb_its_row() -> None:
    files = {
        file.stem
        for file in PACKAGE.glob("*.py")
        if "\ndef run(" in file.read_text() or "\ndef command(" in file.read_text()
    }
    assert files == {row.name for row in VERBS}


def test_the_tasks_are_those_of_the_estimators() -> None:
    assert {row.name for row in TASKS} == set(load.TASKS)


def test_task_help_shows_the_settings_of_that_task_only(call) -> None:
    classify, forecast = call("train", "classify", "--help"), call("train", "forecast", "--help")
    assert classify.code == forecast.code == 0
    assert "--pooling" in classify.out and "--pooling" not in forecast.out
    assert "--horizon" in forecast.out and "--horizon" not in classify.out
    assert "--resume" in classify.out and "--units" in forecast.out


def test_version_as_verb_and_as_option(call) -> None:
    assert call("version") == call("--version")
    assert call("version").out.startswith("cellwright 0.")


def test_running_as_a_module_and_from_the_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cellwright", "version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("cellwright ")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("no such thing", got="a\nb", fix="look"), 2, "error: no such thing: got a b; look\n"),
        (Interrupted("stopped; go on with --resume"), 130, "stopped; go on with --resume\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (PermissionError(13, "Permission denied", "x.csv"), 2, "error: Permission denied (x.csv); check"),
        (
            TypeError("lost"),
            1,
            "error: a fault in Cellwright, TypeError: lost; CELLWRIGHT_DEBUG=1 shows the traceback\n",
        ),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_what_an_error_becomes(call, monkeypatch, error: BaseException, code: int, line: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(show_verb, "show", fail)
    said = call("show", "lstm")
    assert said.code == code and said.out == ""
    assert said.err.startswith(line) and said.err.count("\n") == (1 if line else 0)


def test_the_traceback_on_request(call, monkeypatch) -> None:
    monkeypatch.setattr(show_verb, "show", lambda *_, **__: 1 / 0)
    monkeypatch.setenv("CELLWRIGHT_DEBUG", "1")
    said = call("show", "lstm")
    assert said.code == 1
    assert "Traceback" in said.err and said.err.splitlines()[-1].endswith(
        "ZeroDivisionError: division by zero"
    )


def test_a_warning_is_one_line(call, monkeypatch, recwarn) -> None:
    import warnings

    def warn(*_: object, **__: object) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("mind\nthis", stacklevel=1)
        return "done"

    monkeypatch.setattr(show_verb, "show", warn)
    before = warnings.showwarning
    said = call("show", "lstm")
    assert (said.code, said.out) == (0, "done\n")
    assert said.err in ("warning: mind this\n", "")
    assert warnings.showwarning is before


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    command = f'{sys.executable} -m cellwright data pydoc | head -c 5; echo " ${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == "" and done.stdout.strip().endswith(" 0")


def test_a_terminal_without_the_letters_shows_question_marks() -> None:
    code = "import sys; sys.stdout.reconfigure(encoding='ascii'); from cellwright.cli import main; sys.exit(main(['show', 'elman']))"
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "h_t = tanh(W x_t + U h_{t-1} + b)\n", "")
    lstm = python(code.replace("elman", "lstm"))
    assert lstm.returncode == 0 and "i_t = ?(W_i x_t" in lstm.stdout


def test_no_colour_and_no_folding_outside_a_terminal(call, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    said = call("show")
    assert "\x1b" not in said.out
    line = next(line for line in said.out.splitlines() if line.startswith("lstm "))
    assert "h, c" in line and line.endswith("Gers et al. 2000")
