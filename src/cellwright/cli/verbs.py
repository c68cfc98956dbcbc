"""The table of verbs and the table of tasks, and what a verb hands to the entry. Floor 7.

Only the file of the verb that was asked for is imported, so every `--help` before a verb stays light. Refuses
verbs and tasks that are not there, naming the nearest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from cellwright.cli.usage import unknown
from cellwright.errors import SettingError

HELP = ("-h", "--help")
MODELS, LOOKING, MACHINE = "Models", "Looking inside", "This machine"


@dataclass(frozen=True)
class Row:
    """One line of a help page: a verb or a task, what it is for, and the group it is shown in."""

    name: str
    help: str
    group: str = "Tasks"


@dataclass(frozen=True)
class Command:
    """What is to be parsed: a function whose signature is the options, and the arguments that are left.

    `name` is what was typed before them. Where `rows` are given there is nothing to run yet, only help.
    """

    name: str
    help: str
    arguments: list[str]
    function: Callable[..., Any] | None = None
    rows: tuple[Row, ...] = ()


VERBS = (
    Row("train", "train a recurrent model on a data file", MODELS),
    Row("evaluate", "score a trained model on other data", MODELS),
    Row("predict", "let a trained model predict, as CSV, JSON Lines or plain lines", MODELS),
    Row("generate", "let a trained model of texts write, or of music compose", MODELS),
    Row("stream", "let a trained model answer live: a line in, a line out", MODELS),
    Row("compare", "train several cells on one split, and print one table", MODELS),
    Row("tune", "choose cell, units, layers, dropout and learning rate by cross-validation", MODELS),
    Row("inspect", "the gates of a trained model on one input, as a page to step through", LOOKING),
    Row("show", "a cell as equations, as LaTeX, drawn, or as the code that runs", LOOKING),
    Row("describe", "parameters, multiply-adds and memory; a cell beside others", LOOKING),
    Row("data", "the bundled samples", MACHINE),
    Row("doctor", "what this machine can run; with a run, what ails its training", MACHINE),
    Row("bench", "how fast cells train on this machine, beside torch.nn", MACHINE),
    Row("version", "the versions of Cellwright, Python and torch", MACHINE),
)
TASKS = (
    Row("forecast", "the next values of a table over time (CSV, TSV, Parquet, JSON Lines)"),
    Row("classify", "the class of a text, or of a series (.ts, .npz, wide CSV)"),
    Row("tag", "a tag for every token: names, chunks, parts of speech, slots (CoNLL, CoNLL-U)"),
    Row("generate", "more text like a text file"),
    Row("compose", "music: which notes sound next (JSON of pieces, steps, keys); generate writes MIDI"),
    Row("answer", "answers to questions about stories (bAbI's format, or three columns)"),
    Row("transcribe", "what is said in recordings (a folder or zip of WAVs, and a table of transcripts)"),
    Row("translate", "sentences of another language (two files of lines, or two columns)"),
    Row("caption", "a sentence about a picture or a clip (images or features, and a table of captions)"),
)
WITH_TASK = ("train", "compare", "tune")
ABOUT = "Recurrent networks from their textbook equations: train on your own data file, look inside, predict."


def find(arguments: list[str]) -> Command:
    """The command that the arguments begin with.

    Raises:
        SettingError: no such verb or task.
    """
    if not arguments or arguments[0] in HELP:
        return Command("cellwright", ABOUT, ["--help"], rows=VERBS)
    name = "version" if arguments[0] == "--version" else arguments[0]
    verb, rest = _row("verb", name, VERBS, "cellwright --help"), arguments[1:]
    typed = f"cellwright {verb.name}"
    if verb.name not in WITH_TASK:
        return _built(verb, typed, rest)
    if rest and rest[0] in HELP:
        return Command(typed, f"{verb.help}: {typed} TASK DATA", ["--help"], rows=TASKS)
    if not rest:
        raise SettingError(
            "the task is missing", expected=", ".join(row.name for row in TASKS), fix=f"see {typed} -h"
        )
    task = _row("task", rest[0], TASKS, f"{typed} --help")
    return _built(verb, f"{typed} {task.name}", rest[1:], task.name)


def _row(kind: str, name: str, rows: tuple[Row, ...], hint: str) -> Row:
    for row in rows:
        if row.name == name:
            return row
    if name.startswith("-") and kind == "task":
        raise SettingError("the task comes before the options", got=name, fix=f"see {hint}")
    raise unknown("option" if name.startswith("-") else kind, name, [row.name for row in rows], f"see {hint}")


def _built(verb: Row, typed: str, rest: list[str], *task: str) -> Command:
    """A module with `command` makes its options of the task, or of the arguments; the others have `run`."""
    module = import_module(f"cellwright.cli.{verb.name}")
    function = module.command(*task, rest) if hasattr(module, "command") else module.run
    return Command(typed, verb.help, rest, cast("Callable[..., Any]", function))
