"""Delimited text (CSV, TSV and kin) to rows of cells: the delimiter, the quotes, whether there is a header.

Refuses ragged rows, quotes that do not close and headers that name two columns alike, with the line. No row
is
dropped: only blank lines are passed over. Floor 6 (tasks).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from cellwright.errors import DataError
from cellwright.tasks.data import names

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?")
_DELIMITERS = ("\t", ",", ";", "|")
_DEFAULT = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_LOOK = 200  # rows looked at to choose a delimiter and to tell a header
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_DATE = re.compile(r"\s*\d{4}[-/年]\d{1,2}.*", re.DOTALL)
_SENTENCE = re.compile(r".{41,}|.*[.!?。！？…,，、;；\"“”]\s*", re.DOTALL)


@dataclass(frozen=True)
class Grid:
    """The cells of a table: column names, the rows, and the line of the file on which each row starts."""

    columns: list[str]
    rows: list[list[str]]
    lines: list[int]


@dataclass(frozen=True)
class _Style:
    delimiter: str
    quoted: bool


class _BrokenError(Exception):
    """A record the csv module cannot read: its first line and the reason."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


def parse(text: str, path: Path, suffix: str, header: bool | None = None) -> Grid:
    """Split `text` into named columns.

    Args:
        text: the file's contents.
        path: for messages.
        suffix: `.csv` or `.tsv` set the delimiter that is tried first; others leave it to the text.
        header: whether the first row names the columns; None to tell from the rows.

    Raises:
        DataError: a ragged row, an open quote, two columns of one name, a header without rows.

    >>> parse("name;age\\nAda;36\\n", Path("a.csv"), ".csv").columns
    ['name', 'age']
    """
    style = _style(text, suffix)
    try:
        records = list(_records(text, style))
    except _BrokenError as error:
        raise DataError(
            "a quoted cell that does not read",
            where=f"{path}, line {error.line}",
            got=error.reason,
            fix='close the quotes, and double those inside a cell ("")',
        ) from None
    _refuse_ragged(records, path)
    cells = [row for _, row in records]
    named = has_header(cells[:_LOOK]) if header is None else header
    columns = _named(cells[0], path) if named else _numbered(len(cells[0]))
    start = int(named)
    if len(cells) == start:
        raise DataError(
            "a header and no rows", where=path, got=", ".join(columns), expected="at least one row"
        )
    return Grid(columns, cells[start:], [line for line, _ in records[start:]])


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it differs in kind from the rows below.

    >>> has_header([["year", "count"], ["1700", "5"]]), has_header([["a headline", "3"], ["another", "7"]])
    (True, False)
    """
    first, rest = rows[0], rows[1:]
    if not rest:
        return not any(_is_value(cell) for cell in first)
    if _counts_up(first):
        return True
    columns = list(zip(*rest, strict=True))
    votes = [_vote(cell, column) for cell, column in zip(first, columns, strict=True)]
    if any(votes):
        return sum(votes) > 0
    if any(cell in column for cell, column in zip(first, columns, strict=True)):
        return False
    if any(cell.strip().lower() in names.ALL for cell in first):
        return True
    return len(first) > 1 and not any(_SENTENCE.fullmatch(cell) for cell in first)


def _vote(cell: str, below: Sequence[str]) -> int:
    """+1: a name over values; -1: a value over values; 0: tells nothing."""
    values = [other for other in below if other.strip() not in MISSING]
    if cell.strip() in MISSING or not values or not all(_is_value(other) for other in values):
        return 0
    return -1 if _is_value(cell) else 1


def _is_value(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def _counts_up(cells: Sequence[str]) -> bool:
    """Names such as 0, 1, 2, 3 or 1990, 1991, 1992: whole numbers that rise by one."""
    numbers = [int(cell) for cell in cells if cell.strip().isdecimal()]
    rises = all(b - a == 1 for a, b in pairwise(numbers))
    return len(numbers) >= 3 and len(numbers) >= len(cells) - 1 and rises


def _style(text: str, suffix: str) -> _Style:
    preferred = _DEFAULT.get(suffix)
    tried = [preferred] if preferred else []
    tried += [delimiter for delimiter in _DELIMITERS if delimiter != preferred]
    widths = {delimiter: _widths(text, _quoting(text, delimiter)) for delimiter in tried}
    for delimiter in tried:
        if len(set(widths[delimiter])) == 1 and widths[delimiter][0] > 1:
            return _quoting(text, delimiter)
    if preferred and widths[preferred][:1] > [1]:
        return _quoting(text, preferred)
    return _quoting(text, max(tried, key=lambda delimiter: widths[delimiter][:1]))


def _quoting(text: str, delimiter: str) -> _Style:
    """Tab-separated text is taken as it is, unless reading it as quoted fits at least as well."""
    quoted, plain = _Style(delimiter, quoted=True), _Style(delimiter, quoted=False)
    if delimiter != "\t":
        return quoted
    if not re.search(r'(^|[\t\r\n])"', text):
        return plain
    try:
        rows = [row for _, row in _records(text, quoted)]
    except _BrokenError:
        return plain
    bare = [row for _, row in _records(text, plain)]
    even, bare_even = len({len(row) for row in rows}) == 1, len({len(row) for row in bare}) == 1
    return quoted if even and (len(rows) == len(bare) or not bare_even) else plain


def _widths(text: str, style: _Style) -> list[int]:
    """The cells in each of the first rows; a 0 ends them where a row does not read."""
    widths = []
    try:
        for _, row in islice(_records(text, style), _LOOK):
            widths.append(len(row))
    except _BrokenError:
        first = text.lstrip().split("\n", 1)[0]
        return [*(widths or [first.count(style.delimiter) + 1]), 0]
    return widths


def _records(text: str, style: _Style) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=style.delimiter,
        quoting=csv.QUOTE_MINIMAL if style.quoted else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _BrokenError(line, str(error)) from None
        if len(row) > 1 or (row and row[0].strip()):
            yield line, row


def _refuse_ragged(records: list[tuple[int, list[str]]], path: Path) -> None:
    width = len(records[0][1])
    for line, row in records:
        if len(row) != width:
            raise DataError(
                "a row with another number of cells",
                where=f"{path}, line {line}",
                got=f"{len(row)} cells",
                expected=f"{width} as in line {records[0][0]}",
                fix="quote cells that hold the delimiter, or mend the row",
            )


def _named(cells: list[str], path: Path) -> list[str]:
    columns = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, start=1)]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise DataError(
            "two columns have one name",
            where=f"{path}, header",
            got=", ".join(twice),
            fix="rename one of them",
        )
    return columns


def _numbered(width: int) -> list[str]:
    return [f"column_{number}" for number in range(1, width + 1)]
