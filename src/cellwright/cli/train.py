"""`cellwright train TASK DATA`: from a data file to a run folder. Floor 7.

The options are the settings of the task's estimator. Results go to stdout, progress to stderr. Refuses an
output folder that exists, unless it is told to go on (`--resume`) or to replace (`--force`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cellwright.cli.announce import Announced
from cellwright.cli.options import train_command, with_settings
from cellwright.cli.reading import machinery, many, other_parts, run_folder, sizes, test_part
from cellwright.cli.scores import score_table
from cellwright.errors import RunError
from cellwright.page.numbers import number
from cellwright.tasks import report
from cellwright.tasks.base import Estimator
from cellwright.tasks.forecast.rolling import means
from cellwright.tasks.load import task_class
from cellwright.tasks.report.verdict import method_name
from cellwright.tasks.training.run import Run
from cellwright.tasks.training.settings import fields

NEXT = {
    "forecast": "cellwright predict {run} {data}",
    "classify": "cellwright predict {run} NEW_DATA",
    "tag": "cellwright predict {run} NEW_DATA",
    "answer": "cellwright predict {run} NEW_QUESTIONS",
    "transcribe": "cellwright predict {run} NEW_RECORDINGS",
    "translate": "cellwright predict {run} NEW_SENTENCES",
    "compose": "cellwright generate {run} --out music.mid",
    "caption": "cellwright predict {run} NEW_PICTURES",
    "generate": 'cellwright generate {run} --prompt "..." --length 300',
}

RECIPE = (
    "settings that go together (classify: sites, texts; generate: awd, tied, zaremba; tag: residues); "
    "what is given beside them wins"
)


def command(task: str, arguments: list[str]) -> Callable[..., None]:
    """The command of one task: its settings are the options."""
    cls = task_class(task)

    def train(
        data: Annotated[str, typer.Argument(help="a file, or the name of a bundled sample", metavar="DATA")],
        test: Annotated[
            str | None,
            typer.Option(
                help="a share to hold out for the test (0.2; of a text 0.1), a file of its own, or none",
                show_default=False,
            ),
        ] = None,
        validation: Annotated[
            str | None,
            typer.Option(help="a file that chooses the best epoch, instead of a share", show_default=False),
        ] = None,
        out: Annotated[
            Path | None, typer.Option(help="the run folder (by default runs/TASK-NAME)", show_default=False)
        ] = None,
        resume: Annotated[bool, typer.Option("--resume", help="go on where a run in --out stopped")] = False,
        force: Annotated[bool, typer.Option("--force", help="replace a run that is in --out")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="no progress, only the results")] = False,
        recipe: Annotated[str | None, typer.Option(help=RECIPE, show_default=False)] = None,
        *,
        settings: dict[str, Any],
    ) -> None:
        published = {} if recipe is None else cls.recipe(recipe)
        run = Run.create(out or run_folder(task, data), force=force, resume=resume)
        others = other_parts(run, test, validation, cls.TEST)
        estimator = cls(**_with_started(cls, run, published | settings))
        _train(estimator, data, others, run, quiet)
        title = f"{task} {Path(data).name}"
        again = train_command(task, data, others, published | settings)
        _results(estimator, run.path, report.write(run, estimator, title=title, command=again), data)

    return with_settings(cls, train)


def _train(
    estimator: Estimator[Any, Any], data: str, others: tuple[str, str | None], run: Run, quiet: bool
) -> None:
    estimator.check()
    machine = machinery(estimator)
    material = estimator.read(data)
    held, chosen = test_part(estimator, others[0]), others[1]
    valid = None if chosen is None else (estimator.read(chosen), None)
    split = sizes(estimator, material, held, valid)
    lines = (f"data: {material.note}", f"split: {split}", f"model: {machine}")
    estimator.fit(material, test=held, validation=valid, run=run, observer=Announced(lines, quiet=quiet))


def _with_started(cls: type[Estimator[Any, Any]], run: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given, over those that a resumed run was started with."""
    if not (run.resuming and run.begun):
        return dict(given)
    started = run.started()
    if started["task"] != cls.TASK:
        raise RunError("the run is of another task", where=run.path, got=cls.TASK, expected=started["task"])
    known = {field.name for field in fields(cls)}
    return {name: value for name, value in started["settings"].items() if name in known} | dict(given)


def _results(estimator: Estimator[Any, Any], run: Path, page: Path, data: str) -> None:
    metrics = estimator.metrics_
    score_table(str(estimator.cell), metrics)
    if rolled := metrics.get("examples", {}).get("backtest"):
        said = ", ".join(f"{method_name(name)} {number(v)}" for name, v in means(rolled, "mase").items())
        print(f"rolling origin, {many(len(rolled), 'time')}, mean MASE: {said}")
    epochs = many(metrics["epochs"], "epoch")
    print(f"{metrics['parameters']:,} parameters, {epochs}, {metrics['seconds']:.1f} s")
    print(f"run   {run}")
    print(f"page  {page}")
    print(f"next  {NEXT[estimator.TASK].format(run=shlex.quote(str(run)), data=shlex.quote(data))}")
