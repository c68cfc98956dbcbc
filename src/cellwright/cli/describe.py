"""`cellwright describe CELL|RUN`: parameters and multiply-adds per step, by equation. Floor 7."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellwright.cli.options import whole
from cellwright.description import describe
from cellwright.errors import SettingError
from cellwright.tasks.load import load_run


def run(
    thing: Annotated[
        str, typer.Argument(help="a cell's name, FILE.py:NAME, or a run folder", metavar="CELL|RUN")
    ],
    units: Annotated[
        int | None,
        typer.Option(
            parser=whole, metavar="N", help="units of a cell (H); a run has its own", show_default="128"
        ),
    ] = None,
    inputs: Annotated[
        int | None,
        typer.Option(
            parser=whole, metavar="N", help="inputs of a cell (I); a run has its own", show_default="64"
        ),
    ] = None,
) -> None:
    """Print the description of a cell, or of the network of a run."""
    if not _is_run(thing):
        print(describe(thing, units=units, inputs=inputs))
        return
    if units is not None or inputs is not None:
        given = "--units" if units is not None else "--inputs"
        raise SettingError("a run has its own sizes", where=thing, got=given, fix=f"leave {given} out")
    print(describe(load_run(thing).network_))


def _is_run(thing: str) -> bool:
    """A folder, or what can only be meant as one: a path that is no file of cells."""
    path = Path(thing)
    return path.is_dir() or (
        ".py" not in thing and "(" not in thing and (path.exists() or len(path.parts) > 1)
    )
