"""A decoder: a recurrent net of any cell that looks at a memory at every step. Floor 4.

Three ways for what was found to come back: not at all, so that the whole sequence is one call of the kernel
with attention after it as batched products; as the context (Bahdanau); as the output (Luong's input feeding).
The last two go step by step. Refuses sizes that do not fit, and other names (SettingError, ShapeError).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.errors import SettingError, ShapeError
from cellwright.nn.attention import Attention, Memory, make_attention
from cellwright.nn.dropout import Dropout
from cellwright.nn.frame import States
from cellwright.nn.recurrent import Recurrent

FEEDS = ("none", "context", "output")
FED = "fed"


@dataclass(frozen=True)
class Decoded:
    """What a decoder gives for T steps.

    Attributes:
        y: [T, B, O].
        state: after the last step; goes into the next call.
        weights: over the memory, [T, B, S].
    """

    y: Tensor
    state: States
    weights: Tensor


class Decoder(nn.Module):
    """Steps that read an input and a memory.

        feed = none:     h_t = cell(x_t, h_{t-1});              c_t = attention(h_t)
        feed = output:   h_t = cell([x_t; y_{t-1}], h_{t-1});   c_t = attention(h_t)
        feed = context:  c_t = attention(h_{t-1});              h_t = cell([x_t; c_t], h_{t-1})

        y_t = tanh(W_y [g_t; c_t] + b_y),   g_t = h_t, or what further layers make of [h_t; c_t]

    Without feeding a further layer still knows what was found before: it reads every context on its way (as
    in Wu et al. 2016), and nothing has to go step by step.

    Args:
        cell: of every layer.
        input_size: I.
        hidden_size: H.
        memory_size: M, the width of the memory's vectors.
        output_size: O, the width of y; None: H.
        num_layers: L; attention asks with the first one's output.
        attention: `multiplicative` (Luong), `additive` (Bahdanau), or one of your own.
        feed: `none`, `context` or `output`.
        dropout: in training, on what further layers and the output read.

    Raises:
        SettingError: no such attention or feeding, a size below 1.

    >>> decoder = Decoder("gru", 3, 4, memory_size=5)
    >>> memory = decoder.attention.read(torch.zeros(7, 2, 5), torch.tensor([7, 3]))
    >>> found = decoder(torch.zeros(6, 2, 3), memory)
    >>> tuple(found.y.shape), tuple(found.weights.shape), sorted(found.state)
    ((6, 2, 4), (6, 2, 7), ['first.h'])
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        memory_size: int,
        output_size: int | None = None,
        num_layers: int = 1,
        attention: str | Attention = "multiplicative",
        feed: str = "none",
        dropout: float = 0.0,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        if feed not in FEEDS:
            raise SettingError("no such feeding", got=feed, expected=", ".join(FEEDS))
        if num_layers < 1:
            raise SettingError("num_layers must be greater than zero", got=num_layers)
        self.feed, self.input_size, self.output_size = feed, input_size, output_size or hidden_size
        fed = {"none": 0, "context": memory_size, "output": self.output_size}[feed]
        self.first = Recurrent(cell, input_size + fed, hidden_size, backend=backend)
        width = self.first.output_size
        own = attention if isinstance(attention, Attention) else make_attention(attention, width, memory_size)
        self.attention = own
        self.above: Recurrent | None = None
        if num_layers > 1:
            self.above = Recurrent(
                cell, width + memory_size, hidden_size, num_layers - 1, dropout=dropout, backend=backend
            )
        self.dropout = Dropout(dropout)
        self.begins = nn.ModuleDict({name: nn.Linear(memory_size, size) for name, size in _begun(self.first)})
        self.W_y = nn.Linear(width + memory_size, self.output_size)

    def begin(self, memory: Memory) -> States:
        """The states before the first step: s_0 = tanh(W_s m + b_s), m the mean of the memory's vectors.

        The output and, in a cell of h and c, the memory cell begin so in the first layer; all else as it does
        without a memory.
        """
        mean, rows = memory.mean(), len(memory.values)
        own = {name: torch.tanh(start(mean)).unsqueeze(0) for name, start in self.begins.items()}
        state = {f"first.{name}": own.get(name, v) for name, v in self.first.start(rows, mean).items()}
        if self.above is not None:
            state |= {f"above.{name}": value for name, value in self.above.start(rows, mean).items()}
        if self.feed == "output":
            state[FED] = mean.new_zeros(1, rows, self.output_size)
        return state

    def forward(self, x: Tensor, memory: Memory, state: Mapping[str, Tensor] | None = None) -> Decoded:
        """Run T steps.

        Args:
            x: [T, B, I]: in training what should have come before (teacher forcing), else what was chosen.
            memory: what `self.attention.read` gave.
            state: of an earlier call; None begins from the memory.

        Raises:
            ShapeError: an input of another shape.
        """
        if x.ndim != 3 or x.shape[0] < 1 or x.shape[1:] != (len(memory.values), self.input_size):
            expected = f"[T, {len(memory.values)}, {self.input_size}], T at least 1"
            raise ShapeError("an input of another shape", got=list(x.shape), expected=expected)
        state = dict(self.begin(memory) if state is None else state)
        if self.feed == "none":
            return self._at_once(x, memory, state)
        return self._fed_back(x, memory, state) if self.feed == "output" else self._informed(x, memory, state)

    def _at_once(self, x: Tensor, memory: Memory, state: States) -> Decoded:
        h, after = self.first(x, _part(state, "first"))
        context, weights = self.attention(h, memory)
        y, above = self._said(h, context, state)
        return Decoded(y, {f"first.{name}": value for name, value in after.items()} | above, weights)

    def _fed_back(self, x: Tensor, memory: Memory, state: States) -> Decoded:
        """Input feeding: each output goes into the next step."""
        steps = []
        for x_t in torch.split(x, 1):
            found = self._at_once(torch.cat((x_t, state[FED]), -1), memory, state)
            state = {**found.state, FED: found.y}
            steps.append(found)
        y, weights = (torch.cat(values) for values in zip(*((s.y, s.weights) for s in steps), strict=True))
        return Decoded(y, state, weights)

    def _informed(self, x: Tensor, memory: Memory, state: States) -> Decoded:
        """The context of each step is found before it, by the state it begins with."""
        steps, inner = [], _part(state, "first")
        output = self.first.cell.graph.states[0].name
        for x_t in torch.split(x, 1):
            context, weights = self.attention(inner[output], memory)
            h, inner = self.first(torch.cat((x_t, context), -1), inner)
            steps.append((h, context, weights))
        h, context, weights = (torch.cat(values) for values in zip(*steps, strict=True))
        y, above = self._said(h, context, state)
        return Decoded(y, {f"first.{name}": value for name, value in inner.items()} | above, weights)

    def _said(self, h: Tensor, context: Tensor, state: States) -> tuple[Tensor, States]:
        """y, and the states of the further layers."""
        if self.above is None:
            return torch.tanh(self.W_y(self.dropout(torch.cat((h, context), -1)))), {}
        g, after = self.above(self.dropout(torch.cat((h, context), -1)), _part(state, "above"))
        y = torch.tanh(self.W_y(self.dropout(torch.cat((g, context), -1))))
        return y, {f"above.{name}": value for name, value in after.items()}


def _part(state: Mapping[str, Tensor], place: str) -> States:
    return {name[len(place) + 1 :]: value for name, value in state.items() if name.startswith(f"{place}.")}


def _begun(layer: Recurrent) -> list[tuple[str, int]]:
    """The states that a memory may begin: others carry constraints of their own (a normaliser above zero)."""
    sizes = layer.state_sizes(0)
    names = list(sizes) if set(sizes) == {"h", "c"} else list(sizes)[:1]
    return [(name, sizes[name]) for name in names]
