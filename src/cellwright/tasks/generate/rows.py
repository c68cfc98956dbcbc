"""From a table to one text: each row is its prefix columns, its text and an end, with marks between. Floor 6.

Refuses columns that are not there, one column in two roles, and a table without any text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwright.errors import DataError, SettingError
from cellwright.tasks.data import Source, read_table, strings, text_roles
from cellwright.tasks.data.roles import NO_COLUMN, find_column
from cellwright.tasks.data.source import format_of, shown
from cellwright.tasks.data.table import SUFFIXES

BETWEEN, END = "␟", "␞"  # stand after a prefix column, and at a row's end; no keyboard has them
SHOWN_BETWEEN = "\t"


@dataclass(frozen=True)
class Columns:
    """Which column of a table is the text, and which stand before it."""

    text: str
    prefix: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        return {"text": self.text, "prefix": list(self.prefix)}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any] | None) -> Columns | None:
        """The columns that `to_json` wrote; None for None."""
        return None if facts is None else cls(str(facts["text"]), tuple(map(str, facts["prefix"])))

    def joined(self, values: Sequence[str], text: str) -> str:
        """The beginning of a row as the network reads it.

        >>> Columns("poem", ("title",)).joined(["Spring"], "Nothing is")
        'Spring␟Nothing is'
        """
        return "".join(f"{_line(value)}{BETWEEN}" for value in values) + unmarked(text)

    def given(self, values: Mapping[str, str]) -> list[str]:
        """The values of the first prefix columns, in the table's order of reading.

        Raises:
            SettingError: a column that does not stand before the text; one that is given, while one before it
                is not.
        """
        wrong = [name for name in values if name not in self.prefix]
        expected = ", ".join(self.prefix) or "none: the model was trained without prefix columns"
        if wrong:
            raise SettingError(
                "no such column before the text", where="given", got=", ".join(wrong), expected=expected
            )
        first = self.prefix[: len(values)]
        if missing := [name for name in first if name not in values]:
            raise SettingError(
                "a column is given, and one before it is not",
                where="given",
                got=", ".join(values),
                expected=f"{missing[0]} too: they are read in the order {expected}",
            )
        return [values[name] for name in first]


@dataclass(frozen=True)
class Rows:
    """The rows of a table, each with its marks, and what there is to say about them."""

    rows: tuple[str, ...]
    columns: Columns
    note: str


def is_table(source: Source) -> bool:
    """Whether a file is read as a table, by its name."""
    return source.path is not None and not source.path.is_dir() and format_of(source.path) in SUFFIXES


def read_rows(source: Source, text: str, prefix: str, known: Columns | None) -> Rows:
    """The rows of a table with a text.

    Args:
        source: the table.
        text: the column of texts; empty: the one of a trained model, else guessed.
        prefix: the columns that stand before it, commas between; empty: those of a trained model, else none.
        known: the columns of a trained model.

    Raises:
        DataError: no such column, one column in two roles, no row with a text, what `read_table` refuses.
    """
    frame = read_table(source)
    asked = tuple(name.strip() for name in prefix.split(",") if name.strip())
    if known is not None:
        text, asked = text or known.text, asked or known.prefix
    guessed = not text
    text = text_roles(frame, source, text=text or None, labelled=False).text
    before = tuple(find_column(frame.columns, name, "--prefix", source) for name in asked)
    if text in before or len(set(before)) < len(before):
        raise DataError(
            "one column in two roles",
            where=shown(source),
            got=", ".join((*before, text)),
            fix="name each once",
        )
    columns = Columns(text, before)
    texts, values = strings(frame, text), [strings(frame, name) for name in before]
    rows = tuple(
        columns.joined([column[k] or "" for column in values], cell.strip()) + END
        for k, cell in enumerate(texts)
        if cell is not None
    )
    if not rows:
        raise DataError(
            "no row with a text", where=f"{shown(source)}, column {text}", got=f"{len(texts)} rows"
        )
    return Rows(rows, columns, _note(columns, len(rows), len(texts), guessed))


def apart(text: str) -> str:
    """A row whose marks stand between blanks, for tokens that are what stands between blanks."""
    return text.replace(BETWEEN, f" {BETWEEN} ").replace(END, f" {END} ")


def unmarked(text: str) -> str:
    """A text with our marks as blanks and plain line ends."""
    return text.replace("\r\n", "\n").replace(BETWEEN, " ").replace(END, " ")


def _line(value: str) -> str:
    return " ".join(unmarked(value).split())


def _note(columns: Columns, kept: int, all_rows: int, guessed: bool) -> str:
    said = f"{kept:,} rows, text = {columns.text}, prefix = {', '.join(columns.prefix) or NO_COLUMN}"
    said += " (text guessed; set --text, --prefix)" if guessed else ""
    return said + (f"; {all_rows - kept:,} without a text are left out" if kept < all_rows else "")
