"""The command line as a function, in a folder of its own, with small data and three small trained runs."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from cellwright.cli import main

TINY = {
    "classify": ("texts.csv", "--units", "4", "--embedding", "4", "--epochs", "1", "--passes", "5"),
    "forecast": (
        "sales.csv",
        "--units",
        "4",
        "--epochs",
        "1",
        "--steps",
        "3",
        "--window",
        "6",
        "--horizon",
        "3",
    ),
    "generate": ("play.txt", "--units", "4", "--epochs", "1", "--chunk", "16"),
}


@dataclass(frozen=True)
class Said:
    """What a call gave: the exit code, stdout, stderr."""

    code: int
    out: str
    err: str


def write_data(folder: Path) -> None:
    """A file for each task."""
    texts = ["text,label"] + [f"a {w} film number {k},{w}" for k in range(20) for w in ("good", "bad")]
    months = [
        f"{1990 + k // 12}-{k % 12 + 1:02}-01,{50 + k + 10 * math.sin(k * math.pi / 6):.2f}"
        for k in range(60)
    ]
    (folder / "texts.csv").write_text("\n".join(texts) + "\n")
    (folder / "sales.csv").write_text("\n".join(["month,sales", *months]) + "\n")
    (folder / "play.txt").write_text("to be or not to be, that is the question. " * 40)


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """`call("train", "classify", ...)` in an empty folder that holds the small data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CELLWRIGHT_DEBUG", raising=False)
    write_data(tmp_path)

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`trained("classify")`: a finished run of that task, trained when it is first asked for. Do not touch it."""
    folder = tmp_path_factory.mktemp("trained")
    write_data(folder)

    @cache
    def train(task: str) -> Path:
        data, *options = TINY[task]
        arguments = ["train", task, str(folder / data), *options, "--out", str(folder / task), "--quiet"]
        assert main(arguments) == 0
        return folder / task

    return train


@pytest.fixture
def run(trained: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """`run("classify")`: a copy of the trained run as `runs/classify`, to be looked at or damaged."""

    def copy(task: str) -> Path:
        return Path(shutil.copytree(trained(task), tmp_path / "runs" / task))

    return copy
