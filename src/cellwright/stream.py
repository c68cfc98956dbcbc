"""`Stream`: a layer that takes one step at a time and keeps its state; the state as bytes and back. Floor 5.

Refuses layers that read backwards, another number of streams than it began with, and snapshots that were
changed or belong to another layer. A refusal leaves the state as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cellwright.checkpoint import digest
from cellwright.errors import RunError, SettingError, ShapeError
from cellwright.nn.frame import States
from cellwright.nn.layer import Layer
from cellwright.nn.shapes import checked_state

FORMAT = 1
_MAGIC = b"cellwright stream "


class Stream:
    """A layer on a live stream: `push` one step, get one output; the state stays here.

    What comes out is what the layer gives for the whole sequence at once, in evaluation mode. The stream
    reads the layer's own weights, so training the layer further changes what it says. One stream or many
    side by side: the first step decides, until `reset`.

    Args:
        layer: a `cellwright.nn` layer of one direction; any cell, any number of layers.

    Raises:
        SettingError: no such layer, or a bidirectional one.

    >>> from cellwright.nn import Recurrent
    >>> layer, x = Recurrent("gru", 3, 5, num_layers=2), torch.randn(7, 3)
    >>> stream = Stream(layer)
    >>> y = torch.stack([stream.push(x_t) for x_t in x])
    >>> torch.allclose(y, layer(x)[0], atol=1e-6)
    True
    """

    def __init__(self, layer: Layer) -> None:
        if not isinstance(layer, Layer):
            raise SettingError(
                "a stream needs a layer of cellwright.nn",
                got=type(layer).__name__,
                expected="Recurrent, LSTM, GRU or RNN",
            )
        if layer.bidirectional:
            raise SettingError(
                "a bidirectional layer cannot stream: its backward half begins at the end of the sequence",
                expected="bidirectional=False",
                fix="train a layer of one direction",
            )
        self.layer = layer
        self._state: States | None = None
        self._single = True
        self._steps = 0

    def __repr__(self) -> str:
        if self._state is None:
            kind = "not begun"
        else:
            kind = "one stream" if self._single else f"{self._batch} streams"
        return f"Stream({self.layer.cell.name}, {kind}, {self._steps} steps)"

    @property
    def steps(self) -> int:
        """How many steps were pushed since the last reset."""
        return self._steps

    @property
    def state(self) -> States:
        """The states by name after the last step: [L, size] of one stream, [L, B, size] of many; copies.

        Empty before the first step, unless `reset` was given a state.
        """
        state = self._state or {}
        return {name: (value.squeeze(1) if self._single else value).clone() for name, value in state.items()}

    def push(self, x_t: Tensor | npt.NDArray[np.floating] | Sequence[Any]) -> Tensor:
        """Take one step.

        Args:
            x_t: [I] of one stream, [B, I] of many; brought to the layer's dtype and device. A NaN stays in
                the state for ever: refuse it before.

        Returns:
            y_t, [H] or [B, H] (the size of the cell's first state).

        Raises:
            ShapeError: no numbers, another width than the layer's, or another number of streams than at the
                first step.
        """
        x = self._taken(x_t)
        with torch.no_grad():
            y, state = self._step(x[None] if x.ndim == 2 else x[None, None])
        self._state, self._single, self._steps = state, x.ndim == 1, self._steps + 1
        return y[0, 0] if self._single else y[0]

    def reset(self, state: Mapping[str, Tensor] | None = None) -> None:
        """Begin anew: from the cell's first state, or from what a call of the layer returned.

        Args:
            state: {"h": [L, B, size], ...}, or [L, size] for one stream.

        Raises:
            ShapeError: these are not the states of the layer; the stream's own is left as it was.
        """
        if state is None:
            self._state, self._single, self._steps = None, True, 0
            return
        first = state.get(self.layer.cell.graph.states[0].name)
        single = first is not None and first.ndim == 2
        wide = {name: value.unsqueeze(1) if single else value for name, value in state.items()}
        self._state, self._single, self._steps = self._fitting(wide), single, 0

    def snapshot(self) -> bytes:
        """The state as bytes, for `restore`, here or in another process with the same layer.

        A header line with the format and a checksum, then a safetensors file.
        """
        facts = {
            "layer": _identity(self.layer),
            "single": self._single,
            "steps": self._steps,
            "begun": self._state is not None,
        }
        tensors = {name: value.cpu().contiguous() for name, value in (self._state or {}).items()}
        body = save(tensors, metadata={"stream": json.dumps(facts)})
        return _MAGIC + f"{FORMAT} {digest(body)}\n".encode("ascii") + body

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            RunError: not a snapshot, of another format, changed, or of another layer (other equations, sizes
                or weights); the state is left as it was.
        """
        tensors, facts = _opened(snapshot)
        if facts["layer"] != (own := _identity(self.layer)):
            raise RunError(
                "the snapshot is of another layer",
                got=_shown(facts["layer"]),
                expected=_shown(own),
                fix="restore it into a stream of the layer (the same weights) that it was taken from",
            )
        state = self._fitting(tensors) if facts["begun"] else None
        self._state, self._single, self._steps = state, facts["single"], facts["steps"]

    @property
    def _batch(self) -> int:
        return 0 if self._state is None else next(iter(self._state.values())).shape[1]

    def _taken(self, x_t: Any) -> Tensor:
        """The step as a tensor [I] or [B, I]; refused if it does not fit the layer or the streams so far."""
        like, width = next(self.layer.parameters()), self.layer.input_size
        begun = self._state is not None
        lead = "B, " if not begun else "" if self._single else f"{self._batch}, "
        expected = f"[{lead}{width}]" if begun else f"[{width}] or [B, {width}]"
        try:
            x = torch.as_tensor(x_t, dtype=like.dtype, device=like.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ShapeError("the step is not of numbers", got=error, expected=expected) from None
        fits = x.ndim in (1, 2) and x.shape[-1] == width and len(x) > 0
        if begun:
            fits = fits and (x.ndim == 1 if self._single else x.ndim == 2 and len(x) == self._batch)
        if not fits:
            fix = "go on with as many streams as before, or reset()" if begun else None
            raise ShapeError(
                "the step does not fit the stream", got=f"shape {list(x.shape)}", expected=expected, fix=fix
            )
        return x

    def _fitting(self, state: Mapping[str, Tensor]) -> States:
        """Copies of the states [L, B, size], checked, in the layer's dtype and on its device."""
        like = next(self.layer.parameters())
        first = state.get(self.layer.cell.graph.states[0].name)
        batch = first.shape[1] if first is not None and first.ndim == 3 else 1
        own = {name: value.detach().to(like, copy=True) for name, value in state.items()}
        return checked_state(own, self.layer.frame.shapes(batch), like)

    def _step(self, x: Tensor) -> tuple[Tensor, States]:
        """The layer over one step [1, B, I], without the dropout of training."""
        training = self.layer.training
        self.layer.training = False
        try:
            y, state, _ = self.layer.run(x, self._state)
        finally:
            self.layer.training = training
        return y, state


def _identity(layer: Layer) -> dict[str, Any]:
    """What makes a layer this one: equations, sizes, dtype and weights."""
    weights = [
        weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        for at in range(layer.num_layers)
        for weight in layer.weights(at).values()
    ]
    return {
        "cell": layer.cell.name,
        "graph": layer.cell.graph.fingerprint,
        "sizes": [layer.input_size, layer.hidden_size, layer.num_layers],
        "dtype": str(next(layer.parameters()).dtype),
        "weights": digest(b"".join(weights)),
    }


def _shown(identity: dict[str, Any]) -> str:
    sizes = "-".join(map(str, identity["sizes"]))
    return f"{identity['cell']} {sizes} {identity['dtype']} with weights {identity['weights'][:12]}"


def _opened(snapshot: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a snapshot whose checksum holds."""
    if not isinstance(snapshot, bytes) or not snapshot.startswith(_MAGIC):
        raise RunError("this is no snapshot of a stream", expected="the bytes of Stream.snapshot()")
    head, _, body = snapshot[len(_MAGIC) :].partition(b"\n")
    version, _, checksum = head.decode("ascii", "replace").partition(" ")
    if version != str(FORMAT):
        raise RunError("the snapshot is of another format", got=version[:20], expected=FORMAT)
    if checksum != digest(body):
        raise RunError(
            "the snapshot was changed or cut off",
            got=f"sha256 {digest(body)[:12]} over {len(body)} bytes",
            expected=f"sha256 {checksum[:12]}",
            fix="take another copy of it",
        )
    try:
        header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
        return dict(load(body)), json.loads(header["__metadata__"]["stream"])
    except (SafetensorError, ValueError, KeyError) as error:
        raise RunError("the snapshot is damaged", got=error) from None
