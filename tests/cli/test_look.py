"""The verbs that only look: show, describe, data, doctor, version."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

import cellwright as cw
from cellwright import cells, config, samples
from cellwright.backends.cpu import backend, toolchain
from cellwright.cli.describe import size
from cellwright.runtime.choose import BACKENDS
from cellwright.tasks.load import load_run


@pytest.mark.parametrize("view", ["equations", "latex", "graph"])
def test_show_is_what_the_library_shows(call, view: str) -> None:
    said = call("show", "peephole", "--as", view)
    assert (said.code, said.err) == (0, "")
    assert said.out == cw.show(cells.peephole, view) + "\n"


def test_show_lists_every_cell(call) -> None:
    rows = call("show").out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == list(cells.all())


def test_show_of_the_users_own_file(call, tmp_path) -> None:
    (tmp_path / "mine.py").write_text(
        "from cellwright import cell, tanh\n@cell\ndef fast(x, h, *, W, u):\n    h = tanh(W @ x + u * h)\n    return h\n"
    )
    assert call("show", "mine.py:fast").out == "h_t = tanh(W x_t + u ⊙ h_{t-1})\n"


def test_describe_a_cell(call) -> None:
    said = call("describe", "gru", "--units", "3", "--inputs", "2")
    assert said.code == 0
    found = cw.describe("gru", units=3, inputs=2)
    assert said.out.startswith(f"{found}\n\n{found.by_matrix()}\n\n")
    assert "reads 228 B of weights and carries 12 B on" in said.out
    assert said.out.splitlines()[-4].startswith("gru ")
    assert said.out.splitlines()[-1].startswith("transformer ")
    smaller = call("describe", "gru", "--units", "3", "--inputs", "2", "--steps", "10", "--batch", "1")
    assert f"1 sequences of 10 steps: {size(found.memory(10, 1).total)}," in smaller.out
    assert call("describe", "gru", "--steps", "0").err == "error: steps must be at least 1, got 0\n"


@pytest.mark.parametrize("task", ["classify", "forecast", "generate"])
def test_describe_a_run_counts_its_network(call, run, task: str) -> None:
    folder = run(task)
    said = call("describe", str(folder))
    size = sum(p.numel() for p in load_run(folder).network_.parameters())
    assert said.code == 0 and f" {size:,} parameters" in said.out.splitlines()[0]
    assert re.search(rf"^all +{size:,} ", said.out, re.MULTILINE)
    compared = [line.split()[0] for line in said.out.splitlines()[-4:]]
    assert compared[1:] == ["elman", "gru", "transformer"] and compared[0] == "lstm"


def test_data_lists_and_prints_the_samples(call) -> None:
    said = call("data")
    assert [line.split()[0] for line in said.out.splitlines()[1:-2]] == list(samples.names())
    assert call("data", "sunspots").out == samples.text("sunspots")


def test_doctor_tells_all_backends_and_variables(call) -> None:
    said = call("doctor")
    assert said.code == 0 and said.err == ""
    for name in (*BACKENDS, *config.VARIABLES, "Python", "torch", "threads", "C++ compiler", "GPU kernels"):
        assert name in said.out


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What is remembered of kernels that could not be built is forgotten, before and after."""
    for kept in (backend._built, backend._say):
        kept.cache_clear()
    yield
    for kept in (backend._built, backend._say):
        kept.cache_clear()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.filterwarnings("ignore:cellwright runs without its own kernels")
def test_doctor_without_a_compiler_says_where_it_looked(call, monkeypatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/c++")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    assert (
        "none: looked for $CXX (/nowhere/c++), c++, g++, clang++, the ziglang package" in call("doctor").out
    )


@pytest.mark.parametrize("task", ["classify", "forecast", "generate"])
def test_doctor_of_a_run(call, run, task: str) -> None:
    said = call("doctor", str(run(task)))
    assert said.code == 0 and said.err == ""
    first, *rest = said.out.splitlines()
    assert first == "training: finished"
    assert any(line.startswith("not found: ") and "vanishing" in line for line in rest)


def test_doctor_of_what_is_no_run(call) -> None:
    assert call("doctor", "nowhere").err == (
        "error: no such run folder (nowhere): got nothing, expected a folder made by `train`\n"
    )
