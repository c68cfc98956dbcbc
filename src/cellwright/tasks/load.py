"""Which class belongs to which task, and how a run becomes an estimator again. Floor 6; executes no code.

Refuses tasks that are not in the table (RunError).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cellwright.errors import RunError, SettingError
from cellwright.tasks.training.run import Run
from cellwright.tasks.training.settings import nearest

if TYPE_CHECKING:
    from cellwright.tasks.base import Estimator

TASKS = {
    "answer": "cellwright.tasks.answer.task:Answerer",
    "caption": "cellwright.tasks.caption.task:Captioner",
    "classify": "cellwright.tasks.classify.task:Classifier",
    "compose": "cellwright.tasks.compose.task:Composer",
    "forecast": "cellwright.tasks.forecast.task:Forecaster",
    "generate": "cellwright.tasks.generate.task:Generator",
    "tag": "cellwright.tasks.tag.task:Tagger",
    "transcribe": "cellwright.tasks.transcribe.task:Transcriber",
    "translate": "cellwright.tasks.translate.task:Translator",
}


def task_class(task: str) -> type[Estimator[Any, Any]]:
    """The estimator class of a task, imported now.

    Raises:
        SettingError: no such task.
    """
    if task not in TASKS:
        raise SettingError(f"no such task{nearest(task, TASKS)}", got=task, expected=", ".join(TASKS))
    module, _, name = TASKS[task].partition(":")
    return cast("type[Estimator[Any, Any]]", getattr(import_module(module), name))


def load_run(path: Path | str) -> Estimator[Any, Any]:
    """The trained estimator of a finished run folder.

    Raises:
        RunError: see `Run.open`; the task is unknown; a piece does not fit another.
    """
    task = Run.open(path).document().get("task")
    if task not in TASKS:
        raise RunError("the run is of an unknown task", where=path, got=task, expected=", ".join(TASKS))
    return task_class(task).load(path)
