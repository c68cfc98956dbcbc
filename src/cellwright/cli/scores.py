"""The score beside the baselines, as a small table and a sentence. Floor 7; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.cli.screen import table
from cellwright.page.numbers import number
from cellwright.tasks.report.verdict import method_name, score_name, verdict


def score_table(name: str, metrics: Mapping[str, Any]) -> None:
    """The model's scores and each baseline's, and what they say; of the validation part if need be."""
    judged = verdict(metrics)
    measured = metrics.get("test") or metrics.get("valid")
    if measured:
        rows = {name: measured, **{method_name(k): v for k, v in metrics["baselines"].items()}}
        columns = columns_of(metrics["score"], measured)
        table(
            (f"on the {judged.measured_on}", *map(score_name, columns)),
            _cells(rows, columns),
            numbers=len(columns),
        )
    print(judged.sentence)


def columns_of(score: str, measured: Mapping[str, Any]) -> list[str]:
    """The names of the scores, the main one first."""
    return [score, *(name for name in measured if name != score)]


def _cells(rows: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> list[list[str]]:
    return [[name, *(number(scores.get(column)) for column in columns)] for name, scores in rows.items()]
