"""From files to pairs of sentences: two files of lines side by side, or two columns of a table. Floor 6.

Every line is kept, so that translations stand beside their lines; what training leaves out is said in the
note. Refuses files of different length, and what the readers refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import read_table, resolve, strings
from cellwright.tasks.data.roles import find_column
from cellwright.tasks.data.source import BETWEEN, Source, file_of, format_of, read_utf8, shown, two_names
from cellwright.tasks.data.table import SUFFIXES
from cellwright.tasks.translate.pairs import Pairs

SOURCES = ("source", "src", "original", "原文", "源语言")
TARGETS = ("target", "tgt", "translation", "译文", "目标语言")


def read(data: Any, *, source: str = "", target: str = "", known: Mapping[str, str] | None = None) -> Pairs:
    """Read `FILE_A,FILE_B` (line by line the same), one file of lines (sources alone), or a table.

    Args:
        data: a path, or two with a comma between them.
        source, target: columns of a table; empty: the usual names, else the first two columns in order.
        known: the columns a trained model was trained on, tried before guessing; targets may lack then. None
            before training.

    Raises:
        DataError: files of different length; a table without two columns; what the readers refuse.
    """
    names = two_names(data, f"FILE_A{BETWEEN}FILE_B")
    if names is not None:
        return _side_by_side(*(resolve(name) for name in names))
    origin = resolve(data)
    if format_of(file_of(origin)) in SUFFIXES or _has_tabs(file_of(origin)):
        return _columns(origin, source, target, known)
    if known is None:
        raise DataError(
            "one file of lines, where sentences and translations are needed",
            where=shown(origin),
            expected="two files of as many lines, or a table with two columns",
            fix=f"name both: {shown(origin)}{BETWEEN}OTHER_FILE",
        )
    lines = _lines(origin)
    return Pairs(
        lines, None, note=_note(lines, None, f"lines of {shown(origin)}"), place=shown(origin), lines=True
    )


def _side_by_side(source: Source, target: Source) -> Pairs:
    sources, targets = _lines(source), _lines(target)
    if len(sources) != len(targets):
        short, long = (source, target) if len(sources) < len(targets) else (target, source)
        end = min(len(sources), len(targets))
        raise DataError(
            "the two files differ in their number of lines",
            where=f"{shown(short)} ends after line {end}",
            got=f"{len(sources)} and {len(targets)} lines",
            expected="line k of one file is line k of the other",
            fix=f"find the line that lacks its partner; {shown(long)} goes on with line {end + 1}",
        )
    place = f"{shown(source)}{BETWEEN}{shown(target)}"
    return Pairs(
        sources, targets, note=_note(sources, targets, "lines of two files"), place=place, lines=True
    )


def _columns(origin: Source, source: str, target: str, known: Mapping[str, str] | None) -> Pairs:
    frame = read_table(origin)
    names = _roles(frame, origin, source, target, known or {})
    if "target" not in names and known is None:
        raise DataError(
            "a table with one column, where sentences and translations are needed",
            where=shown(origin),
            got=f"column {frame.columns[0]}",
            expected="two columns",
        )
    sources = [cell or "" for cell in strings(frame, names["source"])]
    targets = [cell or "" for cell in strings(frame, names["target"])] if "target" in names else None
    said = ", ".join(f"{role} = {column}" for role, column in names.items())
    guessed = "" if source or target or known else " (guessed; set --source, --target)"
    note = _note(sources, targets, f"rows, {said}{guessed}")
    return Pairs(sources, targets, note=note, columns=names, place=shown(origin))


def _roles(
    frame: pl.DataFrame, origin: Source, source: str, target: str, known: Mapping[str, str]
) -> dict[str, str]:
    """The columns asked for, else those of an earlier reading, else the usual names, else by their order."""
    columns = frame.columns
    first = find_column(columns, source, "--source", origin) if source else None
    second = find_column(columns, target, "--target", origin) if target else None
    first = first or _usual(columns, (known.get("source", ""), *SOURCES), second)
    second = second or _usual(columns, (known.get("target", ""), *TARGETS), first)
    left = [name for name in columns if name not in (first, second)]
    if first is None:
        first = left.pop(0) if left else None
    if second is None and left and not known:
        second = left.pop(0)
    if first is None or first == second:
        raise DataError(
            "one column cannot be source and target",
            where=shown(origin),
            got=str(second),
            fix="set --source, --target",
        )
    return {"source": first} | ({} if second is None else {"target": second})


def _usual(columns: Sequence[str], usual: Sequence[str], without: str | None) -> str | None:
    lowered = {name.lower(): name for name in columns if name != without}
    return next((lowered[name.lower()] for name in usual if name.lower() in lowered), None)


def _lines(source: Source) -> list[str]:
    text = read_utf8(file_of(source)).replace("\r\n", "\n").replace("\r", "\n")
    return text.removesuffix("\n").split("\n")


def _has_tabs(file: Path) -> bool:
    """Whether a file of lines is a table after all: a tab in its first line."""
    return "\t" in read_utf8(file).lstrip("\n").split("\n", 1)[0]


def _note(sources: list[str], targets: list[str] | None, what: str) -> str:
    note = f"{len(sources):,} {what}"
    if targets is None:
        return note
    empty = [
        k for k, pair in enumerate(zip(sources, targets, strict=True)) if not all(s.strip() for s in pair)
    ]
    if not empty:
        return note
    first = empty[0] + 1
    return f"{note}; {len(empty)} with an empty side are left out of training and scores (the first: {first})"
