"""How a layer takes one step at a time: by a compiled step, a recorded one (GPU), or by itself. Floor 5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cellwright.backends.cpu.chain import Carried
from cellwright.errors import SettingError, ShapeError
from cellwright.nn.frame import States
from cellwright.nn.layer import Layer
from cellwright.nn.shapes import checked_state
from cellwright.stream import stack
from cellwright.stream.captured import Captured
from cellwright.stream.given import chosen_rows, filled, need_finite, need_out, numbers
from cellwright.stream.way import Door, closed


class LayerWay:
    """A layer's streams; a compiled step writes into the very tensors of `_state`, {name: [L, B, size]}."""

    def __init__(self, layer: Layer, streams: int | None, check_finite: bool = False) -> None:
        if layer.bidirectional:
            raise SettingError(
                "a bidirectional layer cannot stream: its backward half begins at the end of the sequence",
                expected="bidirectional=False",
                fix="train a layer of one direction",
            )
        if streams is not None and (isinstance(streams, bool) or not isinstance(streams, int) or streams < 1):
            raise SettingError("no number of streams", got=streams, expected="a whole number from 1 up")
        self.layer, self.streams, self.check_finite = layer, streams, check_finite
        self.door: Door = closed
        self._state: States = {}
        self._single, self._steps = True, 0
        self._carried: Carried | None = None
        # A recorded step, or why there is none; made at the first push.
        self._captured: Captured | str | None = None
        self._identity: tuple[Any, dict[str, Any]] | None = None
        self._look()
        self.reset(None, None)

    def __str__(self) -> str:
        begun = "one stream" if self._single else f"{self._batch} streams"
        return f"{self.layer.cell.name}, {begun if self._state else 'not begun'}"

    @property
    def steps(self) -> int:
        """Pushes since all streams began."""
        return self._steps if self._carried is None else self._carried.steps

    @steps.setter
    def steps(self, value: int) -> None:
        self._steps = value
        if self._carried is not None:
            self._carried.steps = value

    def explain(self) -> str:
        """What takes the steps, and why nothing faster."""
        if not isinstance(self._chain, str):
            return "runs on: the compiled step"
        why = f"\n  not the compiled step: {self._chain}"
        if isinstance(self._captured, str):
            return f"runs on: the layer{why}\n  not a recorded step: {self._captured}"
        return f"runs on: {'a recorded step (CUDA graph)' if self._on_card() else 'the layer'}{why}"

    def state(self) -> States:
        """Copies."""
        return {
            name: (value.squeeze(1) if self._single else value).clone() for name, value in self._state.items()
        }

    def push(self, x_t: Any, out: Any, rows: Any, inputs: Mapping[str, Any] | None) -> Any:
        """One step, whatever the door does not take; everything is checked before anything is done."""
        self.refresh(forced=False)
        x, chosen, alone = self._taken(x_t, rows)
        if self.check_finite:
            need_finite(x, self.steps, chosen)
        further = self._further(inputs, len(x), alone)
        if out is not None:
            width = self.layer.output_size
            need_out(out, [width] if alone else [len(x), width], x)
        if not self._state:
            self._begin(self._start(len(x)), alone, 0)
        y = self._stepped(x, further, chosen)
        y = y[0] if alone else y
        if out is not None:
            return filled(out, y)
        return y.cpu().numpy() if isinstance(x_t, np.ndarray) else y

    def reset(self, state: Mapping[str, Tensor] | None, rows: Any) -> None:
        """All streams, or some of them."""
        if rows is not None:
            self._reset_rows(state, rows)
        elif state is not None:
            first = next(iter(state.values()), None)
            single = first is not None and first.ndim == 2
            wide = {name: value.unsqueeze(1) if single else value for name, value in state.items()}
            self._begin(self._fitting(wide), single, 0)
        elif self.streams is not None:
            self._begin(self._start(self.streams), False, 0)
        else:
            self._state, self._single, self._steps = {}, True, 0
            self._carried, self._captured, self.door = None, None, closed

    def refresh(self, forced: bool = True) -> None:
        """Take the weights anew: always, or if they were written to, moved or replaced."""
        now = stack.versions(self.layer)
        if not forced and now == self._versions:
            return
        self._look()
        if self._state:
            like = self._like
            state = {name: value.to(like.device, like.dtype) for name, value in self._state.items()}
            self._begin(state, self._single, self.steps)

    def carried(self) -> tuple[States, dict[str, Any]]:
        """The states."""
        return self._state, {"single": self._single, "begun": bool(self._state)}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """The states of a snapshot."""
        if facts["begun"]:
            self._begin(self._fitting(tensors), facts["single"], 0)
        else:
            self.reset(None, None)

    def identity(self) -> dict[str, Any]:
        """Equations, sizes, dtype and weights."""
        now = stack.versions(self.layer)
        if self._identity is None or self._identity[0] != now:
            self._identity = now, stack.identity_of(self.layer)
        return self._identity[1]

    def shown(self, identity: dict[str, Any]) -> str:
        """An identity in a few words."""
        return stack.shown(identity)

    @property
    def _like(self) -> Tensor:
        return next(self.layer.parameters())

    @property
    def _batch(self) -> int:
        return next(iter(self._state.values())).shape[1] if self._state else 0

    def _look(self) -> None:
        """Build the compiled step for the layer as it is now."""
        self._versions = stack.versions(self.layer)
        self._chain = stack.chain_of(self.layer)

    def _begin(self, state: States, single: bool, steps: int) -> None:
        """Carry on from these states, which are ours from now on."""
        # Ordinary tensors, even if the stream begins within torch.inference_mode: rows are written to later.
        with torch.inference_mode(False):
            self._state = {n: v.detach().clone().contiguous() for n, v in state.items()}
        self._single, self._carried, self._captured, self.door = single, None, None, closed
        if not isinstance(self._chain, str):
            pieces = self.layer.frame.split(self._state)
            self._carried = Carried(self._chain, pieces, torch.get_num_threads())
            self.door = self._door() or closed
        self.steps = steps

    def _door(self) -> Door | None:
        """The quick way in; a step with further inputs takes the other."""
        if self._carried is None or self.layer.frame.inputs:
            return None
        return self._carried.door(self._single, stack.watched(self.layer), self.check_finite)

    def _start(self, batch: int) -> States:
        """The states before the first step."""
        with torch.no_grad():
            return self.layer.start(batch, self._like)

    def _taken(self, x_t: Any, rows: Any) -> tuple[Tensor, Tensor | None, bool]:
        """The step [n, I], the streams it is for, and whether it is that of one stream alone."""
        width = self.layer.input_size
        if rows is not None:
            chosen = self._chosen(rows)
            alone = np.ndim(rows) == 0
            expected = f"[{width}]" if alone else f"[{len(chosen)}, {width}]"
        else:
            chosen = None
            lead = "" if self._single else f"{self._batch}, "
            expected = f"[{lead}{width}]" if self._state else f"[{width}] or [B, {width}]"
        x = numbers(x_t, self._like, expected)
        fits = x.ndim in (1, 2) and x.shape[-1] == width
        if chosen is not None:
            fits = fits and (x.ndim == 1 if alone else x.ndim == 2 and len(x) == len(chosen))
        elif self._state:
            fits = fits and (x.ndim == 1 if self._single else x.ndim == 2 and len(x) == self._batch)
        else:
            fits = fits and len(x) > 0
        if not fits:
            fix = "go on with as many streams as before, or reset()" if self._state else None
            raise ShapeError(
                "the step does not fit the stream", got=f"shape {list(x.shape)}", expected=expected, fix=fix
            )
        return (x[None] if x.ndim == 1 else x), chosen, x.ndim == 1

    def _chosen(self, rows: Any) -> Tensor:
        if not self._state or self._single:
            raise ShapeError(
                "rows are those of many streams",
                got="one stream" if self._state else "none yet",
                fix="say how many there are: Stream(layer, streams=..)",
            )
        return chosen_rows(rows, self._batch)

    def _further(self, inputs: Mapping[str, Any] | None, count: int, alone: bool) -> list[Tensor]:
        """What the cells read beside x, [n, size], in the order of the frame."""
        sizes = self.layer.frame.inputs
        if set(inputs or ()) != set(sizes):
            raise ShapeError(
                "these are not the inputs that the cell reads beside x",
                got=", ".join(inputs or ()) or "none",
                expected=", ".join(sizes) or "none",
                fix="push(x_t, inputs={name: ..})" if sizes else None,
            )
        found = []
        for name, size in sizes.items():
            shape = [size] if alone else [count, size]
            value = numbers(inputs[name], self._like, str(shape), f"`{name}`")  # type: ignore[index]
            if value.numel() != count * size or value.ndim > 2:
                raise ShapeError(f"the input `{name}` does not fit", got=list(value.shape), expected=shape)
            found.append(value.reshape(count, size))
        return found

    def _stepped(self, x: Tensor, further: list[Tensor], chosen: Tensor | None) -> Tensor:
        """y [n, H] of the step x [n, I]; the states carried on."""
        if self._carried is None:
            self._steps += 1
            recorded = self._recorded(x, further) if chosen is None and self._on_card() else None
            return recorded.push(x, further) if recorded else self._through_layer(x, further, chosen)
        y = x.new_empty(len(x), self.layer.output_size)
        if not self._carried.push([x, *further], y, chosen):
            raise SettingError(
                "another push into this stream is under way, in another thread",
                fix="give each thread its own",
            )
        return y

    def _on_card(self) -> bool:
        return self._like.device.type == "cuda"

    def _recorded(self, x: Tensor, further: list[Tensor]) -> Captured | None:
        """The recorded step of these streams; None where it could not be recorded."""
        if self._captured is None:
            try:
                with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
                    self._captured = Captured(self.layer, self._state, x, further)
            except RuntimeError as fact:
                self._captured = str(fact).splitlines()[0] if str(fact) else type(fact).__name__
        return None if isinstance(self._captured, str) else self._captured

    def _through_layer(self, x: Tensor, further: list[Tensor], chosen: Tensor | None) -> Tensor:
        """The same by the layer itself, without the dropout of training."""
        before = self._state
        if chosen is not None:
            chosen = chosen.to(x.device)
            before = {name: value[:, chosen] for name, value in before.items()}
        with torch.inference_mode(False), torch.no_grad():
            y, after = stack.through(self.layer, x, before, further)
        if chosen is None:
            self._state = after
        else:
            for name, value in after.items():
                self._state[name][:, chosen] = value
        return y

    def _fitting(self, state: Mapping[str, Tensor]) -> States:
        """Copies of the states [L, B, size], checked, in the layer's dtype and on its device."""
        first = next(iter(state.values()), None)
        batch = first.shape[1] if first is not None and first.ndim == 3 else 1
        if self.streams not in (None, batch):
            raise ShapeError("another number of streams", got=batch, expected=self.streams)
        return self._checked(state, batch)

    def _checked(self, state: Mapping[str, Tensor], batch: int) -> States:
        own = {name: value.detach().to(self._like, copy=True) for name, value in state.items()}
        return checked_state(own, self.layer.frame.shapes(batch), self._like)

    def _reset_rows(self, state: Mapping[str, Tensor] | None, rows: Any) -> None:
        chosen = self._chosen(rows)
        fresh = self._start(len(chosen))
        if state is not None:
            wide = {n: v.unsqueeze(1) if v.ndim == 2 and np.ndim(rows) == 0 else v for n, v in state.items()}
            fresh = self._checked(wide, len(chosen))
        for name, value in fresh.items():
            self._state[name][:, chosen.to(value.device)] = value
