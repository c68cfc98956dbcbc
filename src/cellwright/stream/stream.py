"""`Stream`: a layer, or a trained model, that takes one step at a time and keeps its state. Floor 5.

Refuses layers that read backwards, steps and states that do not fit, and snapshots that were changed or
belong to another layer. A refusal leaves the state as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from cellwright.errors import RunError, SettingError
from cellwright.nn.layer import Layer
from cellwright.stream.layer_way import LayerWay
from cellwright.stream.snapshot import opened, sealed
from cellwright.stream.way import Streamed, Way

Step = Tensor | npt.NDArray[np.floating] | Sequence[Any]
Rows = int | Sequence[int] | Tensor | npt.NDArray[Any]


class Stream:
    """A layer on a live stream: `push` one step, get one output; the state stays here.

    What comes out is what the layer gives for the whole sequence at once, in evaluation mode. One stream or
    many side by side: `streams` says so, or the first step decides, until `reset`. On the CPU a compiled step
    takes all layers in one call; `explain` says whether it does.

    The stream keeps a packed copy of the layer's weights and makes a new one when the layer is trained,
    loaded, moved or written to. What torch does not count (`weight.data.add_(..)`) it learns by `refresh`.

    Args:
        model: a `cellwright.nn` layer of one direction, any cell, any number of layers; or a trained model
            (`cw.Forecaster`, ...), whose steps are the rows of its data.
        streams: how many side by side, when that is known before the first step.
        check_finite: refuse steps with a NaN or an infinity. Otherwise these go in, and stay in the state.

    Raises:
        SettingError: no such layer, a bidirectional one, or no whole number of streams.

    >>> import torch
    >>> from cellwright.nn import Recurrent
    >>> layer, x = Recurrent("gru", 3, 5, num_layers=2), torch.randn(7, 3)
    >>> stream = Stream(layer)
    >>> y = torch.stack([stream.push(x_t) for x_t in x])
    >>> torch.allclose(y, layer(x)[0], atol=1e-6)
    True
    """

    def __init__(
        self, model: Layer | Streamed, streams: int | None = None, *, check_finite: bool = False
    ) -> None:
        self.model, self.streams, self.check_finite = model, streams, check_finite
        self._way = _way_of(model, streams, check_finite)

    def __repr__(self) -> str:
        return f"Stream({self._way}, {self.steps} steps)"

    @property
    def way(self) -> Way:
        """What takes the steps."""
        return self._way

    @property
    def steps(self) -> int:
        """How many steps were pushed since the last reset."""
        return self._way.steps

    @property
    def state(self) -> dict[str, Tensor]:
        """The states by name after the last step: [L, size] of one stream, [L, B, size] of many; copies.

        Empty before the first step, unless `streams` or a state was given.
        """
        return self._way.state()

    def push(
        self,
        x_t: Step,
        out: Any = None,
        *,
        rows: Rows | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Take one step.

        Args:
            x_t: [I] of one stream, [B, I] of many: a tensor, a NumPy array or a list; brought to the layer's
                dtype and device.
            out: where the output goes, a tensor or an array of the layer's dtype: nothing is allocated then,
                and the next push into it overwrites it.
            rows: of many streams, those that take this step: an index, several, or a mask [B]; x_t has a row
                for each (for a single index, [I]), the other streams stay where they are.
            inputs: what the cells read beside x, by name, rows as x_t.

        Returns:
            y_t, [H] or [B, H] (the size of the cell's first state): `out`, or an array of its own if x_t is a
            NumPy array, or else a tensor of its own.

        Raises:
            ShapeError: no numbers, another width than the layer's, another number of streams than at the
                first step, no such rows, or an `out` that does not fit.
            DataError: with `check_finite`, a step that is not finite.
        """
        if inputs is None:
            y = self._way.door(x_t, out, rows)
            if y is not NotImplemented:
                return y
        return self._way.push(x_t, out, rows, inputs)

    def reset(self, state: Mapping[str, Tensor] | None = None, *, rows: Rows | None = None) -> None:
        """Begin anew: from the cell's first state, or from what a call of the layer returned.

        Args:
            state: {"h": [L, B, size], ...}, or [L, size] for one stream.
            rows: of many streams, those that begin anew: an index, several, or a mask [B]. None: all.

        Raises:
            ShapeError: these are not the states of the layer, or there are no such rows; the stream's own
                state is left as it was.
        """
        self._way.reset(state, rows)

    def refresh(self) -> None:
        """Take the layer's weights anew, for those who write to them behind torch's back (`weight.data`)."""
        self._way.refresh()

    def explain(self) -> str:
        """What takes the steps, and why not what is faster.

        >>> from cellwright.nn import Recurrent
        >>> print(Stream(Recurrent("lstm", 3, 5, backend="eager")).explain())
        runs on: the layer
          not the compiled step: the layer is to run on the backend eager
        """
        return self._way.explain()

    def snapshot(self) -> bytes:
        """The state as bytes, for `restore`, here or in another process with the same layer.

        A header line with the format and a checksum, then a safetensors file.
        """
        tensors, facts = self._way.carried()
        return sealed(tensors, {**facts, "layer": self._way.identity(), "steps": self.steps})

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            RunError: not a snapshot, of another format, changed, or of another layer (other equations, sizes
                or weights); the state is left as it was.
        """
        tensors, facts = opened(snapshot)
        if facts.get("layer") != (own := self._way.identity()):
            kind = "layer" if isinstance(self.model, Layer) else "model"
            raise RunError(
                f"the snapshot is of another {kind}",
                got=self._way.shown(facts.get("layer", {})),
                expected=self._way.shown(own),
                fix=f"restore it into a stream of the {kind} (the same weights) that it was taken from",
            )
        self._way.carry(tensors, facts)
        self._way.steps = facts["steps"]

    def __getstate__(self) -> dict[str, Any]:
        tensors, facts = self._way.carried()
        return {
            "of": (self.model, self.streams, self.check_finite),
            "carried": (dict(tensors), facts),
            "steps": self.steps,
        }

    def __setstate__(self, kept: dict[str, Any]) -> None:
        model, streams, check_finite = kept["of"]
        self.__init__(model, streams, check_finite=check_finite)  # type: ignore[misc]
        self._way.carry(*kept["carried"])
        self._way.steps = kept["steps"]


def _way_of(model: Any, streams: int | None, check_finite: bool) -> Way:
    if isinstance(model, Layer):
        return LayerWay(model, streams, check_finite)
    if isinstance(model, Streamed):
        if streams is not None:
            raise SettingError("a trained model is one stream", got=f"streams={streams}", expected="None")
        return model.way()
    inner: list[str] = []
    if isinstance(model, nn.Module):
        inner = [name for name, module in model.named_modules() if isinstance(module, Layer)]
    raise SettingError(
        "a stream needs a layer of cellwright.nn",
        got=type(model).__name__,
        expected="Recurrent, LSTM, GRU or RNN, or a trained model",
        fix=f"stream the layer inside, .{inner[0]}" if inner else None,
    )
