"""`cellwright describe CELL|RUN`: parameters, multiply-adds, memory; a cell beside others. Floor 7."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellwright.cli.options import whole
from cellwright.cli.screen import table
from cellwright.compiler.trace import Cell
from cellwright.description import Description, beside, describe
from cellwright.errors import SettingError
from cellwright.tasks.load import load_run
from cellwright.tasks.training.figures import recurrent

UNITS = ("B", "kB", "MB", "GB", "TB")


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
    steps: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="steps of a training sequence (T)")
    ] = 100,
    batch: Annotated[int, typer.Option(parser=whole, metavar="N", help="sequences in a batch (B)")] = 32,
) -> None:
    """Print the description of a cell, or of the network of a run."""
    if _is_run(thing):
        if units is not None or inputs is not None:
            given = "--units" if units is not None else "--inputs"
            raise SettingError("a run has its own sizes", where=thing, got=given, fix=f"leave {given} out")
        network = load_run(thing).network_
        _print(describe(network), steps, batch)
        layer = recurrent(network)
        if layer is not None:
            print()
            sizes = layer.sizes(0)
            _print_beside(layer.frame.cells[0], sizes["H"], sizes["I"], steps, batch)
        return
    _print(describe(thing, units=units, inputs=inputs), steps, batch)
    print()
    _print_beside(thing, units or 128, inputs or 64, steps, batch)


def _print(found: Description, steps: int, batch: int) -> None:
    memory = found.memory(steps, batch)
    print(found)
    if any(part.matrices for part in found.parts):
        print(f"\n{found.by_matrix()}\n")
    print(f"a step of one sequence reads {size(found.weights)} of weights and carries {size(found.state)} on")
    print(
        f"training with AdamW on {batch} sequences of {steps} steps: {size(memory.total)}, of it weights "
        f"{size(memory.weights)}, gradients {size(memory.gradients)}, optimizer {size(memory.optimizer)}, "
        f"kept by the recurrent layers {size(memory.kept)}"
    )


def _print_beside(cell: Cell | str, units: int, inputs: int, steps: int, batch: int) -> None:
    rows = [
        (name, f"{h:,}", f"{parameters:,}", f"{products:,}", size(weights), size(state), size(training))
        for name, h, parameters, products, weights, state, training in beside(
            cell, units, inputs, steps=steps, batch=batch
        ).iter_rows()
    ]
    head = (
        "as many parameters",
        "units",
        "parameters",
        "multiply-adds a step",
        "weights",
        "state",
        "training",
    )
    table(head, rows, numbers=6)


def size(count: int) -> str:
    """Bytes as people write them.

    >>> size(900), size(395264), size(12_263_424)
    ('900 B', '395 kB', '12.3 MB')
    """
    value, place = float(count), 0
    while value >= 1000 and place < len(UNITS) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.0f} {UNITS[place]}" if value >= 100 or place == 0 else f"{value:.3g} {UNITS[place]}"


def _is_run(thing: str) -> bool:
    """A folder, or what can only be meant as one: a path that is no file of cells."""
    path = Path(thing)
    return path.is_dir() or (
        ".py" not in thing and "(" not in thing and (path.exists() or len(path.parts) > 1)
    )
