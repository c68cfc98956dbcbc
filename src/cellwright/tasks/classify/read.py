"""From a file to examples to classify: texts, sequences or series, whichever it holds. Floor 6.

Every row is kept, so that predictions stand beside their rows; what training leaves out is said in the note.
Refuses what the readers refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from cellwright.errors import DataError
from cellwright.tasks.classify.columns import JOINED, listed, marked, named, separated
from cellwright.tasks.classify.examples import Examples
from cellwright.tasks.classify.fasta import fasta_files, read_classes
from cellwright.tasks.classify.genes import as_sequences
from cellwright.tasks.classify.labels import Label, Several
from cellwright.tasks.data import names, read_series, read_table, resolve, strings, text_roles
from cellwright.tasks.data.roles import NO_COLUMN, find_column
from cellwright.tasks.data.source import Source, file_of, format_of, shown
from cellwright.tasks.data.table import place
from cellwright.tasks.data.wide import label_column

ALWAYS_SERIES = (".ts", ".npz")
_FEW_COLUMNS = 3  # of numbers: fewer beside a column of text are no series


def read(
    path: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    separator: str = "",
    known: Mapping[str, str] | None = None,
    tokens: str = "auto",
) -> Examples:
    """Read a table of texts or sequences (CSV, TSV, JSON Lines, Parquet), FASTA, or series (`.ts`, `.npz`).

    Args:
        path: a file, or a sample's name; of FASTA also several files or a folder (see `classify.fasta`).
        text, label: columns the user named, or None to guess them; `label="none"`: no column is the label;
            several columns of 0 and 1 with commas between their names: a row has the labels that say 1.
        separator: what stands between several labels in a cell; empty: a cell is one label, or a list.
        known: the columns a trained model was trained on, {"text": ..., "label": ...}: tried before guessing,
            and labels are not needed then. None before training.
        tokens: what texts are cut into; `auto` recognises genes and proteins (see `classify.genes`).

    Returns:
        All rows; an empty text is "", a row without a label has None. Labels are None where there are none.

    Raises:
        DataError: what the readers refuse; no column of texts, or only empty ones.
    """
    if files := fasta_files(path):
        return read_classes(files, label=label, known=known, tokens=tokens)
    source = resolve(path)
    if format_of(file_of(source)) in ALWAYS_SERIES:
        return _series(source, {})
    frame = read_table(source)
    if label not in (None, NO_COLUMN, (known or {}).get("label")):
        label = JOINED.join(
            find_column(frame.columns, one, "--label", source) for one in named(frame, label, source)
        )
    text, label = _remembered(frame, text, label, known or {})
    several = named(frame, label, source)
    if text is not None or separator or len(several) > 1 or holds_texts(frame, label):
        part = _texts(frame, source, text, several, separator, labelled=known is None)
        read_from = part.columns["text"]
        return as_sequences(
            part, tokens, lambda k, at: f"{place(source, k)}, column {read_from}, letter {at + 1}"
        )
    column = label_column(frame, source, label)
    return _series(source, {} if column is None else {"label": column}, label)


def holds_texts(frame: pl.DataFrame, label: str | None = None) -> bool:
    """Whether a table is one of texts with labels, not of series with a label in each row.

    A single column of text is the label of a series where it is named so, or says one of few things beside
    many numbers.
    """
    written = [name for name in frame.columns if _is_written(frame[name])]
    if label is not None and label != NO_COLUMN:
        return any(name != label for name in written)
    if len(written) != 1:
        return len(written) > 1
    name = written[0]
    if name.lower() in names.TEXT or frame.width - 1 < _FEW_COLUMNS:
        return True
    return name.lower() not in names.LABEL and 2 * frame[name].n_unique() > frame.height


def _is_written(cells: pl.Series) -> bool:
    """Whether most cells that hold something hold no number."""
    held = cells.drop_nulls()
    if held.dtype != pl.String:
        return False
    numbers = held.str.strip_chars().cast(pl.Float64, strict=False)
    return bool(2 * numbers.null_count() > len(held))


def _remembered(
    frame: pl.DataFrame, text: str | None, label: str | None, known: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """The columns asked for, else those of an earlier reading; a label that was known and is gone is none."""
    if text is None and known.get("text") in frame.columns:
        text = known["text"]
    if "label" in known and label in (None, known["label"]):
        columns = {known["label"]}, set(known["label"].split(JOINED))
        label = known["label"] if any(names <= set(frame.columns) for names in columns) else NO_COLUMN
    return text, label


def _series(source: Source, columns: dict[str, str], label: str | None = None) -> Examples:
    found = read_series(source, label)
    note = f"{source.notice}; {found.note}" if source.notice else found.note
    return Examples(
        "series", found.inputs, found.labels or None, note=note, columns=columns, source=shown(source)
    )


def _texts(
    frame: pl.DataFrame,
    source: Source,
    text: str | None,
    label: Sequence[str],
    separator: str,
    labelled: bool,
) -> Examples:
    unlabelled = list(label) == [NO_COLUMN] and NO_COLUMN not in frame.columns
    first, needed = (None, False) if unlabelled or not label else (label[0], labelled)
    roles = text_roles(frame, source, text=text, label=first, labelled=needed if label else labelled)
    texts = [cell or "" for cell in strings(frame, roles.text)]
    if not any(texts):
        raise DataError(
            "the text column is empty", where=f"{shown(source)}, column {roles.text}", fix="set --text"
        )
    columns = [] if unlabelled or roles.label is None else list(label) if len(label) > 1 else [roles.label]
    labels, several = _labels(frame, columns, separator, source, labelled) if columns else (None, False)
    note = f"{len(texts)} texts, {replace(roles, label=', '.join(columns) or None).describe()}"
    out = sum(1 for k, cell in enumerate(texts) if not cell or (labels is not None and labels[k] is None))
    note += f"; {out} rows without text or label are left out of training and scores" if out else ""
    none = sum(1 for one in labels or () if several and not one and one is not None)
    note += f"; {none} texts with none of the labels" if none else ""
    note = f"{source.notice}; {note}" if source.notice else note
    known = {"text": roles.text} | ({"label": JOINED.join(columns)} if columns else {})
    return Examples("text", texts, labels, several, note=note, columns=known, source=shown(source))


def _labels(
    frame: pl.DataFrame, columns: Sequence[str], separator: str, source: Source, labelled: bool
) -> tuple[Sequence[Label | Several | None], bool]:
    """The label of each row, and whether it is a set of several."""
    if len(columns) > 1:
        return marked(frame, columns, source), True
    if separator:
        return separated(frame, columns[0], separator, source, needed=labelled), True
    lists = listed(frame, columns[0], source)
    if lists is not None:
        return lists, True
    return [cell and cell.strip() for cell in strings(frame, columns[0])], False
