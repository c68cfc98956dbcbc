"""Options out of an estimator's settings: name, type, help, default and bounds are said there, once. Floor 7.

An option that was not given stays out of the settings, so that a resumed run keeps what it was started with.
"""

from __future__ import annotations

import functools
import inspect
import shlex
import types
from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from cellwright.tasks.base import Estimator
from cellwright.tasks.training.settings import fields

# The settings that only say how a file is read: a trained run may meet a file with other columns.
COLUMNS = (
    *("text", "label", "time", "source", "target", "covariates", "series", "static", "holidays"),
    *("gaps", "duplicates", "story", "question", "answer", "transcripts", "file"),
    *("features", "image", "caption", "prefix"),
)
GENERAL = "Network and training"
GENERAL_SETTINGS = frozenset(field.name for field in fields(Estimator))


def whole(text: str) -> int:
    """A whole number out of an option."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"got {text}, expected a whole number") from None


def real(text: str) -> float:
    """A number out of an option."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"got {text}, expected a number") from None


def split_names(text: str) -> list[str]:
    """Names between commas that are in no brackets.

    >>> split_names("elman(nonlinearity='relu'), lstm")
    ["elman(nonlinearity='relu')", 'lstm']
    """
    found, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [name.strip() for name in found if name.strip()]


def with_settings(
    cls: type[Estimator[Any, Any]], function: Callable[..., None], without: tuple[str, ...] = ()
) -> Callable[..., None]:
    """`function`, whose last argument is the `settings` that were given, with an option for each of them.

    Args:
        cls: the estimator whose settings become options.
        function: its other arguments are arguments and options of the command as they are.
        without: settings that get no option.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[:-1]
    hints = get_type_hints(cls)
    chosen = [field for field in fields(cls) if field.name not in without]
    chosen.sort(key=lambda field: field.name in GENERAL_SETTINGS)
    settings = [_parameter(cls, field, hints[field.name]) for field in chosen]
    names = [parameter.name for parameter in settings]

    @functools.wraps(function)
    def command(**values: Any) -> None:
        given = {name: value for name in names if (value := values.pop(name)) is not None}
        function(**values, settings=given)

    options = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *settings)]
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in options}
    return command


def _parameter(cls: type[Estimator[Any, Any]], field: Field[Any], hint: Any) -> inspect.Parameter:
    """One setting as an option; its name is the setting's with hyphens."""
    name = field.name.replace("_", "-")
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    shared: dict[str, Any] = {
        "help": _help(cls, field),
        "show_default": False,
        "rich_help_panel": GENERAL if field.name in GENERAL_SETTINGS else f"Settings of {cls.TASK}",
    }
    kind: type = bool
    if bool in kinds:
        option = typer.Option(f"--{name}/--no-{name}", **shared)
    else:
        parser, metavar, kind = _reader(kinds)
        option = typer.Option(f"--{name}", parser=parser, metavar=metavar, **shared)
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _reader(kinds: tuple[Any, ...]) -> tuple[Callable[[str], Any], str, type]:
    """How the text of an option is read, what its help calls it, and its type."""
    number = (whole, "N", int) if int in kinds else (real, "X", float) if float in kinds else None
    if number is None:
        return str, "TEXT", str
    if str not in kinds:
        return number

    def either(text: str) -> Any:
        try:
            return number[2](text)
        except ValueError:
            return text

    return either, f"{number[1]}|TEXT", str


def _help(cls: type[Estimator[Any, Any]], field: Field[Any]) -> str:
    """The help of a setting with its choices and default: nothing that the field does not say."""
    notes = []
    if field.name == "cell" and cls.NOT_CELLS:
        notes.append(f"also {', '.join(cls.NOT_CELLS)}")
    if field.metadata.get("choices"):
        notes.append(" | ".join(field.metadata["choices"]))
    if field.default is not None and field.default != "" and not isinstance(field.default, bool):
        notes.append(f"default {field.default}")
    if field.default is True:
        notes.append("on unless switched off")
    return f"{field.metadata.get('help', '')}{' (' + '; '.join(notes) + ')' if notes else ''}"


def train_command(task: str, data: str, others: tuple[str, str | None], settings: Mapping[str, Any]) -> str:
    """The command that trains with these settings; `others`: the test part, and a validation file or None."""
    test, validation = others
    words = ["cellwright", "train", task, data, "--test", test]
    words += [] if validation is None else ["--validation", validation]
    for name, value in settings.items():
        option = name.replace("_", "-")
        words += (
            [f"--{'' if value else 'no-'}{option}"]
            if isinstance(value, bool)
            else [f"--{option}", str(value)]
        )
    return shlex.join(words)
