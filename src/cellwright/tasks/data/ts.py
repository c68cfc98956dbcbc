"""The `.ts` format of the time series archive: metadata lines with @, then a case a line, channels by colon.

Takes unequal lengths and missing values (`?`, NaN). Refuses time stamps, regression targets, channels of
unequal length within a case, and labels that were not declared, with the line. Floor 6 (tasks).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError


@dataclass(frozen=True)
class Parsed:
    """Series as read: float64 [T, C] with NaN where a value is missing; labels may be empty."""

    inputs: list[npt.NDArray[np.float64]]
    labels: list[str]
    channels: list[str]
    remark: str


@dataclass(frozen=True)
class _Head:
    """What the metadata says: the declared labels (None: none), the channels if stated, where data begins."""

    classes: list[str] | None
    dimensions: int | None
    start: int


def parse(text: str, path: Path) -> Parsed:
    """Read the text of a `.ts` file.

    Raises:
        DataError: no @data line, no cases, a format that is not taken, a line that does not read (with its
            number).
    """
    lines = text.splitlines()
    head = _head(lines, path)
    inputs, labels = [], []
    channels = head.dimensions
    for number, line in enumerate(lines[head.start :], start=head.start + 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.strip().split(":")
        if head.classes is not None:
            labels.append(_label(parts.pop(), head.classes, f"{path}, line {number}"))
        inputs.append(_case(parts, f"{path}, line {number}", channels))
        channels = inputs[-1].shape[1]
    if not inputs:
        raise DataError("no series after @data", where=path, expected="one case a line")
    names = [f"channel_{number}" for number in range(1, inputs[0].shape[1] + 1)]
    return Parsed(inputs, labels, names, "labels last on the line" if labels else "no labels")


def _head(lines: list[str], path: Path) -> _Head:
    facts: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].lower() == "@data":
            return _checked(facts, number, path)
        if not words[0].startswith("@"):
            raise DataError(
                "data before @data", where=f"{path}, line {number}", expected="metadata lines with @"
            )
        facts[words[0].lower()] = words[1:]
    raise DataError("no @data line", where=path, expected="the .ts format: @ lines, @data, one case a line")


def _checked(facts: dict[str, list[str]], start: int, path: Path) -> _Head:
    for key, what in (("@timestamps", "time stamps in the cases"), ("@targetlabel", "numbers as targets")):
        if facts.get(key, ["false"])[:1] == ["true"]:
            raise DataError(
                f"{what}, which are not taken", where=path, got=f"{key} true", fix="use a plain .ts file"
            )
    labels = facts.get("@classlabel", ["false"])
    classes = labels[1:] if labels[0].lower() == "true" else None
    stated = facts.get("@dimensions") or facts.get("@dimension")
    single = facts.get("@univariate") == ["true"]
    dimensions = int(stated[0]) if stated and stated[0].isdecimal() else 1 if single else None
    return _Head(classes, dimensions, start)


def _label(cell: str, classes: list[str], where: str) -> str:
    label = cell.strip()
    if not label or (classes and label not in classes):
        raise DataError(
            "a label that was not declared",
            where=where,
            got=label[:40] or "none",
            expected=", ".join(classes),
        )
    return label


def _case(parts: list[str], where: str, channels: int | None) -> npt.NDArray[np.float64]:
    if channels is not None and len(parts) != channels:
        raise DataError("another number of channels", where=where, got=len(parts), expected=channels)
    rows = [_channel(part, where) for part in parts]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise DataError("channels of unequal length", where=where, got=lengths, expected="one length a case")
    return np.transpose(np.array(rows, dtype=np.float64))


def _channel(part: str, where: str) -> list[float]:
    cells = part.split(",")
    try:
        return [np.nan if cell.strip() in ("?", "NaN", "nan", "") else float(cell) for cell in cells]
    except ValueError:
        bad = next(cell for cell in cells if not _is_number(cell))
        raise DataError(
            "text in a series", where=where, got=repr(bad[:40]), expected="numbers, or ?"
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace("?", "nan") or "nan")
    except ValueError:
        return False
    return True
