"""FASTA files to examples with classes: from the headers, or one file for each class. Floor 6.

    >chr7:100 EI                  the last word of a header (or its last field between |)
    >chr7:100 class=EI            a key of the header, also [class=EI] and class:EI
    donors.fa,acceptors.fa        each file's name is the class of its records; or a folder of them

Refuses headers without the class that was asked for, and training data without any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellwright.errors import DataError
from cellwright.tasks.classify.examples import Examples
from cellwright.tasks.classify.genes import as_sequences
from cellwright.tasks.data import names
from cellwright.tasks.data.fasta import Record, is_fasta, read_fasta
from cellwright.tasks.data.roles import NO_COLUMN

BETWEEN = ","  # of the names of files
BY_FILE, LAST = "file", "last"
_KEY = re.compile(r"(?:^|[\s|\[;,])([\w-]+)[=:]([^\s|\];,]+)")


def fasta_files(data: Any) -> list[Path]:
    """The FASTA files that `data` names: one, several between commas, or those of a folder; else none."""
    if not isinstance(data, (str, Path)):
        return []
    path = Path(data).expanduser()
    if path.is_dir():
        return sorted(child for child in path.iterdir() if child.is_file() and is_fasta(child))
    if path.exists() or BETWEEN not in str(data):
        return [path] if is_fasta(path) else []
    files = [Path(name.strip()).expanduser() for name in str(data).split(BETWEEN)]
    return files if all(is_fasta(file) for file in files) else []


def read_classes(
    files: Sequence[Path], *, label: str | None, known: Mapping[str, str] | None, tokens: str
) -> Examples:
    """The records of FASTA files, each with its class where there is one.

    Args:
        files: one or several; several are a class each unless `label` says otherwise.
        label: a key of the headers, `last` for their last word, `file`, `none`; None to guess.
        known: the columns of training, {"label": ...}; classes are not needed then.
        tokens: as `genes.as_sequences`.

    Raises:
        DataError: what the reader refuses; no class; a letter outside the alphabet.
    """
    found = [read_fasta(file) for file in files]
    records = [record for part in found for record in part]
    labels, column = _classes(files, found, label, known)
    guessed = " (guessed; set --label)" if label is None and known is None else ""
    note = f"{len(records)} texts, label = {column}{guessed}"
    part = Examples(
        "text",
        [record.letters for record in records],
        labels,
        note=note,
        columns={"text": "sequence", "label": column},
        source=", ".join(map(str, files)),
        names=[record.name for record in records],
    )
    return as_sequences(part, tokens, lambda k, at: records[k].where(at), surely=True)


def _classes(
    files: Sequence[Path], found: Sequence[list[Record]], label: str | None, known: Mapping[str, str] | None
) -> tuple[list[str | None] | None, str]:
    """The class of each record, or None where there are none, and where they came from."""
    records = [record for part in found for record in part]
    wanted = label or (known or {}).get("label") or (BY_FILE if len(files) > 1 else None)
    if wanted is None:
        wanted = _guessed(records) or (NO_COLUMN if known is not None else None)
    if wanted is None:
        raise _no_class(records[0], "")
    if wanted == NO_COLUMN or (wanted == BY_FILE and len(files) == 1):
        return None, wanted
    if wanted == BY_FILE:
        return [_stem(file) for file, part in zip(files, found, strict=True) for _ in part], wanted
    values = [_value(record, wanted) for record in records]
    if None in values and known is not None and label is None:
        return (None if not any(values) else values), wanted
    if None in values:
        raise _no_class(records[values.index(None)], wanted)
    return values, wanted


def _guessed(records: Sequence[Record]) -> str | None:
    """A key with a usual name in every header; else the last word if it says one of few things; or None."""
    keys = [dict.fromkeys(key for key, _ in _KEY.findall(record.header)) for record in records]
    for key in keys[0]:
        if str(key).lower() in names.LABEL and all(key in other for other in keys):
            return str(key)
    last = [_value(record, LAST) for record in records]
    return LAST if None not in last and 1 < len(set(last)) <= max(2, len(last) // 2) else None


def _value(record: Record, wanted: str) -> str | None:
    if wanted == LAST:
        fields = [field for field in re.split(r"[\s|]+", record.header) if field]
        return fields[-1] if len(fields) > 1 else None
    return next((value for key, value in _KEY.findall(record.header) if key == wanted), None)


def _stem(file: Path) -> str:
    """A file's name without its endings.

    >>> _stem(Path("a/donor.test.fa.gz"))
    'donor'
    """
    return file.name.split(".")[0]


def _no_class(record: Record, wanted: str) -> DataError:
    return DataError(
        f"a header without the class `{wanted}`" if wanted else "no class in the headers",
        where=f"{record.file}, line {record.line}",
        got=f">{record.header}"[:60],
        expected=f"{wanted}=CLASS" if wanted not in ("", LAST) else ">NAME CLASS, or >NAME class=CLASS",
        fix="set --label to a key of the headers, or name a file for each class: a.fa,b.fa",
    )
