"""From a file to sentences to tag. Floor 6.

    columns     a token in a line, its columns between blanks or tabs, an empty line after a sentence (CoNLL)
    CoNLL-U     `.conllu`: ten columns; multi-word ranges (1-2) and empty nodes (8.1) are passed over
    lines       `NAME.in`: a sentence in a line, its tokens between blanks; `NAME.out` beside it has the tags,
                `NAME.label` an intent for each sentence
    JSON Lines  `.jsonl`: {"tokens": [..], "tags": [..], "intent": ".."}
    tables      `.csv`, `.parquet`, and FASTA: sequences of letters (see `residues`)

All may be packed (`.gz`). Refuses lines with another number of columns, columns that are not there, and
parallel files that differ in length, naming file and line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cellwright.errors import DataError
from cellwright.tasks.data.roles import NO_COLUMN, find_column
from cellwright.tasks.data.source import Source, file_of, format_of, read_utf8, resolve, shown
from cellwright.tasks.tag.residues import TABLES, fasta_pair, read_records, read_rows
from cellwright.tasks.tag.sentences import Sentences

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
DOCUMENT = "-DOCSTART-"  # a mark between documents (CoNLL-2003), no token
_INTENT = re.compile(r"#\s*intent\s*[:=]\s*(\S+)\s*$")
_COUNTED = re.compile(r"\d+")
TOKENS, TAGS = ("tokens", "words"), ("tags", "labels", "ner_tags", "pos_tags")


@dataclass(frozen=True)
class Wanted:
    """The columns that were asked for, empty where they are to be guessed; and those of an earlier training.

    Columns have numbers from 1, those of CoNLL-U also names (form, upos, ...).
    """

    text: str = ""
    label: str = ""
    features: tuple[str, ...] = ()
    known: Mapping[str, str] | None = None
    tokens: str = "auto"

    def role(self, name: str, guessed: str) -> str:
        """What was asked for, else what training had, else the guess."""
        return getattr(self, name) or (self.known or {}).get(name) or guessed


@dataclass(frozen=True)
class _Table:
    """The rows of a file: sentences of rows of cells, the line of each, the columns' names, the intents."""

    rows: list[list[list[str]]]
    lines: list[list[int]]
    names: tuple[str, ...]
    intents: list[str]


def read(path: Any, wanted: Wanted) -> Sentences:
    """Read a file; the tags' scheme is not looked at yet.

    Raises:
        DataError: what the formats refuse; no sentence at all.
    """
    if files := fasta_pair(path):
        source, found = resolve(files[0]), read_records(files, wanted.tokens)
    else:
        source = resolve(path)
        file = file_of(source)
        how = _FORMATS.get(format_of(file), _columns)
        found = how(source, file, wanted)
    note = f"{len(found):,} sentences, {sum(map(len, found.tokens)):,} tokens; {_described(found, wanted)}"
    return replace(found, note=f"{source.notice}; {note}" if source.notice else note, source=shown(source))


def _described(found: Sentences, wanted: Wanted) -> str:
    roles = {name: column for name, column in found.columns.items() if column}
    asked = {"text": wanted.text, "label": wanted.label, "features": "".join(wanted.features)}
    guessed = [name for name in roles if not asked.get(name) and not wanted.known]
    said = ", ".join(f"{name} = {column}" for name, column in roles.items())
    return f"{said} (guessed; set {', '.join(f'--{name}' for name in guessed)})" if guessed else said


def _rows(source: Source, file: Path, wanted: Wanted) -> Sentences:
    features = wanted.features or tuple(filter(None, (wanted.known or {}).get("features", "").split(",")))
    needed = wanted.known is None or bool(wanted.label)  # a trained model may meet a table without tags
    roles = wanted.role("text", ""), wanted.role("label", "")
    return read_rows(source, roles, features, wanted.tokens, needed=needed)


def _columns(source: Source, file: Path, wanted: Wanted) -> Sentences:
    table = _table(source, read_utf8(file), _cut, ())
    width = len(table.names)
    return _with_roles(source, table, wanted, "1", str(width) if width > 1 else NO_COLUMN)


def _conllu(source: Source, file: Path, wanted: Wanted) -> Sentences:
    table = _table(source, read_utf8(file), _cut_conllu, CONLLU)
    found = _with_roles(source, table, wanted, "form", "upos")
    empty = found.tags is not None and all(tag == "_" for tags in found.tags for tag in tags)
    return replace(found, tags=None) if empty else found


def _table(
    source: Source, text: str, cut: Callable[[str, bool], list[str] | None], names: tuple[str, ...]
) -> _Table:
    """Lines to sentences; `cut` gives the cells of a line, [] for one to pass over, None for a comment."""
    rows: list[list[list[str]]] = [[]]
    lines: list[list[int]] = [[]]
    intents: list[str] = []
    width, first = len(names), 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            if rows[-1]:
                rows.append([])
                lines.append([])
            continue
        cells = cut(line, not rows[-1])
        if cells is None or (cells and cells[0] == DOCUMENT):
            intents += _INTENT.findall(line)
        elif cells:
            width, first = width or len(cells), first or number
            if len(cells) != width:
                _refuse_uneven(source, number, len(cells), width, first, names)
            rows[-1].append(cells)
            lines[-1].append(number)
    if not rows[-1]:
        rows, lines = rows[:-1], lines[:-1]
    return _Table(rows, lines, names or tuple(str(k) for k in range(1, width + 1)), intents)


def _refuse_uneven(
    source: Source, number: int, got: int, width: int, first: int, names: tuple[str, ...]
) -> None:
    raise DataError(
        "another number of columns",
        where=f"{shown(source)}, line {number}",
        got=got,
        expected=f"{width} as in CoNLL-U" if names else f"{width} as in line {first}",
        fix="mend the line; an empty line stands between sentences",
    )


def _cut(line: str, opens: bool) -> list[str] | None:
    """The cells of a line in columns; a comment opens a sentence and names itself or says nothing."""
    if opens and (_INTENT.match(line) or re.match(r"#\s*[\w.]+\s*[:=]\s", line)):
        return None
    return line.split("\t") if "\t" in line else line.split()


def _cut_conllu(line: str, opens: bool) -> list[str] | None:
    """The cells of a word's line; nothing for ranges and empty nodes; None for comments."""
    if line.startswith("#"):
        return None
    cells = line.split("\t")
    return [] if len(cells) == len(CONLLU) and not _COUNTED.fullmatch(cells[0]) else cells


def _with_roles(source: Source, table: _Table, wanted: Wanted, text: str, label: str) -> Sentences:
    """The columns that are tokens, tags and further inputs."""
    if not table.rows:
        raise DataError("there are no sentences", where=shown(source), expected="at least one token")
    features = wanted.features or tuple(filter(None, (wanted.known or {}).get("features", "").split(",")))
    column = _place(source, table, wanted.role("text", text), "--text")
    tagged = wanted.role("label", label)
    if wanted.known is not None and not wanted.label and tagged not in table.names:
        tagged = NO_COLUMN  # a trained model meets a file without tags
    tags = None if tagged == NO_COLUMN else _place(source, table, tagged, "--label")
    if tags == column:
        raise DataError(
            "one column in two roles", where=shown(source), got=f"column {text}", fix="set --label"
        )
    if table.intents and len(table.intents) != len(table.rows):
        got = f"{len(table.intents)} intents for {len(table.rows)} sentences"
        raise DataError("not one intent for each sentence", where=shown(source), got=got)
    return Sentences(
        _taken(table, column),
        None if tags is None else _taken(table, tags),
        {name: _taken(table, _place(source, table, name, "--features")) for name in features},
        tuple(table.intents) or None,
        columns={"text": table.names[column], "label": tagged, "features": ",".join(features)},
        places=tuple(map(tuple, table.lines)),
    )


def _place(source: Source, table: _Table, name: str, option: str) -> int:
    return table.names.index(find_column(table.names, name, option, source))


def _taken(table: _Table, column: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row[column] for row in rows) for rows in table.rows)


def _parallel(source: Source, file: Path, wanted: Wanted) -> Sentences:
    """A sentence in a line; the tags and the intents in files beside it."""
    tokens = _split_lines(file)
    kept = [k for k, row in enumerate(tokens) if row]
    tags = _beside(file, ".out")
    intents = _beside(file, ".label")
    for other in (tags, intents):
        if other is not None and len(other[1]) != len(tokens):
            raise DataError(
                "parallel files of different length",
                where=f"{file.name} and {other[0].name}",
                got=f"{len(tokens)} and {len(other[1])} lines",
                expected="a line for each sentence",
            )
    for k in kept if tags is not None else ():
        assert tags is not None
        if len(tags[1][k]) != len(tokens[k]):
            got = f"{len(tokens[k])} tokens and {len(tags[1][k])} tags"
            raise DataError("not one tag for each token", where=f"{tags[0]}, line {k + 1}", got=got)
    return Sentences(
        tuple(tuple(tokens[k]) for k in kept),
        None if tags is None else tuple(tuple(tags[1][k]) for k in kept),
        intents=None if intents is None else tuple(" ".join(intents[1][k]) for k in kept),
        columns={"text": file.name, "label": "" if tags is None else tags[0].name},
        places=tuple((k + 1,) * len(tokens[k]) for k in kept),
    )


def _beside(file: Path, ending: str) -> tuple[Path, list[list[str]]] | None:
    """`a.seq.in` has `a.seq.out` beside it, or `a.label`."""
    packed = file.name.removesuffix(".gz")
    stem = packed.removesuffix(".in")
    for name in dict.fromkeys((stem + ending, stem.removesuffix(".seq") + ending)):
        for other in (file.with_name(name), file.with_name(name + ".gz")):
            if other.exists():
                return other, _split_lines(other)
    return None


def _split_lines(file: Path) -> list[list[str]]:
    return [line.split() for line in read_utf8(file).splitlines()]


def _json_lines(source: Source, file: Path, wanted: Wanted) -> Sentences:
    rows = list(_objects(source, read_utf8(file)))
    names = tuple(rows[0][1])
    text = _named(source, names, wanted.role("text", ""), TOKENS, "--text")
    label = wanted.role("label", "") or next((name for name in TAGS if name in names), NO_COLUMN)
    if label != NO_COLUMN and (wanted.known is None or wanted.label):
        find_column(names, label, "--label", source)
    features = wanted.features or tuple(filter(None, (wanted.known or {}).get("features", "").split(",")))
    tagged = label in names
    tokens = tuple(_list_of(source, number, row, text, None) for number, row in rows)
    sizes = [len(row) for row in tokens]

    def column(name: str) -> tuple[tuple[str, ...], ...]:
        return tuple(_list_of(source, n, row, name, size) for (n, row), size in zip(rows, sizes, strict=True))

    held = [row.get("intent") for _, row in rows]
    return Sentences(
        tokens,
        column(label) if tagged else None,
        {name: column(name) for name in features},
        tuple(map(str, held)) if all(held) else None,
        columns={"text": text, "label": label, "features": ",".join(features)},
    )


def _objects(source: Source, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise DataError(
                    "no JSON object", where=f"{shown(source)}, line {number}", got=repr(line[:40])
                )
            yield number, row


def _named(source: Source, names: Sequence[str], asked: str, usual: Sequence[str], option: str) -> str:
    if not asked:
        asked = next((name for name in usual if name in names), usual[0])
    return find_column(names, asked, option, source)


def _list_of(
    source: Source, number: int, row: Mapping[str, Any], name: str, size: int | None
) -> tuple[str, ...]:
    values = row.get(name)
    where = f"{shown(source)}, line {number}"
    if not isinstance(values, list) or not values:
        raise DataError(f"`{name}` is no list with something in it", where=where, got=repr(values)[:40])
    if size is not None and len(values) != size:
        got = f"{size} tokens and {len(values)} of `{name}`"
        raise DataError("not one tag for each token", where=where, got=got)
    return tuple(map(str, values))


_FORMATS: Mapping[str, Callable[[Source, Path, Wanted], Sentences]] = {
    ".conllu": _conllu,
    ".in": _parallel,
    ".jsonl": _json_lines,
    **dict.fromkeys(TABLES, _rows),
}
