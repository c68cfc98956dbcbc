"""`cellwright stream RUN`: a line in, a line out, flushed, until the lines end. Floor 7.

Nothing is read ahead of the answers: a reader that waits makes the writer wait. With --state the stream goes
on where the last one ended. Raw sound is the one thing without lines: it is answered when the text changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from cellwright.checkpoint import read_bytes, write_atomic
from cellwright.cli.loaded import on_a_run
from cellwright.cli.screen import notice
from cellwright.errors import SettingError
from cellwright.stream import Stream, Streamed
from cellwright.tasks.base import Estimator
from cellwright.tasks.lines import FORMS, LONGEST, Lines
from cellwright.tasks.transcribe.raw import PCM, Raw

if TYPE_CHECKING:
    from io import BufferedReader


def command(arguments: list[str]) -> Callable[..., None]:
    """The command for the run that the arguments name."""

    def stream(
        estimator: Estimator[Any, Any],
        form: Annotated[
            str,
            typer.Option(
                "--format", help=f"of the lines: {', '.join(FORMS)} (by the first line); {PCM}: raw sound"
            ),
        ] = "auto",
        rate: Annotated[
            int | None,
            typer.Option(help="samples a second of raw sound (by default the run's)", show_default=False),
        ] = None,
        state: Annotated[
            Path | None,
            typer.Option(
                help="go on from this file if it is there, and keep the state in it", show_default=False
            ),
        ] = None,
        quiet: Annotated[bool, typer.Option("--quiet", help="no notices")] = False,
    ) -> None:
        if not isinstance(estimator, Streamed):
            raise SettingError(f"a run of the task {estimator.TASK} does not stream")
        if form not in (*FORMS, PCM):
            raise SettingError("no such form", where="--format", got=form, expected=", ".join((*FORMS, PCM)))
        if rate is not None and form != PCM:
            raise SettingError(f"--rate goes with --format {PCM}", got=f"--format {form}")
        live, source = Stream(estimator), cast("BufferedReader", sys.stdin.buffer)
        speaker: Raw | Lines = Raw(live, rate) if form == PCM else Lines(live, form)
        answers = speaker.answers(source) if isinstance(speaker, Raw) else speaker.answers(_read(source))
        if state is not None and state.exists():
            live.restore(read_bytes(state))
        try:
            for said in answers:
                print(said, flush=True)
        finally:
            if state is not None:
                write_atomic(state, live.snapshot())
        notice(speaker.told(), quiet=quiet)

    return on_a_run(stream, arguments, columns=False)


def _read(source: BinaryIO) -> Iterator[bytes]:
    """Line by line; of one that is too long no more than its beginning is kept."""
    while line := source.readline(LONGEST):
        rest = line
        while len(rest) == LONGEST and not rest.endswith(b"\n"):
            rest = source.readline(LONGEST)
        yield line
