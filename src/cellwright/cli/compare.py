"""`cellwright compare TASK DATA --cells A,B,...`: one split, one table. Floor 7."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cellwright.checkpoint import to_json
from cellwright.cli.announce import Announced
from cellwright.cli.options import split_names, with_settings
from cellwright.cli.reading import sizes, test_part
from cellwright.cli.scores import columns_of
from cellwright.cli.screen import table
from cellwright.errors import SettingError
from cellwright.page.numbers import number
from cellwright.tasks.compare import Leaderboard, compare, contenders
from cellwright.tasks.load import task_class
from cellwright.tasks.report.verdict import method_name, score_name

USUAL = ("elman", "lstm", "gru")


def command(task: str, arguments: list[str]) -> Callable[..., None]:
    """The command of one task: its settings are the options, but for the cell."""
    cls = task_class(task)
    usual = ",".join((*USUAL, *cls.NOT_CELLS))

    def run(
        data: Annotated[str, typer.Argument(help="a file, or the name of a bundled sample", metavar="DATA")],
        cells: Annotated[
            str, typer.Option(help="cells, or networks without one, separated by commas")
        ] = usual,
        test: Annotated[
            str, typer.Option(help="a share to hold out for the scores, or a file of its own")
        ] = cls.TEST,
        out: Annotated[
            Path | None, typer.Option(help="a folder to keep the run of each cell in", show_default=False)
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="the table as JSON")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="no progress, only the results")] = False,
        *,
        settings: dict[str, Any],
    ) -> None:
        estimator = cls(**settings)
        models = contenders(estimator, split_names(cells))
        material = estimator.read(data)
        held = test_part(estimator, test)
        if held is None:
            raise SettingError(
                "cells are compared on a test part", where="--test", got=test, expected="a share or a file"
            )
        lines = [f"data: {material.note}", f"split: {sizes(estimator, material, held)}"]
        first = next(iter(models))
        watch = {
            cell: Announced([*(lines if cell == first else ()), f"{cell}:"], quiet=quiet) for cell in models
        }
        board = compare(models, material, test=held, out=out, watch=watch)
        print(to_json(board.document(), indent=1)) if as_json else _print(board)

    return with_settings(cls, run, without=("cell",))


def _print(board: Leaderboard) -> None:
    """The cells best first, then the baselines."""
    columns = columns_of(board.score, board.entries[0].scores)
    rows = [
        [
            entry.cell,
            *(number(entry.scores.get(name)) for name in columns),
            f"{entry.parameters:,}",
            f"{entry.seconds:.1f}",
        ]
        for entry in board.entries
    ]
    for name, scores in board.baselines.items():
        rows.append(
            [f"{method_name(name)} (baseline)", *(number(scores.get(column)) for column in columns), "", ""]
        )
    head = ("on the test part", *map(score_name, columns), "parameters", "seconds")
    table(head, rows, numbers=len(head) - 1)
