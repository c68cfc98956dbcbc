"""`cellwright generate RUN --out music.mid`: a composer's run writes music as a MIDI file. Floor 7."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cellwright.checkpoint import write_atomic
from cellwright.cli.loaded import on_a_run
from cellwright.cli.options import real, whole
from cellwright.errors import SettingError
from cellwright.tasks.base import Estimator
from cellwright.tasks.compose.midi import midi
from cellwright.tasks.compose.rolls import keys_of, normal

ENDINGS = (".mid", ".midi")


def composing(arguments: list[str]) -> Callable[..., None]:
    """The command for the run that the arguments name."""

    def generate(
        estimator: Estimator[Any, Any],
        out: Annotated[
            Path | None, typer.Option(help="the MIDI file to write, .mid", show_default=False)
        ] = None,
        prompt: Annotated[
            str, typer.Option(help="a file of pieces: go on from the first one's beginning; FILE.json:PART")
        ] = "",
        heard: Annotated[
            int, typer.Option(parser=whole, metavar="N", help="steps of the prompt that are played first")
        ] = 16,
        length: Annotated[int, typer.Option(parser=whole, metavar="N", help="steps to write")] = 64,
        temperature: Annotated[
            float,
            typer.Option(parser=real, metavar="X", help="1: as learnt; less: the likely; 0: the likeliest"),
        ] = 1.0,
        tempo: Annotated[float, typer.Option(parser=real, metavar="X", help="steps in a minute")] = 100.0,
        seed: Annotated[
            int, typer.Option(parser=whole, metavar="N", help="the same seed, the same music")
        ] = 0,
    ) -> None:
        where = _checked(out, tempo, heard)
        before = keys_of(estimator.read(prompt).pieces[0][:heard]) if prompt else []
        after = estimator.generate(before, length, temperature, seed)
        roll = normal([[*before, *after, []]]).pieces[0][:-1]
        write_atomic(where, midi(roll, tempo))
        keys = int(np.count_nonzero(roll.any(0)))
        print(f"wrote {where}: {len(roll)} steps, {60 * len(roll) / tempo:.0f} s, {keys} different keys")

    return on_a_run(generate, arguments, columns=False)


def _checked(out: Path | None, tempo: float, heard: int) -> Path:
    if out is None:
        raise SettingError("music is written to a file", fix="--out music.mid")
    if out.suffix.lower() not in ENDINGS:
        raise SettingError("music does not go to such a file", where="--out", got=out, expected=".mid")
    if not 4 <= tempo <= 1000:
        raise SettingError("tempo must be from 4 to 1000 steps in a minute", got=tempo)
    if heard < 1:
        raise SettingError("heard must be at least 1", got=heard)
    return out
