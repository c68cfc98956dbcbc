"""`cellwright data`: the bundled samples; `cellwright data NAME` writes one to stdout. Floor 7."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cellwright import samples
from cellwright.cli.screen import table


def run(
    name: Annotated[
        str | None, typer.Argument(help="a sample to print; nothing lists them", metavar="NAME")
    ] = None,
) -> None:
    """List the samples, or print one."""
    if name is not None:
        sys.stdout.write(samples.text(name))
        return
    rows = [(sample.name, sample.task, sample.about, sample.origin) for sample in samples.describe()]
    table(("sample", "task", "what it holds", "from"), rows)
    print("\nuse one by its name: cellwright train forecast air_passengers")
