"""`cellwright generate RUN`: a trained text model writes on from a prompt; music: `cli/music`. Floor 7."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from cellwright.cli import music
from cellwright.cli.loaded import on_a_run, task_of
from cellwright.cli.options import real, whole
from cellwright.errors import SettingError
from cellwright.tasks.base import Estimator
from cellwright.tasks.compose.task import Composer
from cellwright.tasks.generate.task import Generator


def command(arguments: list[str]) -> Callable[..., None]:
    """The command for the run that the arguments name."""
    if task_of(arguments) == Composer.TASK:
        return music.composing(arguments)

    def generate(
        estimator: Estimator[Any, Any],
        prompt: Annotated[str, typer.Option(help="what to go on from; it is printed first")] = "",
        length: Annotated[
            int, typer.Option(parser=whole, metavar="N", help="tokens to write: characters, or words")
        ] = 300,
        temperature: Annotated[
            float,
            typer.Option(parser=real, metavar="X", help="1: as learnt; less: the likely; 0: the likeliest"),
        ] = 0.8,
        top_k: Annotated[
            int | None,
            typer.Option(parser=whole, metavar="N", help="choose among the N likeliest", show_default="all"),
        ] = None,
        top_p: Annotated[
            float | None,
            typer.Option(
                parser=real,
                metavar="X",
                help="choose among the likeliest with this share",
                show_default="all",
            ),
        ] = None,
        beam: Annotated[
            int | None,
            typer.Option(
                parser=whole,
                metavar="N",
                help="search for the likeliest text, N kept at every step; nothing is drawn",
                show_default="draw",
            ),
        ] = None,
        given: Annotated[
            list[str] | None,
            typer.Option(
                metavar="COLUMN=VALUE",
                help="of a model of a table: what stands before the text; once for each column",
                show_default=False,
            ),
        ] = None,
        seed: Annotated[
            int, typer.Option(parser=whole, metavar="N", help="the same seed, the same text")
        ] = 0,
    ) -> None:
        if not isinstance(estimator, Generator):
            raise SettingError(
                f"a run of the task {estimator.TASK} does not write",
                fix="let it predict: cellwright predict RUN DATA",
            )
        pieces = estimator.stream_text(
            prompt, length, temperature, top_k, seed, top_p, _pairs(given or []), beam
        )
        sys.stdout.write(prompt)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")

    return on_a_run(generate, arguments, columns=False)


def _pairs(given: Sequence[str]) -> dict[str, str]:
    """`COLUMN=VALUE`, each once."""
    found: dict[str, str] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or name in found:
            expected = "COLUMN=VALUE, each column once"
            raise SettingError("no column with its value", where="--given", got=pair, expected=expected)
        found[name] = value
    return found
