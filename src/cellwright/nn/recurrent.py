"""`Recurrent`: any cell as a layer, its weights under the names of its equations. Floor 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from cellwright.nn.frame import Cells, Sizes, States, make_frame
from cellwright.nn.initialise import initialise
from cellwright.nn.layer import Layer
from cellwright.nn.part import Make, Part
from cellwright.nn.sequences import opened


class Recurrent(Layer):
    """A cell over sequences, in several layers and one or both directions.

    Args:
        cell: a Cell, or the name of one in the library; or a list, one for each layer.
        input_size: I, the width of x.
        hidden_size: H, the number of units; or a list, one for each layer.
        num_layers: L; each layer reads the one below. A list of cells or sizes says it, too.
        batch_first: x and y are [B, T, ..] instead of [T, B, ..]; states are [L*D, B, ..] always.
        bidirectional: a second set of weights reads each sequence backwards.
        dropout: on what every layer but the first reads, while training.
        init: "standard" (Glorot, orthogonal, what the cell declares) or "uniform" (torch's).
        backend: run on this backend only (see `cellwright.explain`).
        parts: what the layer is made of besides: `LockedDropout`, `StateDropout`, `Zoneout`, `DropConnect`,
            `LayerNorm`, `Residual`, `Highway`, `LearnedStart`, `ClipGradient`, or your own `Part`.
        merge: how the outputs of both directions become one: "concat", "sum", "mean" or "mul".
        checkpoint: for long sequences, a number of steps K: the way back keeps only the states between
            segments of K steps and computes the rest again. "sqrt": K = sqrt(T), but at least so many steps
            that a segment has 2^21 numbers of a state, B * H * K: with fewer the time goes into beginning.

    Raises:
        SettingError: a size below its least, dropout outside 0..1, an unknown backend, scheme or merge, lists
            of different lengths, a part that does not suit.
        CellError: no such cell.

    >>> import torch
    >>> layer = Recurrent("lstm", 3, 5, num_layers=2, bidirectional=True)
    >>> y, state = layer(torch.zeros(7, 4, 3))
    >>> tuple(y.shape), {name: tuple(value.shape) for name, value in state.items()}
    ((7, 4, 10), {'h': (4, 4, 5), 'c': (4, 4, 5)})
    >>> mixed = Recurrent(["lstm", "gru"], 3, [8, 5])
    >>> {name: tuple(value.shape) for name, value in mixed(torch.zeros(7, 4, 3))[1].items()}
    {'h_l0': (1, 4, 8), 'c_l0': (1, 4, 8), 'h_l1': (1, 4, 5)}
    """

    def __init__(
        self,
        cell: Cells,
        input_size: int,
        hidden_size: Sizes,
        num_layers: int = 1,
        batch_first: bool = False,
        bidirectional: bool = False,
        dropout: float = 0.0,
        init: str = "standard",
        backend: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        parts: Sequence[Part] = (),
        merge: str = "concat",
        checkpoint: str | int | None = None,
    ) -> None:
        frame = make_frame(cell, input_size, hidden_size, num_layers, bidirectional, merge)
        super().__init__(frame, batch_first, dropout, backend, checkpoint)
        self.init = init
        self._places: dict[tuple[int, bool], list[tuple[str, str]]] = {}
        for layer in range(self.num_layers):
            for reverse in range(self.directions):
                names = [node.name for node in frame.cells[layer].graph.parameters]
                self._places[layer, bool(reverse)] = [(n, _name(n, layer, bool(reverse))) for n in names]
                for node in frame.cells[layer].graph.parameters:
                    shape = [dim.evaluate(self.sizes(layer)) for dim in node.shape]
                    weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(_name(node.name, layer, bool(reverse)), weight)
        self.reset_parameters()
        if parts:
            self.take(parts, Make(device, dtype))

    def reset_parameters(self) -> None:
        """Draw all weights of the cells anew."""
        for layer, cell in enumerate(self.frame.cells):
            for reverse in range(self.directions):
                weights = self.weights(layer, bool(reverse))
                initialise(cell.graph, weights, self.frame.hidden[layer], self.init)

    def weights(self, layer: int = 0, reverse: bool = False) -> dict[str, Tensor]:
        """Every parameter of one layer and direction under its equation's name; the parameters themselves.

        >>> Recurrent("lstm", 3, 5).weights(0)["U_f"].shape
        torch.Size([5, 5])
        """
        own, found = self._parameters, {}
        for name, place in self._places[layer, reverse]:
            # As getattr finds it, only sooner; what is parametrised is not there.
            weight = own.get(place)
            found[name] = getattr(self, place) if weight is None else weight
        return found

    @overload
    def forward(
        self,
        x: Tensor | PackedSequence,
        state: Mapping[str, Tensor] | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        reset: Tensor | None = None,
        *,
        inputs: Mapping[str, Tensor] | None = None,
        trace: Literal[False] = False,
        check_finite: bool = False,
    ) -> tuple[Tensor, States]: ...
    @overload
    def forward(
        self,
        x: Tensor | PackedSequence,
        state: Mapping[str, Tensor] | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        reset: Tensor | None = None,
        *,
        inputs: Mapping[str, Tensor] | None = None,
        trace: Literal[True],
        check_finite: bool = False,
    ) -> tuple[Tensor, States, list[States]]: ...
    def forward(
        self,
        x: Tensor | PackedSequence,
        state: Mapping[str, Tensor] | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        reset: Tensor | None = None,
        *,
        inputs: Mapping[str, Tensor] | None = None,
        trace: bool = False,
        check_finite: bool = False,
    ) -> Any:
        """Run the layer.

        Args:
            x: [T, B, I]; [B, T, I] with batch_first; [T, I] for one sequence alone; a PackedSequence; a
                nested tensor of jagged layout, [B, *, I].
            state: what an earlier call returned, {"h": [L*D, B, H], ...}; None starts afresh.
            lengths: [B], the number of real steps of each sequence, in any order, 0 too; None means all T.
            reset: [T, B] (in the layout of x), bool: true where a step begins a new episode or document.
                Before it the state is the layer's start again.
            inputs: what the cell reads at every step beside x, {"gap": [T, B, size]} in the layout of x, for
                a signature with `gap: "input [..]"`. Every layer whose cell reads it gets the same.
            trace: also return every gate and state.
            check_finite: refuse a NaN or an infinity in x or in a layer's output, naming the step.

        Returns:
            y [T, B, D*H] (or in the form of x), zero past each length, and the states after each sequence's
            last real step. With `trace` a list besides, one {name: [T, B, H]} for each layer and direction,
            in the order of the states' first axis: every value that the equations name, gradients flowing.

        Raises:
            ShapeError: something does not fit; the message says what was expected.
            DataError: with check_finite, a value that is not finite.
        """
        given = opened(x, self.batch_first, lengths)
        y, last, kept = self.run(
            given.x,
            given.states(state),
            given.lengths,
            record=bool(trace),
            resets=None if reset is None else given.timed(reset, "resets"),
            check=check_finite,
            inputs={name: given.timed(value, "inputs") for name, value in (inputs or {}).items()},
        )
        if not trace:
            return given.back(y), given.last(last)
        traced = [{name: given.back(value) for name, value in values.items()} for values in kept]
        return given.back(y), given.last(last), traced

    def extra_repr(self) -> str:
        names = [cell.name for cell in self.frame.cells]
        cell = names[0] if len(set(names)) == 1 else "[" + ", ".join(names) + "]"
        text = f"{cell}, {self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
        text += "".join(f", {name}=True" for name in ("batch_first", "bidirectional") if getattr(self, name))
        text += f", dropout={self.dropout}" if self.dropout else ""
        text += f", merge={self.frame.merge!r}" if self.frame.merge != "concat" else ""
        return text + (f", checkpoint={self.checkpoint!r}" if self.checkpoint else "")


def _name(name: str, layer: int, reverse: bool) -> str:
    return f"{name}_l{layer}{'_reverse' if reverse else ''}"
