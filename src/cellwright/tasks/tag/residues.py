"""Sequences to tag letter by letter: a row of a table each, or FASTA. Floor 6.

    sequence,structure            a cell of letters and a cell of as many tags; the names are guessed
    MKVLAAG,CCHHHHC
    we fly to Rome,O O O B-CITY   cells with blanks are cut at the blanks
    a.fa                          sequences alone; `a.fa,tags.fa`: their tags in a second file

Refuses cells of different length (file and line), letters outside the alphabet (file, line and column).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cellwright.errors import DataError
from cellwright.tasks.alphabet import ALPHABETS, AUTO, recognised
from cellwright.tasks.data import read_table, strings
from cellwright.tasks.data.fasta import Record, is_fasta, read_fasta
from cellwright.tasks.data.roles import NO_COLUMN, find_column
from cellwright.tasks.data.source import Source
from cellwright.tasks.data.table import lines, place
from cellwright.tasks.tag.sentences import Rows, Sentences

TABLES = (".csv", ".parquet")
SEQUENCES = ("sequence", "seq", "residues", "primary", "tokens", "words", "text", "sentence", "序列", "句子")
STRUCTURES = (
    *("structure", "secondary", "ss", "ss3", "ss8", "sst3", "sst8", "dssp", "topology"),
    *("tags", "labels", "tag", "label", "标签", "结构"),
)


def fasta_pair(data: Any) -> list[Path]:
    """The FASTA files that `data` names: sequences, or `sequences,tags`; else none."""
    if not isinstance(data, (str, Path)):
        return []
    text = str(data)
    names = [text] if Path(text).expanduser().exists() else text.split(",")
    files = [Path(name.strip()).expanduser() for name in names]
    return files if len(files) <= 2 and all(is_fasta(file) for file in files) else []


def read_records(files: Sequence[Path], tokens: str) -> Sentences:
    """FASTA files to sentences of letters, with tags where there is a second file.

    Raises:
        DataError: what the reader refuses; records that do not fit each other; a letter outside the alphabet.
    """
    records = read_fasta(files[0])
    texts = _checked([r.letters for r in records], tokens, lambda k, at: records[k].where(at), surely=True)
    tags = None if len(files) == 1 else tuple(_fitting(records, read_fasta(files[1])))
    return Sentences(
        tuple(map(tuple, texts)),
        tags,
        columns={"text": "sequence", "label": NO_COLUMN if tags is None else "sequence of tags"},
        source=str(files[0]),
    )


def read_rows(
    source: Source, roles: tuple[str, str], features: Sequence[str], tokens: str, *, needed: bool
) -> Sentences:
    """A table to sentences: a row each.

    Args:
        source: the table.
        roles: the columns of the sequences and of the tags (`none`: no column), empty where to be guessed.
        features: further columns, cut like the others.
        tokens: `auto` (an alphabet is recognised), `any`, or the name of an alphabet.
        needed: whether the named column of tags has to be there.

    Raises:
        DataError: no such column, cells of different length, a letter outside the alphabet.
    """
    frame = read_table(source)
    text = find_column(frame.columns, roles[0] or _first(SEQUENCES, frame.columns), "--text", source)
    label = roles[1] or _first(STRUCTURES, [name for name in frame.columns if name != text])
    if label not in frame.columns and not needed:
        label = NO_COLUMN
    cells = strings(frame, text)
    kept = [k for k, cell in enumerate(cells) if cell]
    whole = [str(cells[k]).strip() for k in kept]
    blanks = any(len(cell.split()) > 1 for cell in whole)
    if not blanks:
        where = partial(_letter, source, kept, text)
        whole = _checked(whole, tokens, where, surely=False)
    rows = tuple(_cut(cell, blanks) for cell in whole)

    def column(name: str, option: str) -> Rows:
        other = strings(frame, find_column(frame.columns, name, option, source))
        return tuple(
            _same_length(row, _cut(other[k] or "", blanks), partial(_cell, source, k, name))
            for row, k in zip(rows, kept, strict=True)
        )

    return Sentences(
        rows,
        None if label == NO_COLUMN else column(label, "--label"),
        {name: column(name, "--features") for name in features},
        columns={"text": text, "label": label, "features": ",".join(features)},
        places=tuple(
            (int(line.split()[1]),) * len(row) for line, row in zip(lines(source, kept), rows, strict=True)
        ),
    )


def _checked(
    texts: Sequence[str], tokens: str, where: Callable[[int, int], str], *, surely: bool
) -> list[str]:
    alphabet = recognised(texts, surely=surely) if tokens == AUTO else ALPHABETS.get(tokens)
    if alphabet is None:
        return list(texts)
    return [alphabet.checked(text, partial(where, k), stop=False) for k, text in enumerate(texts)]


def _cell(source: Source, row: int, column: str) -> str:
    return f"{place(source, row)}, column {column}"


def _letter(source: Source, kept: Sequence[int], column: str, row: int, at: int) -> str:
    return f"{_cell(source, kept[row], column)}, letter {at + 1}"


def _cut(cell: str, blanks: bool) -> tuple[str, ...]:
    return tuple(cell.split()) if blanks else tuple(cell.strip())


def _fitting(records: Sequence[Record], tags: Sequence[Record]) -> Rows:
    if len(records) != len(tags):
        got = f"{len(records)} and {len(tags)} records"
        raise DataError(
            "two files of different length", where=f"{records[0].file} and {tags[0].file}", got=got
        )
    return tuple(
        _same_length(tuple(a.letters), tuple(b.letters), partial("{}, line {}".format, b.file, b.line))
        for a, b in zip(records, tags, strict=True)
    )


def _same_length(tokens: Sequence[str], tags: tuple[str, ...], where: Callable[[], str]) -> tuple[str, ...]:
    if len(tokens) != len(tags):
        got = f"{len(tokens)} tokens and {len(tags)} tags"
        raise DataError("not one tag for each token", where=where(), got=got)
    return tags


def _first(usual: Sequence[str], columns: Sequence[str]) -> str:
    """The column with a usual name, else the first; of none, no column."""
    lowered: Mapping[str, str] = {column.lower(): column for column in columns}
    found = next((lowered[name] for name in usual if name in lowered), None)
    return found or (columns[0] if columns else NO_COLUMN)
