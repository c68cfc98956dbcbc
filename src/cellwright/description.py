"""What a cell, a layer or a whole network costs: parameters and multiply-adds per step, by equation. Floor 5.

Refuses what is none of them. A parameter that two modules share is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from cellwright import cells
from cellwright.compiler.count import Term, count
from cellwright.compiler.trace import Cell
from cellwright.errors import SettingError
from cellwright.nn.layer import Layer

HEADS = ("parameters", "multiply-adds", "pointwise")


@dataclass(frozen=True)
class Part:
    """One layer in one direction, or one module of a network.

    Attributes:
        name: where it is, `lstm.0` or `head`.
        about: what it is, in words.
        terms: its equations with their costs; none for a module without equations.
        kept: parameters the layer keeps beyond those of its equations (torch.nn's second biases), or, below
            zero, equations' biases that are switched off.
        parameters: all of them, each counted where it is met first.
        multiply_adds: of one step of one sequence; None where the module's kind is not known.
        pointwise: other operations of one step, a transcendental counted as 8.
    """

    name: str
    about: str
    terms: tuple[Term, ...]
    kept: int
    parameters: int
    multiply_adds: int | None
    pointwise: int


@dataclass(frozen=True)
class Description:
    """All parts and their sums; prints as a table."""

    title: str
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(part.parameters for part in self.parts)

    @property
    def multiply_adds(self) -> int:
        """Of one step of one sequence, over the parts whose kind is known."""
        return sum(part.multiply_adds or 0 for part in self.parts)

    @property
    def pointwise(self) -> int:
        """Other operations of one step, a transcendental counted as 8."""
        return sum(part.pointwise for part in self.parts)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("", *HEADS)]
        for part in self.parts:
            rows += _rows(part)
        rows.append(("all", *_numbers(self.parameters, self.multiply_adds, self.pointwise)))
        unknown = [part.name for part in self.parts if part.multiply_adds is None]
        note = [f"multiply-adds are not known for {', '.join(unknown)}"] if unknown else []
        return "\n".join([self.title, "", *_aligned(rows), *note])


def describe(
    thing: Cell | str | nn.Module, *, units: int | None = None, inputs: int | None = None
) -> Description:
    """The parameters and multiply-adds of one step, by term of the equations.

    Args:
        thing: a cell or its name, a layer, or any network.
        units: H of a cell (128 unless given); a layer has its own.
        inputs: I of a cell (64 unless given); a layer has its own.

    Returns:
        The description; `.parameters` is exactly the number of values in `thing.parameters()`.

    Raises:
        SettingError: none of these, sizes for something that has its own, a size below 1.
        CellError: no such cell.

    >>> from cellwright.nn import Recurrent
    >>> print(describe(Recurrent("gru_v1", 3, 4)))
    Recurrent: 96 parameters, 84 multiply-adds per step
    <BLANKLINE>
                                                       parameters  multiply-adds  pointwise
    layer 0 (gru_v1, 3 inputs, 4 units)                        96             84        140
      r_t = σ(W_r x_t + U_r h_{t-1} + b_r)                     32             28         40
      z_t = σ(W_z x_t + U_z h_{t-1} + b_z)                     32             28         40
      n_t = tanh(W_n x_t + U_n (r_t ⊙ h_{t-1}) + b_n)          32             28         44
      h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}                     0              0         16
    all                                                        96             84        140
    """
    cell = cells.get(thing) if isinstance(thing, str) else thing
    if isinstance(cell, Cell):
        parts: tuple[Part, ...] = (_of_cell(cell, _least(units, 128, "units"), _least(inputs, 64, "inputs")),)
        return _described(cell.name, parts)
    if not isinstance(cell, nn.Module):
        raise SettingError(
            "cannot describe this", got=type(cell).__name__, expected="a cell, layer or network"
        )
    if units is not None or inputs is not None:
        raise SettingError("units and inputs are for a cell; this has its own", got=type(cell).__name__)
    return _described(type(cell).__name__, tuple(_of_network(cell)))


def _described(name: str, parts: tuple[Part, ...]) -> Description:
    sums = Description("", parts)
    title = f"{name}: {sums.parameters:,} parameters, {sums.multiply_adds:,} multiply-adds per step"
    return Description(title, parts)


def _least(value: int | None, default: int, name: str) -> int:
    if value is not None and value < 1:
        raise SettingError(f"{name} must be at least 1, got {value}")
    return default if value is None else value


def _of_cell(cell: Cell, units: int, inputs: int, name: str = "step", kept: int = 0) -> Part:
    terms = tuple(count(cell.graph, {"H": units, "I": inputs}))
    return Part(
        name,
        f"{cell.name}, {inputs} inputs, {units} units",
        terms,
        kept,
        sum(term.parameters for term in terms) + kept,
        sum(term.multiply_adds for term in terms),
        sum(term.pointwise for term in terms),
    )


def _of_network(network: nn.Module) -> Iterator[Part]:
    seen: set[int] = set()
    for name, module in network.named_modules():
        own = list(module.parameters(recurse=False))
        size = sum(p.numel() for p in own if id(p) not in seen)
        seen |= {id(p) for p in own}
        if isinstance(module, Layer):
            yield from _of_layer(module, name)
        elif own:
            yield Part(name or "itself", _about(module), (), 0, size, _multiply_adds(module), 0)


def _of_layer(layer: Layer, name: str) -> Iterator[Part]:
    for index in range(layer.num_layers):
        for end in ("", "_reverse")[: layer.directions]:
            sizes = layer.sizes(index)
            place = f"{name}.{index}" if name else f"layer {index}"
            cell = layer.frame.cells[index]
            part = _of_cell(cell, sizes["H"], sizes["I"], place + end.replace("_", " "))
            own = layer.named_parameters(recurse=False)
            kept = sum(p.numel() for n, p in own if n.endswith(f"_l{index}{end}")) - part.parameters
            yield part if not kept else _of_cell(cell, sizes["H"], sizes["I"], part.name, kept)


def _matrices(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters(recurse=False) if p.dim() > 1)


def _nothing(module: nn.Module) -> int:
    return 0


# What one step costs, by kind of module. A convolution's step is one position of its output.
_COSTS: tuple[tuple[tuple[type[nn.Module], ...], Callable[[nn.Module], int]], ...] = (
    ((nn.Linear, nn.RNNBase, nn.RNNCellBase, nn.Conv1d), _matrices),
    ((nn.Embedding, nn.LayerNorm, nn.BatchNorm1d, nn.ParameterList), _nothing),
)


def _multiply_adds(module: nn.Module) -> int | None:
    return next((cost(module) for kinds, cost in _COSTS if isinstance(module, kinds)), None)


def _about(module: nn.Module) -> str:
    return f"{type(module).__name__} {module.extra_repr()}".split(", bias")[0].strip()


def _rows(part: Part) -> list[tuple[str, ...]]:
    rows = [(f"{part.name} ({part.about})", *_numbers(part.parameters, part.multiply_adds, part.pointwise))]
    for term in part.terms:
        rows.append((f"  {term.equation}", *_numbers(term.parameters, term.multiply_adds, term.pointwise)))
    if part.kept:
        why = "biases kept twice, as torch.nn does" if part.kept > 0 else "biases that are switched off"
        rows.append((f"  {why}", *_numbers(part.kept, 0, 0)))
    return rows


def _numbers(*values: int | None) -> tuple[str, ...]:
    return tuple("-" if value is None else f"{value:,}" for value in values)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
