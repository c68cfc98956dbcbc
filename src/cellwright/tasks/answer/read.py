"""From a file to stories with questions: bAbI's format, or a table with three columns. Floor 6.

bAbI (Weston et al. 2015): a line is a number and a fact, or a number, a question, a tab and its answer
(further columns are not read); the number 1 begins a new story. Refuses lines that are neither, naming them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cellwright.errors import DataError
from cellwright.tasks.answer.stories import Stories, facts_of
from cellwright.tasks.data import read_table, resolve, strings
from cellwright.tasks.data.roles import find_column
from cellwright.tasks.data.source import Source, file_of, format_of, read_utf8, shown
from cellwright.tasks.data.text import read_text

TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
NAMES = {
    "story": ("story", "context", "passage", "text", "故事", "上下文", "原文"),
    "question": ("question", "query", "问题"),
    "answer": ("answer", "label", "target", "答案"),
}
_NUMBERED = re.compile(r"(\d+)\s+(\S.*)")


def read(
    data: Any,
    *,
    story: str = "",
    question: str = "",
    answer: str = "",
    known: Mapping[str, str] | None = None,
) -> Stories:
    """Read a file in bAbI's format, or a table (CSV, TSV, JSON Lines, Parquet).

    Args:
        data: a path.
        story, question, answer: columns of a table; empty: the usual names.
        known: the columns a trained model was trained on, tried before the usual names; answers may lack
            then. None before training.

    Raises:
        DataError: a line that is neither fact nor question, a question before any fact; a table without one
            of the columns; what the readers refuse.
    """
    source = resolve(data)
    if source.path is not None and format_of(file_of(source)) in TABLES:
        return _table(source, {"story": story, "question": question, "answer": answer}, known)
    return _numbered(source)


def _numbered(source: Source) -> Stories:
    facts: list[list[str]] = []
    questions, answers = [], []
    told: list[str] = []
    last = 0
    text = read_text(source) if source.path is None else read_utf8(file_of(source))
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{shown(source)}, line {number}"
        count, said = _line(line, where)
        if count == 1:
            told = []
        elif count <= last:
            raise DataError(
                "the numbers of a story do not rise", where=where, got=count, expected=f"{last + 1}, or 1"
            )
        last = count
        if "\t" not in said:
            told.append(said.strip())
            continue
        asked, answer = (part.strip() for part in said.split("\t")[:2])
        if not told:
            raise DataError("a question before any fact", where=where, got=repr(asked[:40]))
        if not answer or not asked:
            raise DataError("a question without an answer", where=where, got=repr(said[:40]))
        facts.append(list(told))
        questions.append(asked)
        answers.append(answer)
    if not questions:
        raise DataError(
            "facts, and no question", where=shown(source), expected="1 FACT ... 3 QUESTION<tab>ANSWER"
        )
    return Stories(
        facts, questions, answers, note=f"{len(questions):,} questions in bAbI's format", place=shown(source)
    )


def _line(line: str, where: str) -> tuple[int, str]:
    found = _NUMBERED.fullmatch(line.strip("\r\n "))
    if found is None:
        raise DataError(
            "a line without a number",
            where=where,
            got=repr(line[:40]),
            expected="NUMBER FACT, or NUMBER QUESTION<tab>ANSWER",
            fix="a table needs an ending of its own, such as .csv",
        )
    return int(found[1]), found[2]


def _table(source: Source, asked: Mapping[str, str], known: Mapping[str, str] | None) -> Stories:
    frame = read_table(source)
    names = {}
    for role, column in asked.items():
        if column:
            names[role] = find_column(frame.columns, column, f"--{role}", source)
            continue
        usual = ((known or {}).get(role, ""), *NAMES[role])
        lowered = {name.lower(): name for name in frame.columns}
        found = next((lowered[name.lower()] for name in usual if name.lower() in lowered), None)
        if found is not None:
            names[role] = found
        elif role != "answer" or known is None:
            raise DataError(
                f"no column to take as the {role}",
                where=shown(source),
                got=f"columns {', '.join(frame.columns)}",
                fix=f"set --{role}",
            )
    cells = {role: [cell or "" for cell in strings(frame, name)] for role, name in names.items()}
    facts = [facts_of(text) for text in cells["story"]]
    answers = [text.strip() for text in cells["answer"]] if "answer" in cells else None
    said = ", ".join(f"{role} = {name}" for role, name in names.items())
    note = f"{len(facts):,} rows, {said}"
    lost = sum(1 for row in zip(facts, cells["question"], answers or facts, strict=True) if not all(row))
    note += f"; {lost} with an empty cell are left out of training and scores" if lost else ""
    return Stories(facts, cells["question"], answers, note=note, columns=names, place=shown(source))
