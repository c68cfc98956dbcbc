"""`cellwright inspect RUN INPUT`: the inside of a trained network on one input, as a page. Floor 7."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cellwright.checkpoint import write_atomic
from cellwright.cli.loaded import on_a_run
from cellwright.cli.options import whole
from cellwright.cli.screen import notice
from cellwright.errors import SettingError
from cellwright.inspect.view import view
from cellwright.page.inside import page
from cellwright.tasks.base import Estimator
from cellwright.tasks.inside import inside
from cellwright.tasks.load import load_run

NAME = "inside.html"


def command(arguments: list[str]) -> Callable[..., None]:
    """The command for the run that the arguments name: its columns are options."""

    def look(
        estimator: Estimator[Any, Any],
        data: Annotated[
            str, typer.Argument(help="a text, a file as in training, or a sample", metavar="INPUT")
        ],
        html: Annotated[
            Path | None, typer.Option(help="the page", metavar="FILE", show_default=f"RUN/{NAME}")
        ] = None,
        row: Annotated[int, typer.Option(parser=whole, metavar="N", help="which example of a file")] = 1,
        layer: Annotated[
            int | None,
            typer.Option(parser=whole, metavar="N", help="which layer, from 1", show_default="the last"),
        ] = None,
        reverse: Annotated[bool, typer.Option("--reverse", help="the direction reading backwards")] = False,
        beside: Annotated[
            list[str] | None,
            typer.Option(help="another run, to compare its gradient on the same input", metavar="RUN"),
        ] = None,
        quiet: Annotated[bool, typer.Option("--quiet", help="no notices")] = False,
    ) -> None:
        found = inside(estimator, data, row)
        others = {name: inside(load_run(name), data, row) for name in beside or []}
        at = found.layer.num_layers if layer is None else layer
        if not 1 <= at <= found.layer.num_layers:
            raise SettingError(
                "no such layer", where="--layer", got=layer, expected=f"1 to {found.layer.num_layers}"
            )
        shown = view(found, at=at - 1, reverse=reverse, beside=others)
        path = Path(arguments[0]) / NAME if html is None else html
        write_atomic(path, page(shown))
        notice(f"input: {shown['length']:,} steps; the network {found.said[0]}", quiet=quiet)
        for english, _ in shown["notes"]:
            notice(english, quiet=quiet)
        print(f"page  {path}")

    return on_a_run(look, arguments)
