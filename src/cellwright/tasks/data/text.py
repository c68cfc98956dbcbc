"""Plain text: a UTF-8 file (also .gz), a folder of .txt files, or a sample, as one string with \\n line ends.

Refuses what is missing, empty, binary or not UTF-8, with line and byte. Floor 6 (tasks).
"""

from __future__ import annotations

from pathlib import Path

from cellwright import samples
from cellwright.errors import DataError
from cellwright.tasks.data.source import Data, format_of, read_utf8, resolve


def read_text(path: Data) -> str:
    """The text that `path` names; the `.txt` files of a folder are joined in sorted order.

    Raises:
        DataError: missing, empty, binary, not UTF-8, a folder without `.txt` files.

    >>> "lambda" in read_text("pydoc")
    True
    """
    source = resolve(path)
    if source.path is None:
        return samples.text(source.name)
    if not source.path.is_dir():
        return _lines(read_utf8(source.path))
    return "\n".join(_lines(read_utf8(file)) for file in _texts(source.path))


def _texts(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and format_of(file) == ".txt")
    if not files:
        raise DataError(
            "a folder without texts",
            where=folder,
            expected="files called *.txt or *.txt.gz",
            fix="name a file",
        )
    return files


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
