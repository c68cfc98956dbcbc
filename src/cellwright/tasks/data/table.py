"""Tables: CSV, TSV, JSON Lines (each also as .gz) and Parquet to a polars frame; typed columns on demand.

Text formats are read as text first, so that no cell is bent or lost by a guessed type; an empty cell is null.
Refuses what is no table, and text in a numeric column, with file, line and column. Floor 6 (tasks).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.data import delimited
from cellwright.tasks.data.source import Data, file_of, format_of, read_bytes, read_utf8, shown

_DELIMITED = (".csv", ".tsv", ".tab", ".txt", ".data")
_JSON = (".jsonl", ".ndjson")
KNOWN = (*_DELIMITED, *_JSON, ".parquet")
SUFFIXES = (".csv", ".tsv", ".tab", *_JSON, ".parquet")  # a table for sure; .txt and .data may be plain lines


def read_table(path: Data, *, header: bool | None = None) -> pl.DataFrame:
    """Read a table. Columns of text formats are strings (empty cells null); Parquet keeps its types.

    Args:
        path: `.csv .tsv .tab .txt .data .jsonl .ndjson`, each also with `.gz`, `.parquet`, or a sample's
            name.
        header: whether the first row names the columns; None to tell from the rows. Without a header the
            columns are `column_1`, `column_2`, ...

    Raises:
        DataError: missing, a folder, empty, binary, not UTF-8, ragged, a JSON line that does not parse, no
            columns, an extension that is not known.

    >>> read_table("sunspots").columns
    ['YEAR', 'SUNACTIVITY']
    """
    file = file_of(path)
    frame = _reader(file)(file, header)
    if frame.width == 0:
        raise DataError("rows but no columns", where=shown(path), expected="at least one named value a row")
    if frame.height == 0:
        raise DataError("a table without rows", where=shown(path), expected="at least one row")
    return frame


def numeric(
    frame: pl.DataFrame, column: str, path: Data, *, missing: Literal["nan", "refuse"] = "nan"
) -> npt.NDArray[np.float64]:
    """A column as float64 [rows]; an empty cell (also NA, NaN, null, ?) is NaN, or refused where asked.

    `frame` is as `read_table` gave it, so that the line of a bad cell can be named.

    Raises:
        DataError: a text cell, an infinite value, or (`missing="refuse"`) an empty cell: file, line, column.
    """
    values = _parsed(frame[column])
    bad = _first_bad(frame[column], values)
    if bad is not None:
        raise _not_a_number(frame, column, path, bad)
    array = values.to_numpy().astype(np.float64)
    if missing == "refuse" and np.isnan(array).any():
        rows = np.flatnonzero(np.isnan(array))
        raise DataError(
            "an empty cell in a numeric column",
            where=f"{place(path, int(rows[0]))}, column {column}",
            got=f"{len(rows)} empty of {len(array)}",
            expected="a number in every row",
            fix="fill it in",
        )
    return array


def is_numeric(frame: pl.DataFrame, column: str) -> bool:
    """Whether every cell of a column that is not empty is a finite number, and there is at least one."""
    values = _parsed(frame[column])
    return values.is_not_null().any() and _first_bad(frame[column], values) is None


def strings(frame: pl.DataFrame, column: str) -> list[str | None]:
    """A column as text, None where a cell is empty or blank."""
    return [cell if cell and cell.strip() else None for cell in frame[column].cast(pl.String).to_list()]


def place(path: Data, row: int) -> str:
    """Where row number `row` (from 0) of a table stands: `FILE, line N` (`FILE, row N` for Parquet)."""
    return f"{shown(path)}, {lines(path, [row])[0]}"


def lines(path: Data, rows: Sequence[int]) -> list[str]:
    """Where rows (from 0) stand within their file: `line N`, or `row N` for Parquet. Reads the file again."""
    file = file_of(path)
    if format_of(file) in _DELIMITED:
        numbers = delimited.parse(read_utf8(file), file, format_of(file)).lines
        return [f"line {numbers[row]}" for row in rows]
    if format_of(file) in _JSON:
        objects = _json_rows(file)
        return [f"line {objects[row][0]}" for row in rows]
    return [f"row {row + 1}" for row in rows]


def _reader(file: Path) -> Callable[[Path, bool | None], pl.DataFrame]:
    suffix = format_of(file)
    if suffix in _DELIMITED:
        return _read_delimited
    if suffix in _JSON:
        return _read_json_lines
    if suffix == ".parquet" and file.suffix == suffix:
        return _read_parquet
    fix = "export the sheet as CSV" if suffix in (".xls", ".xlsx", ".ods") else "rename or convert it"
    raise DataError(
        "not a table by its extension", where=file, got=suffix or "none", expected=", ".join(KNOWN), fix=fix
    )


def _read_delimited(file: Path, header: bool | None) -> pl.DataFrame:
    grid = delimited.parse(read_utf8(file), file, format_of(file), header)
    columns = zip(*grid.rows, strict=True)
    return _frame({name: list(cells) for name, cells in zip(grid.columns, columns, strict=True)})


def _read_json_lines(file: Path, header: bool | None) -> pl.DataFrame:
    rows = [row for _, row in _json_rows(file)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _frame({name: [_as_text(row.get(name)) for row in rows] for name in names})


def _read_parquet(file: Path, header: bool | None) -> pl.DataFrame:
    raw = read_bytes(file)
    try:
        return pl.read_parquet(raw)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(
            "the Parquet file does not read", where=file, got=reason, fix="write it again"
        ) from None


def _frame(columns: dict[str, Sequence[str | None]]) -> pl.DataFrame:
    series = [pl.Series(name, cells, dtype=pl.String).replace("", None) for name, cells in columns.items()]
    return pl.DataFrame(series)


def _json_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for number, line in enumerate(read_utf8(file).split("\n"), start=1):
        if line.strip():
            rows.append((number, _json_row(line, file, number)))
    return rows


def _json_row(line: str, file: Path, number: int) -> dict[str, Any]:
    where = f"{file}, line {number}"
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair parses, and is no text
    except (ValueError, RecursionError) as error:
        raise DataError(
            "a line that is no JSON", where=where, got=error, expected='one object a line, {"text": ...}'
        ) from None
    if not isinstance(row, dict):
        raise DataError(
            "a JSON line that is no object",
            where=where,
            got=type(row).__name__,
            expected='{"name": value, ...}',
        )
    return row


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _parsed(cells: pl.Series) -> pl.Series:
    """Numbers where cells are numbers, null where they are empty or no numbers."""
    values: pl.Series
    if cells.dtype == pl.String:
        stripped = cells.str.strip_chars()
        values = stripped.set(stripped.is_in(delimited.MISSING), None).cast(pl.Float64, strict=False)
    elif cells.dtype.is_numeric():
        values = cells.cast(pl.Float64).fill_nan(None)
    else:
        values = pl.Series(cells.name, [None] * len(cells), dtype=pl.Float64)
    return values


def _first_bad(cells: pl.Series, values: pl.Series) -> int | None:
    """The first row that holds something, and no finite number."""
    held = cells.is_not_null() if cells.dtype != pl.Null else cells.is_null() & False
    if cells.dtype.is_float():
        held &= cells.is_not_nan()
    if cells.dtype == pl.String:
        held &= ~cells.str.strip_chars().is_in(delimited.MISSING)
    bad = (held & (values.is_null() | values.is_infinite())).arg_true()
    return int(bad[0]) if len(bad) else None


def _not_a_number(frame: pl.DataFrame, column: str, path: Data, row: int) -> DataError:
    return DataError(
        "text in a numeric column",
        where=f"{place(path, row)}, column {column}",
        got=repr(str(frame[column][row])[:40]),
        expected="a finite number such as 12.5",
        fix="mend the cell (no thousands separators, a point for decimals), or choose another column",
    )
