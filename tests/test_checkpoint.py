"""Files are whole or absent, and what was changed since is noticed."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from cellwright import checkpoint
from cellwright.checkpoint import (
    append_line,
    as_read,
    load_tensors,
    read_json,
    save_tensors,
    to_json,
    write_atomic,
    write_json,
)
from cellwright.errors import RunError


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """The system itself refuses longer files, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "一")
    write_atomic(tmp_path / "a", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert names(tmp_path) == ["a"]


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "old")
    with files_at_most(4096), pytest.raises(RunError) as caught:
        write_atomic(tmp_path / "a", b"x" * 100_000)
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_atomic(tmp_path / "a", "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "fsync":
        monkeypatch.setattr(checkpoint.os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="No space left on device; free some space") as caught:
        write_atomic(tmp_path / "a", "new")
    assert str(tmp_path / "a") in str(caught.value)
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_an_interrupt_while_writing_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", "new")
    assert names(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no_folder/a\): got No such file"):
        write_atomic(tmp_path / "no_folder" / "a", "x")


def test_a_written_file_can_be_read_by_others_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_lines_are_appended(tmp_path: Path) -> None:
    append_line(tmp_path / "a", "一")
    append_line(tmp_path / "a", "2")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "一\n2\n"


TENSORS = {
    "float": torch.tensor([1.5, float("nan"), -0.0]),
    "half": torch.ones(2, 3, dtype=torch.bfloat16),
    "whole": torch.arange(6).reshape(2, 3),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "nothing": torch.zeros(0, 4),
    "scalar": torch.tensor(3.0, dtype=torch.float64),
}


def test_tensors_come_back_to_the_last_bit(tmp_path: Path) -> None:
    digest = save_tensors(tmp_path / "t", TENSORS)
    back = load_tensors(tmp_path / "t", digest)
    assert back.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].shape == tensor.shape
        assert bits(back[name]) == bits(tensor)


def test_tied_and_transposed_tensors_are_written_under_each_name(tmp_path: Path) -> None:
    matrix = torch.arange(6.0).reshape(2, 3)
    save_tensors(tmp_path / "t", {"a": matrix, "b": matrix, "c": matrix.T, "d": matrix[:, 1]})
    back = load_tensors(tmp_path / "t")
    assert torch.equal(back["a"], matrix) and torch.equal(back["b"], matrix)
    assert torch.equal(back["c"], matrix.T) and torch.equal(back["d"], matrix[:, 1])


def test_every_changed_byte_and_every_truncation_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "t"
    digest = save_tensors(file, {"a": torch.arange(8.0)})
    data = file.read_bytes()
    for place in range(0, len(data), 7):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(RunError, match=r"got sha256 .* expected sha256"):
            load_tensors(file, digest)
        file.write_bytes(data[:place])
        with pytest.raises(RunError, match=r"got sha256 .* expected sha256") as caught:
            load_tensors(file, digest)
        assert str(file) in str(caught.value)


@pytest.mark.parametrize("cut", [0, 1, 8, 20, -1])
def test_a_truncated_file_without_a_checksum_is_damaged(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "t"
    save_tensors(file, {"a": torch.arange(8.0)})
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(RunError, match="the file is damaged"):
        load_tensors(file)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "t")
    with pytest.raises(RunError, match="expected a safetensors file"):
        load_tensors(tmp_path / "t")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"t\): got nothing, expected t"):
        load_tensors(tmp_path / "t")
    with pytest.raises(RunError, match=r"a file is missing"):
        read_json(tmp_path / "j")


def test_json_keeps_order_and_takes_numpy(tmp_path: Path) -> None:
    value = {"z": 1, "a": {"中": np.float32(0.5)}, "m": np.arange(3)}
    write_json(tmp_path / "j", value)
    back = read_json(tmp_path / "j")
    assert list(back) == ["z", "a", "m"]
    assert back == {"z": 1, "a": {"中": 0.5}, "m": [0, 1, 2]}
    assert "中" in (tmp_path / "j").read_text(encoding="utf-8")


def test_json_refuses_nan_and_objects() -> None:
    with pytest.raises(ValueError):
        to_json({"a": float("inf")})
    with pytest.raises(TypeError, match="object cannot be written"):
        to_json({"a": object()})
    assert as_read({"a": [float("inf"), 1.0]}, nan=True) == {"a": [None, 1.0]}


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"[1]", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"])
def test_damaged_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(RunError, match=r"the file is damaged .*expected one JSON object") as caught:
        read_json(tmp_path / "j")
    assert "\n" not in str(caught.value)
