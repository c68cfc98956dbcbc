"""The fixed shape of a layer: which cell, how wide, in every layer and direction. Floor 4.

Refuses sizes that are no sizes, and lists of cells and sizes that differ in length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from cellwright import cells
from cellwright.compiler.trace import Cell
from cellwright.errors import KindError, SettingError

States = dict[str, Tensor]
Cells = Cell | str | list[Cell | str] | tuple[Cell | str, ...]
Sizes = int | list[int] | tuple[int, ...]
MERGES = ("concat", "sum", "mean", "mul")


@dataclass(frozen=True)
class Frame:
    """cells and hidden (units), by layer; directions D; how the directions' outputs become one."""

    cells: tuple[Cell, ...]
    input_size: int
    hidden: tuple[int, ...]
    directions: int
    merge: str

    def __post_init__(self) -> None:
        # Worked out now: torch.compile cannot follow the lock that a cached property takes the first time.
        _ = self.alike, self.inputs

    @property
    def layers(self) -> int:
        """L."""
        return len(self.cells)

    @cached_property
    def alike(self) -> bool:
        """Whether every layer has the same states, so that they are kept in one tensor each."""
        return all(sizes == self._state_sizes[0] for sizes in self._state_sizes)

    def reads(self, at: int) -> int:
        """The width of what a layer reads."""
        return self.input_size if at == 0 else self.gives(at - 1)

    def gives(self, at: int) -> int:
        """The width of what a layer gives, its directions merged."""
        width = self.state_sizes(at)[self.cells[at].graph.states[0].name]
        return width * self.directions if self.merge == "concat" else width

    def sizes(self, at: int) -> dict[str, int]:
        """H and I of one layer."""
        return {"H": self.hidden[at], "I": self.reads(at)}

    def state_sizes(self, at: int) -> dict[str, int]:
        """The size of every state of one layer by name; a scalar state has size 1."""
        return dict(self._state_sizes[at])

    @cached_property
    def _state_sizes(self) -> tuple[dict[str, int], ...]:
        found = []
        for cell, hidden in zip(self.cells, self.hidden, strict=True):
            # No state is as wide as the input: its size follows from H alone.
            sizes = {"H": hidden, "I": self.input_size}
            states = cell.graph.states
            found.append({n.name: n.shape[0].evaluate(sizes) if n.shape else 1 for n in states})
        return tuple(found)

    @cached_property
    def inputs(self) -> dict[str, int]:
        """The sizes of what the cells read at every step beside x, by name."""
        return {
            node.name: node.shape[0].evaluate(self.sizes(at)) if node.shape else 1
            for at, cell in enumerate(self.cells)
            for node in cell.graph.inputs[1:]
        }

    def shapes(self, batch: int) -> dict[str, tuple[int, int, int]]:
        """The shapes of the states as a layer takes and gives them (see `join`)."""
        if self.alike:
            count = self.layers * self.directions
            return {name: (count, batch, size) for name, size in self.state_sizes(0).items()}
        return {
            f"{name}_l{at}": (self.directions, batch, size)
            for at in range(self.layers)
            for name, size in self.state_sizes(at).items()
        }

    def split(self, state: Mapping[str, Tensor]) -> list[States]:
        """States as a layer takes them, to one mapping {name: [B, size]} for each layer and direction."""
        places = [(at, way) for at in range(self.layers) for way in range(self.directions)]
        if self.alike:
            return [{name: v[k] for name, v in state.items()} for k in range(len(places))]
        return [{name: state[f"{name}_l{at}"][way] for name in self.state_sizes(at)} for at, way in places]

    def join(self, states: Sequence[States]) -> States:
        """{"h": [L*D, B, size], ..}; {"h_l0": [D, B, size], ..} where the layers' states differ."""
        if len(states) == 1 and self.alike:
            return {name: value.unsqueeze(0) for name, value in states[0].items()}
        if self.alike:
            return {name: torch.stack([s[name] for s in states]) for name in states[0]}
        joined: States = {}
        for at in range(self.layers):
            both = states[at * self.directions : (at + 1) * self.directions]
            joined |= {f"{name}_l{at}": torch.stack([s[name] for s in both]) for name in both[0]}
        return joined


def make_frame(
    cell: Cells,
    input_size: int,
    hidden_size: Sizes,
    num_layers: int,
    bidirectional: bool,
    merge: str,
) -> Frame:
    """A frame from a layer's arguments.

    Raises:
        SettingError: a size below its least, lists of different lengths, no such merge.
        CellError: no such cell.
    """
    need_size("input_size", input_size, 0)
    need_size("num_layers", num_layers, 1)
    if merge not in MERGES:
        raise SettingError("no such merge of directions", got=merge, expected=", ".join(MERGES))
    listed = [len(v) for v in (cell, hidden_size) if isinstance(v, (list, tuple))]
    count = listed[0] if listed else num_layers
    if any(n != count for n in listed) or num_layers not in (1, count) or count < 1:
        raise SettingError(
            "the lists of cells and sizes do not fit the number of layers",
            got=", ".join(map(str, [*listed, num_layers])),
            expected="one entry for each layer",
        )
    named = tuple(cell) if isinstance(cell, (list, tuple)) else (cell,) * count
    hidden = tuple(hidden_size) if isinstance(hidden_size, (list, tuple)) else (hidden_size,) * count
    for size in hidden:
        need_size("hidden_size", size, 1)
    chosen = tuple(cells.get(c) if isinstance(c, str) else c for c in named)
    return Frame(chosen, input_size, hidden, 2 if bidirectional else 1, merge)


def need_size(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number from `least` up."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise KindError(name, value, "int")
    if value < least:
        raise SettingError(f"{name} must be greater than {least - 1 or 'zero'}", got=value)
