"""The algorithm of every recurrent layer: layers, directions, lengths, dropout between layers. Floor 4.

`Layer` is abstract in one thing: where its weights are kept. `Recurrent` keeps each under its equation's
name, the drop-ins keep torch.nn's packed tensors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from cellwright import cells
from cellwright.backends.call import Call, Outcome
from cellwright.compiler.trace import Cell
from cellwright.errors import SettingError
from cellwright.nn.shapes import checked_lengths, checked_state, need_input, reversed_steps
from cellwright.runtime.choose import execute
from cellwright.runtime.function import text_of, traced

States = dict[str, Tensor]
Executor = Callable[[Call], Outcome]


class Layer(nn.Module, ABC):
    """Any cell over a sequence."""

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        bidirectional: bool = False,
        dropout: float = 0.0,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        _check_sizes(input_size, hidden_size, num_layers, dropout)
        self.cell = cells.get(cell) if isinstance(cell, str) else cell
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional, self.dropout = batch_first, bidirectional, float(dropout)
        self.backend = backend
        self._graph_text = text_of(self.cell.graph)

    @abstractmethod
    def weights(self, layer: int = 0, reverse: bool = False) -> dict[str, Tensor]:
        """The weights of one layer and direction under the names of the equations."""

    @property
    def directions(self) -> int:
        """D: 2 when bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """The width of y: D times the size of the first state."""
        return self.directions * self.state_sizes()[self.cell.graph.states[0].name]

    def sizes(self, layer: int = 0) -> dict[str, int]:
        """H and I of one layer."""
        return {"H": self.hidden_size, "I": self.input_size if layer == 0 else self.output_size}

    def state_sizes(self) -> dict[str, int]:
        """The size of every state by name; a scalar state has size 1."""
        sizes = {"H": self.hidden_size, "I": self.input_size}
        return {n.name: n.shape[0].evaluate(sizes) if n.shape else 1 for n in self.cell.graph.states}

    def start(self, batch: int, like: Tensor) -> States:
        """The states before the first step, [L*D, B, size]: zero, or what the cell declares."""
        facts = dict(self.cell.graph.facts.start)
        count = self.num_layers * self.directions
        return {
            name: like.new_full((count, batch, size), facts.get(name, 0.0))
            for name, size in self.state_sizes().items()
        }

    def call(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Call:
        """What the first layer's forward direction would hand to a backend: for `explain`."""
        need_input(x, self.input_size, self._dtype())
        x = x.transpose(0, 1) if self.batch_first else x
        first = {name: value[0] for name, value in self.start(x.shape[1], x).items()}
        return Call(x, first, self.weights(0), checked_lengths(lengths, x))

    def run(
        self,
        x: Tensor,
        state: Mapping[str, Tensor] | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        record: tuple[str, ...] = (),
        stop: bool = True,
        execute: Executor | None = None,
    ) -> tuple[Tensor, States, list[States]]:
        """x [T, B, I] -> y [T, B, D*H], states [L*D, B, size], recorded values by layer and direction.

        Without `stop` the cells run on over the padding: y before each length is the same, the rest is not.
        `execute` runs a cell over time in the place of the backends: for those who look inside.
        """
        need_input(x, self.input_size, self._dtype())
        counts = checked_lengths(lengths, x)
        start = self.start(x.shape[1], x)
        run = execute or self._execute
        begin = start if state is None else checked_state(state, start)
        last: list[States] = []
        kept: list[States] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self.directions):
                first = {name: value[len(last)] for name, value in begin.items()}
                ends = counts if stop else None
                call = Call(x, first, self.weights(layer, bool(direction)), ends, record=record)
                y, states, recorded = self._direction(run, call, counts, bool(direction))
                outputs.append(y)
                last.append(states)
                kept.append(recorded)
            x = torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0]
            if layer + 1 < self.num_layers:
                x = drop(x, self.dropout, self.training)
        return x, {name: torch.stack([s[name] for s in last]) for name in begin}, kept

    def outputs(self, x: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """y alone, [T, B, D*H] from x [T, B, I] (time first always), zero past each length.

        The same numbers as the call gives, sooner: no state has to be caught at each end, so that a backend
        may run through the padding (2 to 5 times as fast with torch's own kernels).
        """
        y, _, _ = self.run(x, None, lengths, stop=False)
        if lengths is None:
            return y
        past = torch.arange(len(y), device=y.device)[:, None] >= torch.as_tensor(lengths, device=y.device)
        return y.masked_fill(past.unsqueeze(-1), 0.0)

    def _execute(self, call: Call) -> Outcome:
        if torch.compiler.is_compiling() and not call.record:
            return traced(self._graph_text, call, self.backend)
        return execute(self.cell.graph, call, self.backend)

    def _direction(
        self, run: Executor, call: Call, counts: Tensor | None, reverse: bool
    ) -> tuple[Tensor, States, States]:
        if not reverse:
            out = run(call)
            return out.y, out.states, out.recorded
        turned = Call(
            reversed_steps(call.x, counts), call.states, call.weights, call.lengths, record=call.record
        )
        out = run(turned)
        recorded = {name: reversed_steps(value, counts) for name, value in out.recorded.items()}
        return reversed_steps(out.y, counts), out.states, recorded

    def _dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype


def _check_sizes(input_size: int, hidden_size: int, num_layers: int, dropout: float) -> None:
    for name, value, least in (
        ("input_size", input_size, 0), ("hidden_size", hidden_size, 1), ("num_layers", num_layers, 1),
    ):  # fmt: skip
        if not isinstance(value, int) or value < least:
            raise SettingError(
                "a size is a whole number", where=name, got=value, expected=f"at least {least}"
            )
    if not 0 <= dropout <= 1:
        raise SettingError("dropout is a probability", got=dropout, expected="0 to 1")
