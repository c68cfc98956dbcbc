"""Where pictures lie: an .npz of features, a zip or a folder of images, one image. Floor 6.

Arrays: `names` [N] beside features [N, D] or [N, T, D] (`lengths` [N] where clips are padded), or an array
[D] or [T, D] under each name. Refuses pickled arrays, two arrays to choose from, archives that do not open.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.caption.describe import Seen, need_pillow, seen
from cellwright.tasks.caption.pictures import IMAGES, Pictures, checked
from cellwright.tasks.data.series import arrays_of
from cellwright.tasks.data.source import Source, format_of, read_bytes, shown

ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")
NAMES, LENGTHS = "names", "lengths"


@dataclass(frozen=True)
class Album:
    """Pictures by name.

    Attributes:
        names: all of them, in their order.
        place: for messages.
        arrays: their features; None for images.
        files: where each image's bytes lie: a zip's member or a path; empty for features.
        archive: the zip file.
    """

    names: Sequence[str]
    place: str
    arrays: dict[str, npt.NDArray[Any]] | None = None
    files: dict[str, str] | None = None
    archive: Path | None = None

    def pictures(self, names: Sequence[str]) -> Pictures:
        """Some of them, read.

        Raises:
            DataError: an image that does not read; features of different width.
        """
        if self.arrays is not None:
            kind, features = checked(names, [self.arrays[name] for name in names], self.place)
            return Pictures(list(names), features, kind=kind, place=self.place)
        found = self._images(names)
        return Pictures(
            list(names),
            [one.features for one in found],
            kind=IMAGES,
            looks=[one.look for one in found],
            place=self.place,
        )

    def matched(self, called: Sequence[str | None]) -> list[str | None]:
        """The picture that each cell of a table means: by its whole name or its file's, `#0` or not."""
        known = self._by_name()

        def one(cell: str) -> str | None:
            bare, mark, number = cell.rpartition("#")
            names = (cell, bare) if mark and number.isdigit() else (cell,)
            found = (known.get(one) or known.get(Path(one).name) for one in names)
            return next((name for name in found if name), None)

        return [one(cell.strip()) if cell else None for cell in called]

    def _by_name(self) -> dict[str, str]:
        """Every name a picture answers to; one that two pictures share is none."""
        count: dict[str, list[str]] = {}
        for name in self.names:
            for called in {Path(name).name, Path(name).stem if self.files is not None else name}:
                count.setdefault(called, []).append(name)
        return {called: found[0] for called, found in count.items() if len(found) == 1} | {
            name: name for name in self.names
        }

    def _images(self, names: Sequence[str]) -> list[Seen]:
        need_pillow()
        files = self.files or {}
        if self.archive is None:
            return [seen(read_bytes(Path(files[name])), files[name]) for name in names]
        where = self.place
        with zipfile.ZipFile(self.archive) as archive:
            return [seen(_member(archive, files[name], where), f"{where}, {name}") for name in names]


def opened(source: Source, array: str = "") -> Album:
    """The pictures of a file or folder.

    Args:
        source: what the user named.
        array: the name of the features' array in an .npz; empty where there is one.

    Raises:
        DataError: no pictures, or what cannot be opened.
    """
    path, place = source.path, shown(source)
    if path is None:
        raise DataError("this sample has no pictures", got=source.name, expected="a file or a folder")
    if path.is_dir():
        return _folder(path, place)
    ending = format_of(path)
    if ending == ".npz":
        return _arrays(arrays_of(path), array, place)
    if ending == ".zip":
        return _zip(path, place)
    if ending in ENDINGS:
        return Album([path.name], place, files={path.name: str(path)})
    expected = "an .npz of features, a .zip or a folder of images, an image"
    raise DataError("no pictures by the extension", where=place, got=ending or "none", expected=expected)


def _folder(path: Path, place: str) -> Album:
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    files = {p.relative_to(path).as_posix(): str(p) for p in found}
    return Album(_some(list(files), place), place, files=files)


def _zip(path: Path, place: str) -> Album:
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path))) as archive:
            names = [name for name in archive.namelist() if Path(name).suffix.lower() in ENDINGS]
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DataError("the zip file does not open", where=place, got=error, fix="pack it again") from None
    kept = [name for name in names if not name.startswith("__MACOSX/")]
    return Album(_some(kept, place), place, files={name: name for name in kept}, archive=path)


def _some(names: list[str], place: str) -> list[str]:
    if not names:
        raise DataError("no image inside", where=place, expected=f"files ending in {' '.join(ENDINGS)}")
    return names


def _member(archive: zipfile.ZipFile, name: str, place: str) -> bytes:
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise DataError("a file of the zip does not unpack", where=f"{place}, {name}", got=error) from None


def _arrays(arrays: dict[str, npt.NDArray[Any]], asked: str, place: str) -> Album:
    """Names and one array for all, or an array for each name."""
    if NAMES not in arrays:
        if asked:
            raise DataError(
                "an array of features without the array `names`", where=place, got=", ".join(list(arrays)[:5])
            )
        found = {name: _numbers(array, f"{place}, {name}") for name, array in arrays.items()}
        return Album(list(found), place, arrays=found)
    names = [str(name) for name in arrays[NAMES]]
    twice = (
        next((name for name in names if names.count(name) > 1), None)
        if len(set(names)) < len(names)
        else None
    )
    if twice is not None:
        raise DataError("a name stands twice", where=f"{place}, {NAMES}", got=twice, fix="name each once")
    key = _chosen([name for name in arrays if name not in (NAMES, LENGTHS)], asked, place)
    x = _numbers(arrays[key], f"{place}, {key}")
    if x.ndim not in (2, 3) or len(x) != len(names) or 0 in x.shape:
        got, expected = f"{key} {list(x.shape)}", f"[{len(names)}, D], or [{len(names)}, T, D]"
        raise DataError("features that do not fit the names", where=place, got=got, expected=expected)
    return Album(names, place, arrays=dict(zip(names, _trimmed(x, arrays.get(LENGTHS), place), strict=True)))


def _chosen(others: list[str], asked: str, place: str) -> str:
    if asked and asked not in others:
        raise DataError("no such array", where=place, got=asked, expected=", ".join(others) or "an array")
    if not asked and len(others) != 1:
        raise DataError(
            "which array are the features?",
            where=place,
            got=", ".join(others) or "names alone",
            expected="one",
            fix="set --features",
        )
    return asked or others[0]


def _trimmed(x: npt.NDArray[Any], lengths: Any, place: str) -> list[npt.NDArray[Any]]:
    if lengths is None or x.ndim == 2:
        return list(x)
    fits = lengths.shape == (len(x),) and lengths.dtype.kind in "iu"
    if not fits or lengths.min() < 1 or lengths.max() > x.shape[1]:
        expected = f"{len(x)} whole numbers from 1 to {x.shape[1]}"
        raise DataError("lengths that do not fit the features", where=place, expected=expected)
    return [clip[:length] for clip, length in zip(x, lengths.tolist(), strict=True)]


def _numbers(array: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    if array.dtype.kind not in "fiub":
        raise DataError("an array that is not of numbers", where=where, got=array.dtype)
    return array
