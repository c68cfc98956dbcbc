"""Building and caching: whole entries are used, broken and foreign ones rebuilt, no compiler is said once."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import cellwright as cw
from cellwright.backends.cpu import backend, launch, softmax, toolchain

TEXT = 'extern "C" int answer() { return 42; }\n'


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of the test's own, and no memory of compilers and kernels across tests."""
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "cache"))
    forget()
    yield
    forget()


def forget() -> None:
    for cached in (backend._built, backend._say, launch.kernel, launch._pool, softmax._built):
        cached.cache_clear()


def built_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("*.so"))


def test_the_second_time_comes_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert toolchain.library(TEXT, "one").answer() == 42
    (file,) = built_files(tmp_path)
    assert file.with_suffix(".cpp").read_text() == TEXT
    monkeypatch.setattr(toolchain, "_build", lambda *_: pytest.fail("built twice"))
    assert toolchain.library(TEXT, "one").answer() == 42


@pytest.mark.parametrize("damage", ["cut", "altered", "unsigned"])
def test_a_broken_entry_is_built_again(damage: str, tmp_path: Path) -> None:
    toolchain.library(TEXT, "one")
    (file,) = built_files(tmp_path)
    whole = file.read_bytes()
    file.unlink()
    if damage == "unsigned":
        file.write_bytes(whole)
        file.with_suffix(".sha256").unlink()
    else:
        file.write_bytes(whole[: len(whole) // 2] if damage == "cut" else whole[:-1] + b"x")
    assert toolchain.library(TEXT, "one").answer() == 42
    assert toolchain._whole(file)


def test_another_text_flag_or_machine_has_another_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolchain.library(TEXT, "one")
    toolchain.library(TEXT + "\n", "one")
    toolchain.library(TEXT, "one", ("-DDOUBLE",))
    monkeypatch.setattr(toolchain, "cpu_features", lambda: "another machine")
    toolchain.library(TEXT, "one")
    assert len(built_files(tmp_path)) == 4


def test_two_processes_at_the_same_time(tmp_path: Path) -> None:
    program = (
        "from cellwright.backends.cpu.toolchain import library\n"
        f"assert library({TEXT!r}, 'race').answer() == 42\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [p.wait(timeout=120) for p in running] == [0, 0, 0]
    (file,) = built_files(tmp_path)
    assert toolchain._whole(file)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(blocked / "below"))
    assert toolchain.library(TEXT, "one").answer() == 42


def test_a_text_that_does_not_compile_names_the_file_and_the_error(tmp_path: Path) -> None:
    with pytest.raises(
        toolchain.ToolchainError, match=r"refused the emitted text \(.*failed\.cpp\): .*error"
    ):
        toolchain.library("int main( {", "bad")


def test_no_compiler_is_said_once_and_everything_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda _: None)
    x = torch.zeros(3, 2, 4)
    with pytest.warns(
        UserWarning, match="runs without its own kernels: no C\\+\\+ compiler was found"
    ) as said:
        assert "runs on: stock" in cw.explain(cw.nn.LSTM(4, 5), x)
        assert "not cpu: no C++ compiler" in cw.explain(cw.nn.Recurrent("mgu", 4, 5), x)
        cw.nn.Recurrent("mgu", 4, 5)(x)
    assert len(said) == 1


def test_the_compiler_that_cxx_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "c++ -pipe")
    found = toolchain.find_compiler()
    assert found is not None
    assert found.command[1:] == ("-pipe",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert toolchain.library(TEXT, "one").answer() == 42
