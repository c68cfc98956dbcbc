"""`cellwright evaluate RUN DATA`: the scores of a trained model on other data. Floor 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cellwright.checkpoint import as_read, to_json
from cellwright.cli.loaded import on_a_run
from cellwright.cli.scores import columns_of
from cellwright.cli.screen import notice, table
from cellwright.page.numbers import number
from cellwright.tasks.base import Estimator
from cellwright.tasks.report.verdict import score_name


def command(arguments: list[str]) -> Callable[..., None]:
    """The command for the run that the arguments name: its columns are options."""

    def evaluate(
        estimator: Estimator[Any, Any],
        data: Annotated[str, typer.Argument(help="a file with the answers, or a sample", metavar="DATA")],
        as_json: Annotated[bool, typer.Option("--json", help="the scores as JSON")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="no notices")] = False,
    ) -> None:
        material = estimator.read(data)
        scores = as_read(estimator.measure(material), nan=True)
        notice(f"data: {material.note}", quiet=quiet)
        if as_json:
            print(to_json(scores, indent=1))
            return
        then = estimator.metrics_.get("test") or {}
        rows = [
            (score_name(name), number(scores[name]), number(then.get(name)))
            for name in columns_of(estimator.watched, scores)
        ]
        table(("score", "here", "test part of the run"), rows, numbers=2)

    return on_a_run(evaluate, arguments)
