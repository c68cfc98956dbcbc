"""`cellwright show CELL`: a cell as text; without CELL, the cells there are. Floor 7; needs no torch."""

from __future__ import annotations

from typing import Annotated

import typer

from cellwright import cells
from cellwright.cli.screen import table
from cellwright.display import show


def run(
    cell: Annotated[
        str | None,
        typer.Argument(help="a cell's name, or FILE.py:NAME; nothing lists the cells", metavar="CELL"),
    ] = None,
    view: Annotated[
        str,
        typer.Option(
            "--as",
            help="equations, latex, mathml, graph, adjoint, plan, cpp, triton, or diagram (SVG)",
            metavar="VIEW",
        ),
    ] = "equations",
    steps: Annotated[int, typer.Option(metavar="N", help="of a diagram: so many steps, unrolled")] = 1,
) -> None:
    """Print one cell, or the list of all."""
    if cell is not None:
        print(show(cells.get(cell), view, steps=steps))
        return
    rows = []
    for name, known in cells.all().items():
        states = ", ".join(state.name for state in known.graph.states)
        rows.append((name, states, known.graph.facts.paper or "-"))
    table(("cell", "states", "paper"), rows)
