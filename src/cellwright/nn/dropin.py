"""`RNN`, `LSTM`, `GRU` in the place of torch.nn's: same arguments, shapes and state_dict. Floor 4."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from cellwright import cells
from cellwright.compiler.trace import Cell
from cellwright.errors import KindError, SettingError, ShapeError
from cellwright.nn.frame import make_frame, need_size
from cellwright.nn.layer import Layer
from cellwright.nn.rows import rows_of
from cellwright.nn.sequences import opened


class Packed(Layer):
    """Weights kept as torch.nn keeps them: weight_ih_l0 [G*H, I], weight_hh_l0 [G*H, H], two biases [G*H].

    `gates` lists the cell's gates in torch's order; `recurrent_bias` names, by gate, the parameter that
    torch's second bias is when it is not simply added to the first.
    """

    hidden_size: int
    gates: ClassVar[tuple[str, ...]]
    recurrent_bias: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        for name, value in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(value, bool):
                raise KindError(name, value, "bool")
        need_size("input_size", input_size, 1)
        frame = make_frame(cell, input_size, hidden_size, num_layers, bool(bidirectional), "concat")
        super().__init__(frame, batch_first, dropout)
        if dropout and num_layers == 1:
            warnings.warn("dropout acts between layers, and there is one layer only", stacklevel=3)
        self.bias, self.proj_size = bias, proj_size
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self.directions]:
                for name, shape in self._shapes(layer).items():
                    weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(f"{name}_l{layer}{suffix}", weight)
        self.reset_parameters()

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        rows = len(self.gates) * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, self.sizes(layer)["I"]),
            "weight_hh": (rows, self.proj_size or self.hidden_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    def reset_parameters(self) -> None:
        """Draw all weights from U(-1/sqrt H, 1/sqrt H), as torch.nn does."""
        bound = self.hidden_size**-0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing to do: kept for programs that call it on torch.nn's layers."""

    @property
    def mode(self) -> str:
        """torch.nn's name of the kind: LSTM, GRU, RNN_TANH or RNN_RELU."""
        return type(self).__name__

    @property
    def _all_weights(self) -> list[list[str]]:
        """The names of the packed weights by layer and direction: programs that start biases read them."""
        ends = [f"{k}{s}" for k in range(self.num_layers) for s in ("", "_reverse")[: self.directions]]
        return [[f"{name}_l{end}" for name in self._shapes(0)] for end in ends]

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The packed weights by layer and direction, as torch.nn lists them."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def weights(self, layer: int = 0, reverse: bool = False) -> dict[str, Tensor]:
        """Views of the packed weights under the equations' names; a bias b_* is the sum of torch's two."""
        end = f"_l{layer}{'_reverse' if reverse else ''}"
        part = {
            name: rows_of(getattr(self, name + end), len(self.gates)) for name in ("weight_ih", "weight_hh")
        }
        named = {f"W{g}": part["weight_ih"][k] for k, g in enumerate(self.gates)}
        named |= {f"U{g}": part["weight_hh"][k] for k, g in enumerate(self.gates)}
        if self.proj_size:
            named["W_h"] = getattr(self, "weight_hr" + end)
        return named | self._biases(end)

    def _biases(self, end: str) -> dict[str, Tensor]:
        if not self.bias:
            zero = getattr(self, "weight_hh" + end).new_zeros(self.hidden_size)
            return dict.fromkeys((*(f"b{g}" for g in self.gates), *self.recurrent_bias.values()), zero)
        if not self.recurrent_bias:
            both = getattr(self, "bias_ih" + end) + getattr(self, "bias_hh" + end)
            return {f"b{gate}": b for gate, b in zip(self.gates, rows_of(both, len(self.gates)), strict=True)}
        first = rows_of(getattr(self, "bias_ih" + end), len(self.gates))
        second = rows_of(getattr(self, "bias_hh" + end), len(self.gates))
        named: dict[str, Tensor] = {}
        for k, gate in enumerate(self.gates):
            alone = self.recurrent_bias.get(gate)
            named[f"b{gate}"] = first[k] if alone else first[k] + second[k]
            if alone:
                named[alone] = second[k]
        return named

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """As torch.nn: `output, h_n = rnn(input, h_0)`, `output, (h_n, c_n) = lstm(input, (h_0, c_0))`.

        Args:
            input: [T, B, I], [B, T, I] with batch_first, [T, I] unbatched, a PackedSequence, or (what
                torch.nn does not take) a nested tensor of jagged layout.
            hx: h_0 [L*D, B, H], for LSTM the pair (h_0, c_0); zeros when left out.

        Raises:
            ShapeError: something does not fit.
        """
        given = opened(input, self.batch_first)
        y, state, _ = self.run(given.x, given.states(None if hx is None else self._state(hx)), given.lengths)
        return given.back(y), self._hx(given.last(state))

    def _state(self, hx: Any) -> Mapping[str, Tensor]:
        if not isinstance(hx, Tensor):
            raise ShapeError(
                "h_0 is not a tensor", got=type(hx).__name__, expected="[layers * directions, batch, size]"
            )
        return {"h": hx}

    def _hx(self, state: dict[str, Tensor]) -> Any:
        return state["h"]

    def extra_repr(self) -> str:
        shown = (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
        )
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in (*shown, ("bidirectional", False)):
            value = getattr(self, name)
            text += f", {name}={value}" if value != usual else ""
        return text


class RNN(Packed):
    """torch.nn.RNN, by the equation h_t = tanh(W x_t + U h_{t-1} + b) or relu.

    >>> RNN(3, 5)(torch.zeros(7, 2, 3))[0].shape
    torch.Size([7, 2, 5])
    """

    gates = ("",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise SettingError("no such nonlinearity", got=nonlinearity, expected="tanh, relu")
        super().__init__(
            cells.elman.configure(nonlinearity=nonlinearity),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity

    @property
    def mode(self) -> str:
        """RNN_TANH or RNN_RELU."""
        return f"RNN_{self.nonlinearity.upper()}"


class LSTM(Packed):
    """torch.nn.LSTM, `proj_size` included.

    >>> y, (h, c) = LSTM(3, 5, num_layers=2)(torch.zeros(7, 2, 3))
    >>> h.shape
    torch.Size([2, 2, 5])
    """

    gates = ("_i", "_f", "_g", "_o")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        need_size("hidden_size", hidden_size, 1)
        if not 0 <= proj_size < hidden_size:
            raise SettingError("proj_size does not fit", got=proj_size, expected=f"0 to {hidden_size - 1}")
        super().__init__(
            cells.lstm_projected.configure(P=proj_size) if proj_size else cells.lstm,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def _state(self, hx: Any) -> Mapping[str, Tensor]:
        if isinstance(hx, Tensor) or len(hx) != 2:
            raise ShapeError("the state is not a pair", got=type(hx).__name__, expected="(h_0, c_0)")
        return {"h": hx[0], "c": hx[1]}

    def _hx(self, state: dict[str, Tensor]) -> Any:
        return state["h"], state["c"]


class GRU(Packed):
    """torch.nn.GRU (reset after the product).

    >>> GRU(3, 5, bidirectional=True)(torch.zeros(7, 2, 3))[1].shape
    torch.Size([2, 2, 5])
    """

    gates = ("_r", "_z", "_n")
    recurrent_bias: ClassVar[dict[str, str]] = {"_n": "b_m"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            cells.gru,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
