"""Series to classify: `.ts` files, `.npz` arrays and wide tables to float32 arrays [T, C] with labels.

Missing values are filled on the straight line between their neighbours, and counted in the note. Refuses
pickled arrays, channels of unequal length, and series without any value, with file and line. Floor 6 (tasks).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.data import ts, wide
from cellwright.tasks.data.roles import NO_COLUMN
from cellwright.tasks.data.source import Data, file_of, format_of, read_bytes, read_utf8, shown
from cellwright.tasks.data.table import KNOWN, read_table
from cellwright.tasks.data.times import interpolated

Series: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SeriesSet:
    """Series and what is known of them.

    Attributes:
        inputs: float32 arrays [T, C], of unequal length where the file has them so, without NaN.
        labels: one a series; empty where the file has none.
        channels: the name of each of the C channels.
        note: one line that says what was read, which column the labels came from, and what was filled.
    """

    inputs: list[Series]
    labels: list[str]
    channels: list[str]
    note: str


def read_series(path: Data, label: str | None = None, *, labelled: bool | None = None) -> SeriesSet:
    """Read series from `.ts`, `.npz` (`x` [N, T, C] or [N, T], `lengths`, `y`) or a wide table.

    In a wide table a row is a series. Columns `x1, y1, x2, y2, ...` are steps of two channels, `r0c0, r0c1,
    ...` steps of one channel a column of the picture; otherwise each column is a step of one channel.

    Args:
        path: a file, or a sample's name.
        label: the label column of a wide table (`none`: no column is), or None to guess it.
        labelled: True to refuse a file without labels; False, for prediction, to guess none and to do without
            `label` where it is not there; None to accept both.

    Raises:
        DataError: what `read_table` refuses; a malformed `.ts` line; pickled, misshapen or nameless arrays.
    """
    file = file_of(path)
    suffix = format_of(file)
    if suffix == ".ts":
        found = ts.parse(read_utf8(file), file)
    elif suffix == ".npz":
        found = _from_npz(file)
    elif suffix in KNOWN:
        frame = read_table(path)
        absent = labelled is False and label not in frame.columns
        found = wide.split_rows(frame, path, NO_COLUMN if absent else label)
    else:
        known = ", ".join((".ts", ".npz", *KNOWN))
        raise DataError("not series by the extension", where=file, got=suffix or "none", expected=known)
    if labelled and not found.labels:
        raise DataError(
            "series without labels", where=shown(path), expected="a label each", fix="set --label"
        )
    return _finished(found, path)


def _finished(found: ts.Parsed, path: Data) -> SeriesSet:
    """Fill what is missing, describe the whole."""
    gaps = sum(int(np.isnan(series).sum()) for series in found.inputs)
    inputs = [
        _filled(series, f"{shown(path)}, series {row}") for row, series in enumerate(found.inputs, start=1)
    ]
    lengths = [len(series) for series in inputs]
    spread = f"{min(lengths)}" if min(lengths) == max(lengths) else f"{min(lengths)} to {max(lengths)}"
    channels = len(found.channels)
    note = f"{len(inputs)} series of {spread} steps, {channels} channel{'s' if channels > 1 else ''}"
    note += f", {found.remark}" if found.remark else ""
    note += f", {gaps} missing values filled by linear interpolation" if gaps else ""
    return SeriesSet(inputs, found.labels, found.channels, note)


def _filled(series: npt.NDArray[np.float64], where: str) -> Series:
    if np.isinf(series).any():
        raise DataError("an infinite value", where=where, expected="finite numbers", fix="mend or remove it")
    lost = np.isnan(series)
    if lost.all(axis=0).any():
        raise DataError(
            "a channel without any value", where=where, expected="at least one number", fix="remove it"
        )
    if lost.any():
        series = np.stack([interpolated(channel) for channel in series.T], axis=1)
    return series.astype(np.float32)


def _from_npz(file: Path) -> ts.Parsed:
    arrays = arrays_of(file)
    x = _numbers(arrays, "x", file)
    if x is None or x.ndim not in (2, 3) or 0 in x.shape:
        got = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items()) or "no arrays"
        raise DataError(
            "no series in the arrays", where=file, got=got, expected="x of shape [N, T, C] or [N, T]"
        )
    x = x if x.ndim == 3 else x[:, :, None]
    lengths = _lengths(arrays.get("lengths"), x, file)
    labels = [_label(value) for value in arrays["y"]] if "y" in arrays else []
    if labels and len(labels) != len(x):
        raise DataError(
            "labels that do not fit the series", where=file, got=f"{len(labels)} y", expected=len(x)
        )
    channels = [f"channel_{number}" for number in range(1, x.shape[2] + 1)]
    inputs = [series[:length] for series, length in zip(x, lengths, strict=True)]
    return ts.Parsed(inputs, labels, channels, "labels from y" if labels else "no labels")


def arrays_of(file: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz file by name.

    Raises:
        DataError: it does not read, or holds pickled objects, which are never loaded.
    """
    raw = read_bytes(file)
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise DataError(
                "pickled objects, which are never loaded (they can run code)",
                where=file,
                expected="plain arrays: x padded to one length, and lengths",
                fix="save x as float32 [N, T, C]",
            ) from None
        raise DataError("the .npz file does not read", where=file, got=error) from None
    except (OSError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise DataError("the .npz file does not read", where=file, got=error, fix="save it again") from None


def _numbers(arrays: dict[str, npt.NDArray[Any]], name: str, file: Path) -> npt.NDArray[np.float64] | None:
    if name not in arrays:
        return None
    if arrays[name].dtype.kind not in "fiub":
        raise DataError("an array that is not of numbers", where=file, got=f"{name}: {arrays[name].dtype}")
    return arrays[name].astype(np.float64)


def _lengths(given: npt.NDArray[Any] | None, x: npt.NDArray[np.float64], file: Path) -> Sequence[int]:
    """The length of each series: as given, else without the steps of NaN alone at its end (padding)."""
    if given is None:
        return [len(series) for series in wide.trimmed(x)]
    fits = (
        given.shape == (len(x),)
        and given.dtype.kind in "iu"
        and given.min() >= 1
        and given.max() <= x.shape[1]
    )
    if not fits:
        raise DataError(
            "lengths that do not fit x",
            where=file,
            got=f"{given.dtype} {list(given.shape)}",
            expected=f"{len(x)} whole numbers from 1 to {x.shape[1]}",
        )
    return [int(length) for length in given]


def _label(value: Any) -> str:
    number = float(value) if np.issubdtype(type(value), np.floating) else None
    return str(int(number)) if number is not None and number.is_integer() else str(value)
