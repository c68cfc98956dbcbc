"""Where data comes from: a file, or a bundled sample by name; its bytes; its text as UTF-8.

Refuses, each in one line: what is missing (naming the nearest file), a folder where a file is due, an empty
file, a binary one, text that is not UTF-8 (naming line and byte). Floor 6 (tasks).
"""

from __future__ import annotations

import difflib
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cellwright import samples
from cellwright.errors import DataError

_MAGIC = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
)
BETWEEN = ","  # of the names of two files
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Source:
    """What a name of data stands for.

    Attributes:
        name: as the user gave it.
        path: the file or folder; None for a sample that is made on demand.
        sample: the sample's name, or None for the user's own file.
        notice: a sentence to print, or None.
    """

    name: str
    path: Path | None
    sample: str | None = None
    notice: str | None = None


Data: TypeAlias = str | Path | Source


def resolve(data: Data) -> Source:
    """Find what `data` names: a file or folder, else a bundled sample; a file of its name wins, and is said.

    Raises:
        DataError: there is neither.

    >>> resolve("sunspots").sample
    'sunspots'
    """
    if isinstance(data, Source):
        return data
    name, path = str(data), Path(data).expanduser()
    known = name in samples.names()
    if _exists(path) and not (known and path.is_dir()):
        notice = f"reading the file ./{name}, not the bundled sample of that name" if known else None
        return Source(name, path, notice=notice)
    if not known:
        raise _missing(name, path)
    made = samples.get(name).file is None
    notice = f"reading the bundled sample, not the folder ./{name}" if _exists(path) else None
    return Source(name, None if made else samples.path(name), sample=name, notice=notice)


def two_names(data: object, expected: str) -> list[str] | None:
    """The names of two files, where there is a comma that is not part of one file's name; else None.

    Raises:
        DataError: more names than two, or an empty one; `expected` says what they should be.

    >>> two_names("train.de, train.en", "FILE_A,FILE_B"), two_names("train.csv", "FILE_A,FILE_B")
    (['train.de', 'train.en'], None)
    """
    text = str(data) if isinstance(data, (str, Path)) else ""
    if BETWEEN not in text or _exists(Path(text).expanduser()):
        return None
    names = [name.strip() for name in text.split(BETWEEN)]
    if len(names) != 2 or not all(names):
        raise DataError("two files are named with one comma", got=text, expected=expected)
    return names


def file_of(data: Data) -> Path:
    """The file that `data` names. Raises `DataError` for a folder and for a sample without a file."""
    source = resolve(data)
    if source.path is None:
        task = samples.get(source.name).task
        raise DataError(
            "this sample is a text, not a table", got=source.name, fix=f"use it with the task {task}"
        )
    if source.path.is_dir():
        inside = sorted(child.name for child in source.path.iterdir() if child.is_file())[:5]
        hint = f"name one file of it: {', '.join(inside)}" if inside else "name a file"
        raise DataError("a folder where a file is expected", where=source.name, fix=hint)
    return source.path


def shown(data: Data) -> str:
    """The name of `data` as the user gave it, for messages."""
    return data.name if isinstance(data, Source) else str(data)


def format_of(path: Path) -> str:
    """The extension that tells the format, in lower case and without `.gz`.

    >>> format_of(Path("a/Train.CSV.gz"))
    '.csv'
    """
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return inner.suffix.lower()


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked where it is called `.gz`. Raises `DataError` if missing or empty."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise _missing(str(path), path) from None
    except OSError as error:
        raise DataError("the file cannot be read", where=path, got=error.strerror or error) from None
    if path.suffix.lower() == ".gz" and raw:
        raw = _gunzip(raw, path)
    if not raw:
        raise DataError("the file is empty", where=path, expected="at least one row or line")
    return raw


def read_utf8(path: Path) -> str:
    """The text of a UTF-8 file (`.gz` too), without a byte order mark and with its line ends as they are.

    Raises:
        DataError: missing, empty, binary, or not UTF-8 (with line and byte).
    """
    raw = read_bytes(path)
    _refuse_binary(raw, path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(
            "the text is not UTF-8",
            where=f"{path}, line {line}",
            got=f"byte 0x{error.object[error.start]:02x}",
            fix="save the whole file as UTF-8 (it may be GB18030 or Latin-1, or a mix)",
        ) from None
    if not text.strip():
        raise DataError(
            "the file is empty", where=path, got="only blanks", expected="at least one row or line"
        )
    return text


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for the file system, a folder that may not be entered
        return False


def _gunzip(raw: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("the gzip file is damaged", where=path, got=error, fix="pack it again") from None


def _refuse_binary(raw: bytes, path: Path) -> None:
    if raw.startswith(_UTF16):
        raise DataError("the text is UTF-16", where=path, expected="UTF-8", fix="save the file as UTF-8")
    kind = next((kind for magic, kind in _MAGIC if raw.startswith(magic)), None)
    zero = raw.find(b"\0")
    if kind is None and zero < 0:
        return
    got = kind or f"a zero byte in line {raw.count(10, 0, zero) + 1}"
    raise DataError("a binary file, not text", where=path, got=got, expected="UTF-8 text")


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # may not be listed: then nothing is near
        return []


def _missing(name: str, path: Path) -> DataError:
    folder = path.parent
    if not folder.is_dir():
        return DataError("no such folder", where=folder, fix="check the path")
    beside = {child.name: str(folder / child.name) for child in _children(folder)}
    known = beside if folder != Path() else beside | {sample: sample for sample in samples.names()}
    near = difflib.get_close_matches(path.name, known, n=1, cutoff=0.5)
    fix = f"did you mean {known[near[0]]}?" if near else "check the path (cellwright data lists the samples)"
    return DataError("no such file", where=name, fix=fix)
