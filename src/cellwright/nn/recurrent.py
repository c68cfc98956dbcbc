"""`Recurrent`: any cell as a layer, its weights under the names of its equations. Floor 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.nn.initialise import initialise
from cellwright.nn.layer import Layer, States


class Recurrent(Layer):
    """A cell over sequences, in several layers and one or both directions.

    Args:
        cell: a Cell, or the name of one in the library.
        input_size: I, the width of x.
        hidden_size: H, the number of units.
        num_layers: L; each layer reads the one below.
        batch_first: x and y are [B, T, ..] instead of [T, B, ..]; states are [L*D, B, ..] always.
        bidirectional: a second set of weights reads each sequence backwards; y has both side by side.
        dropout: on the output of every layer but the last, while training.
        init: "standard" (Glorot, orthogonal, what the cell declares) or "uniform" (torch's).
        backend: run on this backend only (see `cellwright.explain`).

    Raises:
        SettingError: a size below its least, dropout outside 0..1, an unknown backend or scheme.
        CellError: no such cell.

    >>> import torch
    >>> layer = Recurrent("lstm", 3, 5, num_layers=2, bidirectional=True)
    >>> y, state = layer(torch.zeros(7, 4, 3))
    >>> tuple(y.shape), {name: tuple(value.shape) for name, value in state.items()}
    ((7, 4, 10), {'h': (4, 4, 5), 'c': (4, 4, 5)})
    """

    def __init__(
        self,
        cell: Cell | str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        bidirectional: bool = False,
        dropout: float = 0.0,
        init: str = "standard",
        backend: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            cell, input_size, hidden_size, num_layers, batch_first, bidirectional, dropout, backend
        )
        self.init = init
        for layer in range(num_layers):
            for reverse in range(self.directions):
                for node in self.cell.graph.parameters:
                    shape = [dim.evaluate(self.sizes(layer)) for dim in node.shape]
                    weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(_name(node.name, layer, bool(reverse)), weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for layer in range(self.num_layers):
            for reverse in range(self.directions):
                initialise(self.cell.graph, self.weights(layer, bool(reverse)), self.hidden_size, self.init)

    def weights(self, layer: int = 0, reverse: bool = False) -> dict[str, Tensor]:
        """Every parameter of one layer and direction under its equation's name; the parameters themselves.

        >>> Recurrent("lstm", 3, 5).weights(0)["U_f"].shape
        torch.Size([5, 5])
        """
        return {n.name: getattr(self, _name(n.name, layer, reverse)) for n in self.cell.graph.parameters}

    def forward(
        self,
        x: Tensor,
        state: Mapping[str, Tensor] | None = None,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, States]:
        """Run the layer.

        Args:
            x: [T, B, I]; [B, T, I] with batch_first; [T, I] for one sequence alone.
            state: what an earlier call returned, {"h": [L*D, B, H], ...}; None starts afresh.
            lengths: [B], the number of real steps of each sequence; None means all T.

        Returns:
            y [T, B, D*H], zero past each length, and the states after each sequence's last real step.

        Raises:
            ShapeError: something does not fit; the message says what was expected.
        """
        if x.dim() == 2:
            wide = None if state is None else {k: v.unsqueeze(1) for k, v in state.items()}
            y, last, _ = self.run(x.unsqueeze(1), wide)
            return y.squeeze(1), {k: v.squeeze(1) for k, v in last.items()}
        y, last, _ = self.run(x.transpose(0, 1) if self.batch_first and x.dim() == 3 else x, state, lengths)
        return (y.transpose(0, 1) if self.batch_first else y), last

    def extra_repr(self) -> str:
        flags = "".join(f", {name}=True" for name in ("batch_first", "bidirectional") if getattr(self, name))
        return f"{self.cell.name}, {self.input_size}, {self.hidden_size}, num_layers={self.num_layers}{flags}"


def _name(name: str, layer: int, reverse: bool) -> str:
    return f"{name}_l{layer}{'_reverse' if reverse else ''}"
