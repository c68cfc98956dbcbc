"""FASTA files, packed ones (`.gz`) too: `>` and a header, then letters over any number of lines. Floor 6.

Every record keeps where its letters stand, so that a wrong one can be named by line and column. Refuses
letters before the first header, records without letters, FASTQ.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cellwright.errors import DataError
from cellwright.tasks.data.source import Data, file_of, format_of, read_utf8, shown

ENDINGS = (".fasta", ".fa", ".fas", ".fna", ".ffn", ".faa", ".frn", ".mpfa", ".fsa")


@dataclass(frozen=True)
class Record:
    """One sequence.

    Attributes:
        header: what stands after the `>`.
        letters: of all its lines, without blanks at their ends.
        lines: of each line of letters its number, how many letters come before it, and its indent.
        file: the file's name as the user gave it.
        line: of the header.
    """

    header: str
    letters: str
    lines: tuple[tuple[int, int, int], ...]
    file: str
    line: int

    @property
    def name(self) -> str:
        """The header's first word."""
        return self.header.split(maxsplit=1)[0] if self.header else ""

    def where(self, letter: int) -> str:
        """File, line and column of a letter, counted from 0."""
        line, before, indent = max(row for row in self.lines if row[1] <= letter)
        return f"{self.file}, line {line}, column {indent + letter - before + 1}"


def is_fasta(path: Path) -> bool:
    """By the file's ending, `.gz` aside.

    >>> is_fasta(Path("genes.FNA.gz")), is_fasta(Path("genes.csv"))
    (True, False)
    """
    return format_of(path) in ENDINGS


def read_fasta(path: Data) -> list[Record]:
    """The records of a file, in its order.

    Raises:
        DataError: what `read_utf8` refuses; no header in front; a record without letters; FASTQ.
    """
    name, found = shown(path), []
    header, begun, length = "", 0, 0
    letters: list[str] = []
    lines: list[tuple[int, int, int]] = []
    for number, line in enumerate(read_utf8(file_of(path)).splitlines(), start=1):
        text = line.strip()
        if text.startswith(">"):
            if begun:
                found.append(_record(header, begun, letters, lines, name))
            header, begun, length, letters, lines = text[1:].strip(), number, 0, [], []
        elif text and not text.startswith(";"):  # an old way to write a remark
            if not begun:
                _refuse_start(name, number, text)
            lines.append((number, length, len(line) - len(line.lstrip())))
            letters.append(text)
            length += len(text)
    found.append(_record(header, begun, letters, lines, name))
    return found


def _record(
    header: str, begun: int, letters: list[str], lines: list[tuple[int, int, int]], file: str
) -> Record:
    if not letters:
        raise DataError(
            "a record without letters",
            where=f"{file}, line {begun}",
            got=f">{header}"[:60],
            fix="leave the record out",
        )
    return Record(header, "".join(letters), tuple(lines), file, begun)


def _refuse_start(name: str, number: int, text: str) -> None:
    fix = "convert it, say with `seqtk seq -A`" if text.startswith("@") else "begin the file with >NAME"
    what = "FASTQ, not FASTA" if text.startswith("@") else "letters before the first header"
    raise DataError(what, where=f"{name}, line {number}", got=text[:40], expected="a line with >", fix=fix)
