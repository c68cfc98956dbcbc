"""One run of a layer: what it is given, checked, and what has been found so far. Floor 4."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from cellwright.backends.call import Call, Outcome
from cellwright.compiler.graph import Graph
from cellwright.compiler.trace import Cell
from cellwright.nn.frame import Frame, States
from cellwright.nn.shapes import (
    checked_inputs,
    checked_lengths,
    checked_resets,
    checked_state,
    need_input,
    reversed_resets,
    reversed_steps,
)

Executor = Callable[[Graph, Call], Outcome]


@dataclass(frozen=True)
class Step:
    """What one layer runs at every step: the cell as its parts made it, as text too, and the names in it.

    names: every value that has one. inputs: what the user's cell reads beside x; added: what the graphs of
    its parts read besides, with sizes.
    """

    cell: Cell
    text: str
    names: tuple[str, ...]
    weights: tuple[str, ...]
    inputs: tuple[str, ...]
    added: dict[str, int]


@dataclass(frozen=True)
class Given:
    """The arguments of a run: x [T, B, I] and what comes with it, time first."""

    x: Tensor
    state: Mapping[str, Tensor] | None = None
    lengths: Tensor | Sequence[int] | None = None
    resets: Tensor | None = None
    inputs: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class Wanted:
    """How a run is to be done; see `Layer.run`."""

    record: bool | tuple[str, ...] = ()
    stop: bool = True
    check: bool = False
    execute: Executor | None = None


@dataclass
class Run:
    """What was given, checked; begin and fresh, last and kept by layer and direction."""

    counts: Tensor | None
    resets: Tensor | None
    inputs: dict[str, Tensor]
    begin: list[States]
    fresh: list[States]
    wanted: Wanted
    last: list[States] = field(default_factory=list)
    kept: list[States] = field(default_factory=list)

    def turned(self, x: Tensor) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
        """x, resets and further inputs as a layer meets them that reads backwards."""
        inputs = {name: reversed_steps(value, self.counts) for name, value in self.inputs.items()}
        resets = None if self.resets is None else reversed_resets(self.resets, self.counts)
        return reversed_steps(x, self.counts), resets, inputs


def begin_run(
    frame: Frame, given: Given, wanted: Wanted, like: Tensor, start: Callable[[int, Tensor], list[States]]
) -> Run:
    """A run, everything that was given checked.

    Args:
        frame: the layer's.
        given, wanted: the arguments.
        like: one of the layer's weights.
        start: the layer's first states for B sequences, by layer and direction.

    Raises:
        ShapeError: something does not fit.
    """
    x = given.x
    need_input(x, frame.input_size, like)
    counts, resets = checked_lengths(given.lengths, x), checked_resets(given.resets, x)
    inputs = checked_inputs(given.inputs, frame.inputs, x, counts)
    if given.state is None:
        begin = fresh = start(x.shape[1], x)
    else:
        begin = frame.split(checked_state(given.state, frame.shapes(x.shape[1]), x))
        fresh = begin if resets is None else start(x.shape[1], x)
    return Run(counts, resets, inputs, begin, fresh, wanted)
