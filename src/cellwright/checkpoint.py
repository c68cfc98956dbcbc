"""Bytes <-> (tensors, JSON), and the one way a file is written: whole or not at all. Floor 0.

Refuses files that are missing, truncated or changed (RunError: file, got, expected). Executes nothing.
torch is imported only when tensors are asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor


def write_atomic(path: Path | str, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path` so that readers see the old file or the new one.

    The bytes go to a temporary file in the same folder, reach the disk, and take the name in one step.
    After any failure the temporary file is gone and the old file is as it was.

    Raises:
        RunError: the disk is full, the folder is missing or cannot be written.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_through(scratch, data)
        scratch.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise RunError(
            "cannot write",
            where=path,
            got=error.strerror or error,
            fix="free some space or choose another folder; nothing was half-written",
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def append_line(path: Path | str, line: str) -> None:
    """Add one line (without its newline) to a text file and wait until it is on the disk.

    Raises:
        RunError: the disk is full or the file cannot be written.
    """
    try:
        with Path(path).open("ab") as file:
            file.write(line.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RunError(
            "cannot write", where=path, got=error.strerror or error, fix="free some space"
        ) from error


def read_bytes(path: Path | str) -> bytes:
    """The whole file; RunError when it is missing or cannot be read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise RunError("a file is missing", where=path, got="nothing", expected=Path(path).name) from None
    except OSError as error:
        raise RunError("cannot read", where=path, got=error.strerror or error) from error


def digest(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text in a stable order: that of the mappings themselves, since a vocabulary's order has a meaning.

    NumPy scalars and arrays become numbers and lists; NaN and infinities are refused (ValueError).

    >>> to_json({"b": 1, "a": "中"})
    '{"b": 1, "a": "中"}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)


def as_read(value: Any, *, nan: bool = False) -> Any:
    """The value as it would be read back from JSON: tuples are lists, keys are texts.

    Args:
        value: what is to be written.
        nan: take NaN and infinities too, as None; otherwise they are refused (ValueError).

    >>> as_read({1: (2.0, float("nan"))}, nan=True)
    {'1': [2.0, None]}
    """
    text = json.dumps(value, allow_nan=nan, default=_plain)
    return json.loads(text, parse_constant=lambda _: None)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically (see `write_atomic`, `to_json`)."""
    write_atomic(path, to_json(value, indent=1) + "\n")


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        RunError: missing, not UTF-8, not JSON (truncated, changed by hand) or not an object.
    """
    try:
        value = json.loads(read_bytes(path).decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise RunError("the file is damaged", where=path, got=error, expected="one JSON object") from None
    if not isinstance(value, dict):
        raise RunError(
            "the file is damaged", where=path, got=type(value).__name__, expected="one JSON object"
        )
    return value


def save_tensors(path: Path | str, tensors: Mapping[str, Tensor]) -> str:
    """Write named tensors as one safetensors file, atomically.

    Tensors that share storage (tied weights) are written once under each name.

    Returns:
        The SHA-256 of the file, which `load_tensors` can check.

    Raises:
        RunError: as `write_atomic`.
    """
    from safetensors.torch import save

    data = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
    write_atomic(path, data)
    return digest(data)


def load_tensors(path: Path | str, sha256: str | None = None) -> dict[str, Tensor]:
    """Read a safetensors file onto the CPU; `sha256` is what `save_tensors` returned.

    Raises:
        RunError: missing, truncated, or not the bytes that were written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = read_bytes(path)
    if sha256 is not None and (got := digest(data)) != sha256:
        raise RunError(
            "the weights are not those that were saved",
            where=path,
            got=f"sha256 {got[:12]} over {len(data)} bytes",
            expected=f"sha256 {str(sha256)[:12]}",
            fix="restore the file from a copy, or train again",
        )
    try:
        return dict(load(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise RunError("the file is damaged", where=path, got=error, expected="a safetensors file") from None


def _write_through(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system can; the file is whole either way."""
    if os.name != "posix":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
