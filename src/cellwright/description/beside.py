"""A cell beside others of as many parameters: what a step costs and carries, what training takes. Floor 5."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cellwright import cells
from cellwright.compiler.trace import Cell
from cellwright.description.parts import Description, describe

COLUMNS = ["cell", "units", "parameters", "multiply_adds", "weights", "state", "training"]
OTHERS = ("elman", "gru", "lstm", "transformer")
HEADS = 4
ITEM = 4
WIDEST = 1 << 16


@dataclass(frozen=True)
class _Costs:
    """Of one kind at some size: numbers of parameters and multiply-adds, and bytes."""

    units: int
    parameters: int
    multiply_adds: int
    state: int
    training: int


def beside(
    cell: Cell | str,
    units: int = 128,
    inputs: int = 64,
    *,
    others: Sequence[Cell | str] = OTHERS,
    steps: int = 100,
    batch: int = 32,
) -> pl.DataFrame:
    """The cell, and others with as nearly as many parameters as their units allow.

    `transformer` is one torch.nn.TransformerEncoderLayer (4 heads, a hidden layer 4 times as wide, no
    dropout) behind a linear map of the input; its step attends to `steps` steps.

    Args:
        cell: a cell or its name.
        units, inputs: H and I.
        others: cells or their names, and "transformer".
        steps, batch: T and B, for the training and for the Transformer's context.

    Returns:
        One row for each: `cell`, `units`, `parameters`, `multiply_adds` of a step of one sequence, and bytes
        in float32: `weights` read by that step, `state` carried to the next (a Transformer carries the keys
        and values of all steps), `training` with AdamW on `batch` sequences of `steps` steps.

    Raises:
        CellError: no such cell. SettingError: a size below 1.

    >>> beside("lstm", 128, 64).select("cell", "units", "parameters").rows()
    [('lstm', 128, 98816), ('elman', 284, 99116), ('gru', 152, 99104), ('transformer', 88, 99792)]
    """
    cell = cells.get(cell) if isinstance(cell, str) else cell
    own = _of_cell(cell, units, inputs, steps, batch)
    rows = [(cell.name, own)]
    for other in others:
        name = other if isinstance(other, str) else other.name
        if name == "transformer":
            rows.append((name, _of_transformer(own.parameters, inputs, steps, batch)))
        elif name != cell.name:
            found = cells.get(other) if isinstance(other, str) else other
            size = _units_for(found, own.parameters, inputs)
            rows.append((name, _of_cell(found, size, inputs, steps, batch)))
    return pl.DataFrame(
        [
            (name, c.units, c.parameters, c.multiply_adds, ITEM * c.parameters, c.state, c.training)
            for name, c in rows
        ],
        schema=["cell", "units", "parameters", "multiply_adds", "weights", "state", "training"],
        orient="row",
    )


def _of_cell(cell: Cell, units: int, inputs: int, steps: int, batch: int) -> _Costs:
    found: Description = describe(cell, units=units, inputs=inputs)
    training = found.memory(steps, batch).total
    return _Costs(units, found.parameters, found.multiply_adds, found.state, training)


def _units_for(cell: Cell, wanted: int, inputs: int) -> int:
    """The units whose parameters come nearest to so many; sizes that a cell cannot have are passed over."""
    found: dict[int, int] = {}
    low, high = 1, WIDEST
    while low <= high:
        units = (low + high) // 2
        near = next((n for n in range(units, high + 1) if _fits(cell, n, inputs)), None)
        if near is None:
            high = units - 1
            continue
        found[near] = _parameters(cell, near, inputs)
        low, high = (near + 1, high) if found[near] < wanted else (low, units - 1)
    return min(found, key=lambda n: (abs(found[n] - wanted), n))


def _fits(cell: Cell, units: int, inputs: int) -> bool:
    """Whether all shapes come out whole: a cell with heads needs units that they divide."""
    try:
        _parameters(cell, units, inputs)
    except ValueError:
        return False
    return True


def _parameters(cell: Cell, units: int, inputs: int) -> int:
    sizes = {"H": units, "I": inputs}
    return sum(math.prod(dim.evaluate(sizes) for dim in node.shape) for node in cell.graph.parameters)


def _of_transformer(wanted: int, inputs: int, steps: int, batch: int) -> _Costs:
    """Attention has 4 d^2 parameters, the hidden layer 8 d^2, biases and norms 13 d; and the input's map."""

    def parameters(d: int) -> int:
        return inputs * d + d + 12 * d * d + 13 * d

    d = min(range(HEADS, WIDEST, HEADS), key=lambda d: abs(parameters(d) - wanted))
    # For the way back torch's fused attention keeps what it read and a number for each head.
    kept = inputs + 12 * d + HEADS + 4
    total = 4 * parameters(d) + steps * batch * kept
    return _Costs(
        d, parameters(d), inputs * d + 12 * d * d + 2 * steps * d, 2 * steps * d * ITEM, total * ITEM
    )
