"""A fitted estimator as one HTML page: verdict, scores, examples, training, cell, settings, origin. Floor 6.

Everything comes from the estimator's settings, history and metrics; a piece that is missing is left out.
Refuses estimators that are not fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from cellwright.page.markup import Child, Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import document
from cellwright.tasks.base import Estimator
from cellwright.tasks.report.equations import cell_section
from cellwright.tasks.report.examples import examples_section
from cellwright.tasks.report.origin import origin_section, settings_section
from cellwright.tasks.report.score import headline, scores
from cellwright.tasks.report.training import training
from cellwright.tasks.report.verdict import verdict
from cellwright.tasks.training.run import Run
from cellwright.tasks.training.settings import fields

NAME = "report.html"


def page(estimator: Estimator[Any, Any], *, title: str = "", command: str = "") -> str:
    """The report of a fitted estimator as one self-contained HTML page.

    Args:
        estimator: fitted or loaded.
        title: what was trained on what ("Forecast of air_passengers"); the task's name when empty.
        command: what the user typed, to be shown for repeating; "" where there was no command line.

    Raises:
        sklearn.exceptions.NotFittedError: the estimator was not fitted.
    """
    check_is_fitted(estimator)
    metrics, settings = estimator.metrics_, estimator.settings()
    title = title or estimator.TASK
    body: list[Child] = [
        el("h1", title),
        el("p", _lead(estimator, metrics), class_="lead"),
        headline(verdict(metrics)),
        scores(metrics, _model_name(estimator)),
        examples_section(metrics.get("examples") or {}),
        training(estimator.history_, metrics, estimator.clip),
        cell_section(estimator.cell_, estimator.network_, settings),
        settings_section(fields(estimator), settings, _cell_name(estimator)),
        origin_section(command, settings, metrics),
        _footer(),
    ]
    return document(f"{title} – Cellwright report", *body, kind="report")


def write(run: Run, estimator: Estimator[Any, Any], *, title: str = "", command: str = "") -> Path:
    """Write the page into a run folder as `report.html`, atomically; returns its path.

    Raises:
        RunError: the disk is full.
    """
    return run.write(NAME, page(estimator, title=title, command=command))


def _lead(estimator: Estimator[Any, Any], metrics: Mapping[str, Any]) -> str:
    """The model in one line."""
    layers = f"{estimator.layers} layer{'s' if estimator.layers > 1 else ''} of {estimator.units} units"
    both = ", both directions" if estimator.bidirectional else ""
    size = metrics.get("parameters")
    weights = f", {number(size)} parameters" if isinstance(size, int) else ""
    return f"{_cell_name(estimator)}: {layers}{both}{weights}"


def _cell_name(estimator: Estimator[Any, Any]) -> str:
    """The cell's own name; that of another network ("mlp") where there is no cell."""
    return str(estimator.cell) if estimator.cell_ is None else estimator.cell_.graph.name


def _model_name(estimator: Estimator[Any, Any]) -> str:
    return f"{_cell_name(estimator)} (this run)"


def _footer() -> Markup:
    return el(
        "footer",
        "This page is one file. It asks nothing of the network and runs no script; its numbers are those of "
        "metrics.json and history.jsonl beside it.",
    )
