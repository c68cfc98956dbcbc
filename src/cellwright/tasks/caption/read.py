"""From files to pictures with captions: where the pictures lie, and a table of captions. Floor 6.

A row of the table is one caption of one picture; a picture has any number of rows. Refuses a row whose
picture is not there, a table without a caption, and what the readers refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.caption.album import ENDINGS, Album, opened
from cellwright.tasks.caption.pictures import Pictures
from cellwright.tasks.data import read_table, resolve, strings
from cellwright.tasks.data.roles import find_column
from cellwright.tasks.data.source import BETWEEN, Source, format_of, shown, two_names
from cellwright.tasks.data.table import KNOWN, place

NAMES = {
    "image": (
        "image",
        "picture",
        "photo",
        "video",
        "clip",
        "file",
        "filename",
        "file_name",
        "name",
        "图片",
        "图像",
        "视频",
    ),
    "caption": ("caption", "captions", "description", "text", "sentence", "描述", "说明", "标题"),
}


def read(
    data: Any,
    *,
    image: str = "",
    caption: str = "",
    features: str = "",
    known: Mapping[str, str] | None = None,
) -> Pictures:
    """Read `PICTURES,CAPTIONS`, a table whose pictures lie beside it, or (after training) pictures alone.

    Args:
        data: a path, or two with a comma between them: pictures (.npz, .zip, a folder) and a table.
        image, caption: columns of the table; empty: the usual names, else a column that names pictures, and
            the other one.
        features: the array of an .npz; empty where there is one.
        known: the columns a trained model was trained on, tried before guessing; captions may lack then. None
            before training.

    Raises:
        DataError: a row whose picture is not there; no captions, though they are needed; what the readers
            refuse.
    """
    names = two_names(data, f"PICTURES{BETWEEN}CAPTIONS.csv")
    if names is not None:
        ordered = names[::-1] if names[1].lower().endswith(".npz") else names
        pictures, table = (resolve(name) for name in ordered)
        return _captioned(opened(pictures, features), table, image, caption, known)
    origin = resolve(data)
    if origin.path is not None and origin.path.is_file() and format_of(origin.path) in KNOWN:
        return _captioned(_beside(origin), origin, image, caption, known)
    album = opened(origin, features)
    if known is None:
        raise DataError(
            "pictures alone, where their captions are needed too",
            where=shown(origin),
            fix=f"name a table: {shown(origin)}{BETWEEN}CAPTIONS.csv",
        )
    found = album.pictures(album.names)
    return replace(found, note=f"{len(found):,} {_nouns(found)} of {shown(origin)}")


def _beside(table: Source) -> Album:
    """The images in the table's own folder and below."""
    assert table.path is not None
    folder = table.path.parent
    try:
        return opened(Source(str(folder), folder))
    except DataError:
        raise DataError(
            "captions, and no pictures beside them",
            where=shown(table),
            expected=f"images ({' '.join(ENDINGS)}) in {folder}",
            fix=f"name where they are: PICTURES{BETWEEN}{shown(table)}",
        ) from None


def _captioned(
    album: Album, table: Source, image: str, caption: str, known: Mapping[str, str] | None
) -> Pictures:
    frame = _table(table)
    columns = _roles(frame, table, album, {"image": image, "caption": caption}, known)
    called = strings(frame, columns["image"])
    named = album.matched(called)
    _refuse_missing(album, table, called, named)
    texts = strings(frame, columns["caption"]) if "caption" in columns else [None] * len(named)
    held: dict[str, list[str]] = {}
    for name, text in zip(named, texts, strict=True):
        assert name is not None
        held.setdefault(name, []).extend([text] if text else [])
    found = album.pictures(list(held))
    captions = list(held.values()) if "caption" in columns else None
    said = ", ".join(f"{role} = {column}" for role, column in columns.items())
    note = f"{len(held):,} {_nouns(found)}, {len(named):,} rows, {said}"
    where = f"{album.place}{BETWEEN}{shown(table)}"
    note += _left_out(table, texts) if captions is not None else ""
    return replace(found, captions=captions, columns=columns, place=where, note=note)


def _table(table: Source) -> pl.DataFrame:
    """The table; a first row of usual names is its header, though nothing but names may follow."""
    frame = read_table(table)
    first = {str(cell).lower() for cell in frame.row(0)}
    usual = {name.lower() for names in NAMES.values() for name in names}
    return read_table(table, header=True) if frame.height > 1 and first <= usual else frame


def _roles(
    frame: pl.DataFrame,
    table: Source,
    album: Album,
    asked: Mapping[str, str],
    known: Mapping[str, str] | None,
) -> dict[str, str]:
    """The columns asked for, else those of an earlier reading, else the usual names, else guessed."""
    columns, lowered = frame.columns, {name.lower(): name for name in frame.columns}
    found: dict[str, str] = {}
    for role, column in asked.items():
        if column:
            found[role] = find_column(columns, column, f"--{role}", table)
            continue
        usual = ((known or {}).get(role, ""), *NAMES[role])
        name = next((lowered[one.lower()] for one in usual if one.lower() in lowered), None)
        if name is not None and name not in found.values():
            found[role] = name
    if "image" not in found:
        found["image"] = _naming(frame, table, album)
    left = [name for name in columns if name not in found.values()]
    if "caption" not in found and len(left) == 1:
        found["caption"] = left[0]
    if "caption" not in found and known is None:
        raise DataError(
            "no column to take as the caption",
            where=shown(table),
            got=f"columns {', '.join(columns)}",
            fix="set --caption",
        )
    return {role: found[role] for role in NAMES if role in found}


def _naming(frame: pl.DataFrame, table: Source, album: Album) -> str:
    """The first column whose first cells are names of pictures."""
    for column in frame.columns:
        cells = strings(frame.head(20), column)
        if any(album.matched(cells)):
            return column
    raise DataError(
        "no column names the pictures",
        where=shown(table),
        got=f"columns {', '.join(frame.columns)}",
        expected=f"names such as {album.names[0]}",
        fix="set --image",
    )


def _refuse_missing(
    album: Album, table: Source, called: Sequence[str | None], named: Sequence[str | None]
) -> None:
    missing = [row for row, name in enumerate(named) if name is None]
    if not missing:
        return
    first = called[missing[0]]
    raise DataError(
        "a caption whose picture is not there" if first else "a caption without the name of its picture",
        where=place(table, missing[0]),
        got=f"{first or 'an empty cell'} ({len(missing)} of {len(named)} rows)",
        expected=f"one of the {len(album.names):,} of {album.place}, such as {album.names[0]}",
        fix="take these rows out, or bring the pictures",
    )


def _left_out(table: Source, texts: Sequence[str | None]) -> str:
    empty = [row for row, text in enumerate(texts) if not text]
    if not empty:
        return ""
    return f"; {len(empty)} rows with an empty caption are left out (the first: {place(table, empty[0])})"


def _nouns(found: Pictures) -> str:
    shape = found.features[0].shape
    if found.kind == "images":
        return "images"
    return (
        f"pictures of {shape[1]} features"
        if found.kind == "vectors"
        else f"clips of {shape[1]} features a frame"
    )
