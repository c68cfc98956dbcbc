"""`cellwright predict RUN DATA`: predictions as CSV, JSON Lines or lines, on stdout or in a file. Floor 7.

A file of plain lines to translate is answered by as many plain lines.

Refuses a run that predicts nothing in rows: a text model writes (`cellwright generate`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from cellwright.checkpoint import to_json, write_atomic
from cellwright.cli.loaded import on_a_run
from cellwright.cli.screen import notice
from cellwright.errors import SettingError
from cellwright.tasks.base import Estimator
from cellwright.tasks.tag.task import rows as tag_rows

Row = Mapping[str, Any]


def command(arguments: list[str]) -> Callable[..., None]:
    """The command for the run that the arguments name: its columns are options."""

    def predict(
        estimator: Estimator[Any, Any],
        data: Annotated[str, typer.Argument(help="a file of the same kind, or a sample", metavar="DATA")],
        out: Annotated[
            Path | None,
            typer.Option(
                help="a file .csv or .jsonl (texts: .txt too) instead of stdout", show_default=False
            ),
        ] = None,
        quiet: Annotated[bool, typer.Option("--quiet", help="no notices")] = False,
    ) -> None:
        writer = _writer(out, estimator.TASK)
        rows = _rows(estimator)
        material = estimator.read(data)
        write = (_lines if getattr(material, "lines", False) else _csv) if writer is None else writer
        text = write(rows(estimator, material))
        if out is not None:
            write_atomic(out, text)
        notice(f"data: {material.note}", quiet=quiet)
        print(text, end="") if out is None else notice(f"wrote {out}", quiet=quiet)

    return on_a_run(predict, arguments)


def _rows(estimator: Estimator[Any, Any]) -> Callable[[Any, Any], list[Row]]:
    if estimator.TASK not in ROWS:
        raise SettingError(
            f"a run of the task {estimator.TASK} predicts no rows",
            fix="let it write: cellwright generate RUN",
        )
    return ROWS[estimator.TASK]


def _classes(estimator: Any, material: Any) -> list[Row]:
    """One row for each example: what it is, the label, and how probable the network holds it to be."""
    texts = range(1, len(material) + 1) if material.kind == "series" else material.texts
    names = [{"name": name} for name in material.names] or [{}] * len(material)
    answers = estimator.answers(estimator.predict_proba(material))
    return [
        {**name, material.kind: text, **answer}
        for name, text, answer in zip(names, texts, answers, strict=True)
    ]


def _future(estimator: Any, material: Any) -> list[Row]:
    """One row for each step of the horizon after the end of the data: when, and a column for each target."""
    rows = estimator.forecast(material).to_dicts()
    return [{name: str(v) if isinstance(v, date) else v for name, v in row.items()} for row in rows]


def _tags(estimator: Any, material: Any) -> list[Row]:
    """One row for each token."""
    return list(tag_rows(material.tokens, estimator.answers(material)))


def _answers(estimator: Any, material: Any) -> list[Row]:
    """One row for each question."""
    shares = estimator.predict_proba(material)
    best = shares.argmax(axis=1)
    return [
        {"question": asked, "answer": estimator.classes_[k], "probability": round(float(row[k]), 4)}
        for asked, row, k in zip(material.questions, shares, best, strict=True)
    ]


def _translations(estimator: Any, material: Any) -> list[Row]:
    """One row for each sentence."""
    said = estimator.predict(material)
    return [
        {"source": source, "translation": one} for source, one in zip(material.sources, said, strict=True)
    ]


def _transcripts(estimator: Any, material: Any) -> list[Row]:
    """One row for each recording."""
    said = zip(material.recordings, estimator.predict(material), strict=True)
    return [{"file": one.name, "text": text} for one, text in said]


def _captions(estimator: Any, material: Any) -> list[Row]:
    """One row for each picture."""
    said = estimator.predict(material)
    return [{"image": name, "caption": one} for name, one in zip(material.names, said, strict=True)]


ROWS: Mapping[str, Callable[[Any, Any], list[Row]]] = {
    "answer": _answers,
    "caption": _captions,
    "classify": _classes,
    "forecast": _future,
    "tag": _tags,
    "transcribe": _transcripts,
    "translate": _translations,
}


# The tasks that answer with one text each, and its column.
LINES = {"transcribe": "text", "translate": "translation"}


def _writer(out: Path | None, task: str) -> Callable[[list[Row]], str] | None:
    """By the ending of the file; None on stdout, where the material decides."""
    writers = {".csv": _csv, ".jsonl": _json_lines} | ({".txt": _lines} if task in LINES else {})
    if out is None:
        return None
    ending = out.suffix.lower()
    if ending not in writers:
        raise SettingError(
            "predictions do not go to such a file",
            where="--out",
            got=out,
            expected=", ".join(writers),
        )
    return writers[ending]


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A list in one cell, as `--separator ";"` reads it."""
    return ";".join(map(str, value)) if isinstance(value, list) else value


def _lines(rows: list[Row]) -> str:
    """The texts alone, a line each."""
    texts = [next(str(row[name]) for name in LINES.values() if name in row) for row in rows]
    return "".join(" ".join(text.split()) + "\n" for text in texts)


def _json_lines(rows: list[Row]) -> str:
    return "".join(to_json(row) + "\n" for row in rows)
