"""What a cell, a layer or a whole network costs: parameters, multiply-adds, memory. Floor 5.

Refuses what is none of them. A parameter that two modules share is counted once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from torch import nn

from cellwright import cells
from cellwright.compiler.count import Term, count
from cellwright.compiler.graph import Graph
from cellwright.compiler.hoist import hoist
from cellwright.compiler.places import Recurrence, width
from cellwright.compiler.routine import make_recurrence
from cellwright.compiler.trace import Cell
from cellwright.errors import SettingError
from cellwright.nn.layer import Layer

HEADS = ("parameters", "multiply-adds", "pointwise")


@dataclass(frozen=True)
class Matrix:
    """A weight by its name in the equations."""

    name: str
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Memory:
    """Bytes that training takes from the forward pass to the step of the optimiser.

    The peak of a process lies above their sum by what lives for a moment (the output, its gradient, work
    space): measured, 1.2 to 1.6 times (`python -m benchmarks.inside memory`).

    Attributes:
        weights: of the parameters.
        gradients: of theirs.
        optimizer: AdamW's two moments.
        kept: by the recurrent layers, for the way back.
    """

    weights: int
    gradients: int
    optimizer: int
    kept: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.kept


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
        matrices: the weights of its equations.
        state: numbers that it carries from step to step.
        saved: numbers that each step of each sequence keeps for the way back, on the CPU's kernels.
        masks: bytes of dropout's masks that it keeps beside them.
    """

    name: str
    about: str
    terms: tuple[Term, ...]
    kept: int
    parameters: int
    multiply_adds: int | None
    pointwise: int
    matrices: tuple[Matrix, ...] = ()
    state: int = 0
    saved: int = 0
    masks: int = 0


@dataclass(frozen=True)
class Description:
    """All parts and their sums; prints as a table."""

    title: str
    parts: tuple[Part, ...]
    itemsize: int = 4

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

    @property
    def state(self) -> int:
        """Bytes that one sequence carries from step to step."""
        return self.itemsize * sum(part.state for part in self.parts)

    @property
    def weights(self) -> int:
        """Bytes of all parameters: a step of one sequence reads every one of those it uses."""
        return self.itemsize * self.parameters

    def memory(self, steps: int, batch: int) -> Memory:
        """Bytes to train with AdamW on `batch` sequences of `steps` steps.

        `kept` is exactly what recurrent layers keep on the CPU's kernels; other modules' share is not in it.

        Raises:
            SettingError: steps or batch below 1.
        """
        for name, value in (("steps", steps), ("batch", batch)):
            _least(value, 1, name)
        rows = sum(batch * (steps * part.saved + part.state) for part in self.parts)
        masks = sum(batch * steps * part.masks for part in self.parts)
        return Memory(self.weights, self.weights, 2 * self.weights, self.itemsize * rows + masks)

    def by_matrix(self) -> str:
        """The parameters of the recurrent layers by matrix, as a table."""
        rows: list[tuple[str, ...]] = [("", "shape", "parameters")]
        for part in (part for part in self.parts if part.matrices):
            rows.append((f"{part.name} ({part.about})", "", ""))
            for one in part.matrices:
                rows.append((f"  {one.name}", " x ".join(map(str, one.shape)), f"{one.parameters:,}"))
        return "\n".join(line.rstrip() for line in _aligned(rows))

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
    sizes = {p.element_size() for p in cell.parameters()}
    return _described(type(cell).__name__, tuple(_of_network(cell)), max(sizes, default=4))


def _described(name: str, parts: tuple[Part, ...], itemsize: int = 4) -> Description:
    sums = Description("", parts)
    title = f"{name}: {sums.parameters:,} parameters, {sums.multiply_adds:,} multiply-adds per step"
    return Description(title, parts, itemsize)


def _least(value: int | None, default: int, name: str) -> int:
    if value is not None and value < 1:
        raise SettingError(f"{name} must be at least 1, got {value}")
    return default if value is None else value


def _of_cell(
    cell: Cell, units: int, inputs: int, name: str = "step", kept: int = 0, read: int | None = None
) -> Part:
    """`read`: numbers of each step that are kept because the layer read them; its input unless given."""
    sizes = {"H": units, "I": inputs}
    terms = tuple(count(cell.graph, sizes))
    return Part(
        name,
        f"{cell.name}, {inputs} inputs, {units} units",
        terms,
        kept,
        sum(term.parameters for term in terms) + kept,
        sum(term.multiply_adds for term in terms),
        sum(term.pointwise for term in terms),
        tuple(Matrix(n.name, tuple(d.evaluate(sizes) for d in n.shape)) for n in cell.graph.parameters),
        sum(width(n).evaluate(sizes) for n in cell.graph.states),
        _saved(cell, sizes) + (inputs if read is None else read),
    )


def _saved(cell: Cell, sizes: dict[str, int]) -> int:
    """What the emitted kernel keeps of every step: the states, and what the way back reads."""
    made = _recurrence(cell.graph)
    dims = [*(width(n) for n in cell.graph.states), *(block.width for block in made.blocks), made.kept]
    return sum(dim.evaluate(sizes) for dim in dims)


@lru_cache(maxsize=64)
def _recurrence(graph: Graph) -> Recurrence:
    return make_recurrence(hoist(graph))


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
            sizes, cell = layer.sizes(index), layer.frame.cells[index]
            place = (f"{name}.{index}" if name else f"layer {index}") + end.replace("_", " ")
            part = _of_cell(cell, sizes["H"], sizes["I"], place)
            real = sum(p.numel() for n, p in layer.named_parameters() if n.endswith(f"_l{index}{end}"))
            read = _read(layer, index, bool(end))
            whole = _of_cell(cell, sizes["H"], sizes["I"], place, real - part.parameters, read)
            # A byte for each number that is dropped: both directions read the same.
            yield replace(whole, masks=sizes["I"] if index and layer.dropout and not end else 0)


def _read(layer: Layer, index: int, reverse: bool) -> int:
    """Numbers of each step kept because this layer read them: its input, unless a layer gave it out."""
    width = layer.sizes(index)["I"]
    if index == 0 or reverse:
        return width  # a layer that reads backwards has a copy of its own
    return width if layer.dropout or layer.bidirectional else 0


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
