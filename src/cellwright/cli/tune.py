"""`cellwright tune TASK DATA`: settings tried on folds of the training part, no look at the test. Floor 7.

A setting that is given is fixed; units, layers, dropout, learning rate and the cell are searched otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cellwright.checkpoint import write_atomic
from cellwright.cli.options import split_names, train_command, with_settings
from cellwright.cli.reading import run_folder, test_part
from cellwright.cli.screen import notice, table
from cellwright.errors import SettingError
from cellwright.page.numbers import number
from cellwright.tasks.load import task_class
from cellwright.tasks.report.search import search_page
from cellwright.tasks.report.verdict import score_name
from cellwright.tasks.search import RANGES, Tried, search, space

PAGE, SHOWN = "search.html", 10
DEFAULT = ",".join(f"{name}={low:g}:{high:g}" for name, (low, high) in RANGES.items())


def command(task: str, arguments: list[str]) -> Callable[..., None]:
    """The command of one task: its settings are the options."""
    cls = task_class(task)

    def run(
        data: Annotated[str, typer.Argument(help="a file, or the name of a bundled sample", metavar="DATA")],
        cells: Annotated[str, typer.Option(help="cells to try, separated by commas")] = "lstm,gru",
        ranges: Annotated[
            str, typer.Option(help=f"what to search, NAME=LOW:HIGH (default {DEFAULT})", show_default=False)
        ] = "",
        trials: Annotated[int, typer.Option(help="how many in all, earlier ones of a study too", min=1)] = 30,
        folds: Annotated[int, typer.Option(help="parts of the training part, each held out once", min=2)] = 3,
        test: Annotated[str, typer.Option(help="a share or a file that stays untouched, or none")] = cls.TEST,
        out: Annotated[
            Path | None, typer.Option(help="a folder (by default runs/tune-TASK-NAME)", show_default=False)
        ] = None,
        resume: Annotated[bool, typer.Option("--resume", help="go on with the study in --out")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="no progress, only the results")] = False,
        *,
        settings: dict[str, Any],
    ) -> None:
        fixed = {"refit": "no"} if hasattr(cls, "refit") else {}
        estimator = cls(**{**fixed, **settings})
        wanted = space([settings["cell"]] if "cell" in settings else split_names(cells), ranges, settings)
        if not wanted.cells:
            raise SettingError("no cell to try", where="--cells", got=cells)
        for cell in wanted.cells:
            cls(**{**settings, "cell": cell}).find_cell()
        material = estimator.read(data)
        held = test_part(estimator, test)
        folder = out or run_folder(f"tune-{task}", data)

        def told(tried: Tried, count: int) -> None:
            score = (
                "cut short"
                if tried.score is None
                else f"{score_name(estimator.watched)} {number(tried.score)}"
            )
            notice(f"trial {count}/{trials}  {_settings(tried)}  {score}", quiet=quiet)

        notice(f"data: {material.note}", quiet=quiet)
        found = search(
            estimator,
            material,
            wanted,
            folder=folder,
            trials=trials,
            folds=folds,
            test=held,
            resume=resume,
            watch=told,
        )
        again = train_command(task, data, (test, None), {**settings, **_chosen(found[0].settings)})
        page = folder / PAGE
        write_atomic(
            page, search_page(f"tune {task} {Path(data).name}", found, estimator.watched, cls.BETTER, again)
        )
        _print(found, estimator.watched)
        print(f"study {folder}\npage  {page}\nnext  {again}")

    return with_settings(cls, run)


def _print(found: Sequence[Tried], score: str) -> None:
    names = list(found[0].settings)
    rows = [
        [
            *(_short(one.settings[name]) for name in names),
            "cut short" if one.score is None else number(one.score),
        ]
        for one in found[:SHOWN]
    ]
    table((*names, f"{score_name(score)}, mean of the folds"), rows, numbers=len(names))


def _settings(tried: Tried) -> str:
    return " ".join(f"{name} {_short(value)}" for name, value in tried.settings.items())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _chosen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a trial, as short as they can be typed."""
    return {name: float(_short(v)) if isinstance(v, float) else v for name, v in settings.items()}
