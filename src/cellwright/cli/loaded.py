"""What the verbs on a run folder share: the run is read first, its columns become options. Floor 7."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cellwright.cli.options import COLUMNS, with_settings
from cellwright.cli.verbs import HELP
from cellwright.errors import SettingError
from cellwright.tasks.base import Estimator
from cellwright.tasks.load import load_run
from cellwright.tasks.training.run import Run as Open
from cellwright.tasks.training.settings import fields

Run = Annotated[str, typer.Argument(help="a run folder made by `cellwright train`", metavar="RUN")]


def on_a_run(
    function: Callable[..., None], arguments: list[str], columns: bool = True
) -> Callable[..., None]:
    """`function(estimator, ...)` as a command whose first argument is a run.

    Args:
        function: its first argument is the trained estimator; the others are arguments and options.
        arguments: as typed; the first is the run, unless only help is asked for.
        columns: whether the settings that say how a file is read become options.

    Raises:
        SettingError: an option before the run.
        RunError: as `load_run`.
    """
    if not arguments or set(HELP) & set(arguments[:1]):
        return _with_run(function, None)
    if arguments[0].startswith("-"):
        raise SettingError("the run comes before the options", got=arguments[0], expected="RUN first")
    estimator = load_run(arguments[0])
    command = _with_run(function, estimator)
    if not columns:
        return command
    others = tuple(field.name for field in fields(estimator) if field.name not in COLUMNS)
    return with_settings(type(estimator), _setting(command, estimator), without=others)


def task_of(arguments: list[str]) -> str:
    """The task of the run that the arguments name first; "" where they name none.

    Raises:
        RunError: as `load_run`.
    """
    if not arguments or arguments[0].startswith("-"):
        return ""
    return str(Open.open(arguments[0]).document().get("task"))


def _with_run(function: Callable[..., None], estimator: Estimator[Any, Any] | None) -> Callable[..., None]:
    """The function with the run's name in the place of the estimator, which is known already."""

    def command(run: str, **values: Any) -> None:
        function(estimator, **values)

    _, *others = inspect.signature(function, eval_str=True).parameters.values()
    first = inspect.Parameter("run", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Run)
    return _signed(command, [first, *others])


def _setting(command: Callable[..., None], estimator: Estimator[Any, Any]) -> Callable[..., None]:
    """The command with a last argument: the settings to read the data by."""

    def with_columns(*, settings: dict[str, Any], **values: Any) -> None:
        estimator.set_params(**settings)
        command(**values)

    last = inspect.Parameter("settings", inspect.Parameter.KEYWORD_ONLY)
    return _signed(with_columns, [*inspect.signature(command).parameters.values(), last])


def _signed(function: Callable[..., None], parameters: list[inspect.Parameter]) -> Callable[..., None]:
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function
