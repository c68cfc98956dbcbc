"""Truncated backpropagation through time: states carried from chunk to chunk, gradients not. Floor 4.

Refuses models that read backwards, and models without a recurrent layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from cellwright.errors import KindError, SettingError, ShapeError
from cellwright.nn.layer import Layer
from cellwright.nn.recurrent import Recurrent


class Carried:
    """The states that the recurrent layers of a model begin their next call from.

    They live here and not in the model: no buffers, nothing in `state_dict`, one set for each process.
    """

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        self._layers = dict(layers)
        self._states: dict[str, Any] = {}

    @property
    def states(self) -> dict[str, Any]:
        """By the layer's name in the model, as the layer gives it; empty before the first call."""
        return dict(self._states)

    def reset(self, rows: Tensor | Sequence[int] | None = None) -> None:
        """Begin anew from the layers' first states.

        Args:
            rows: which sequences of the batch, as numbers or as a mask [B]; all when left out.

        Raises:
            ShapeError: there is no such sequence.
        """
        if rows is None:
            self._states = {}
            return
        chosen = torch.as_tensor(rows)
        self._states = {name: self._anew(name, state, chosen) for name, state in self._states.items()}

    def _anew(self, name: str, state: Any, rows: Tensor) -> Any:
        values, form = tree_flatten(state)
        layer, batch = self._layers[name], values[0].shape[1]
        fits = len(rows) == batch if rows.dtype == torch.bool else bool(((rows >= 0) & (rows < batch)).all())
        if values[0].dim() != 3 or not fits:
            raise ShapeError(
                "no such sequences to begin anew",
                where=name or "the layer",
                got=rows.tolist(),
                expected=f"numbers from 0 to {batch - 1}, or a mask of {batch}",
            )
        first = list(layer.start(batch, values[0]).values()) if isinstance(layer, Layer) else values
        changed = []
        for value, begin in zip(values, first, strict=True):
            new = value.clone()
            new[:, rows] = begin[:, rows] if isinstance(layer, Layer) else 0.0
            changed.append(new)
        return tree_unflatten(changed, form)

    def _before(self, name: str, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A forward pre-hook: the state goes in, unless the caller gives one."""
        word = "state" if isinstance(layer, Recurrent) else "hx"
        own = args[1] if len(args) > 1 else kwargs.get(word)
        if name not in self._states or own is not None:
            return None
        if len(args) > 1:
            return (args[0], self._states[name], *args[2:]), kwargs
        return args, {**kwargs, word: self._states[name]}

    def _after(self, name: str, layer: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """A forward hook: the state that came out, without its history."""
        self._states[name] = tree_map_only(Tensor, Tensor.detach, output[1])


@contextmanager
def carry_state(model: nn.Module) -> Iterator[Carried]:
    """Inside it every recurrent layer of a model goes on where its last call ended.

    The state is carried, its history is not: backpropagation through time is truncated at the chunks' borders
    (Williams & Peng 1990). A state that the program gives to a layer takes the place of the carried one.
    Layers of torch.nn carry theirs as well.

    Args:
        model: any module with recurrent layers; a layer by itself, too.

    Returns:
        The states, to look at and to `reset()` where a sequence ends.

    Raises:
        SettingError: no module, no recurrent layer in it, or one that reads backwards.

    >>> from cellwright.nn import LSTM
    >>> model, x = LSTM(3, 4), torch.randn(100, 2, 3)
    >>> with carry_state(model) as carried:
    ...     pieces = [model(chunk)[0] for chunk in x.split(10)]
    >>> torch.allclose(torch.cat(pieces), model(x)[0], atol=1e-6)
    True
    """
    if not isinstance(model, nn.Module):
        raise KindError("model", model, "torch.nn.Module")
    layers = {name: m for name, m in model.named_modules() if isinstance(m, (Layer, nn.RNNBase))}
    if not layers:
        raise SettingError("the model has no recurrent layer", got=type(model).__name__)
    backwards = [name for name, layer in layers.items() if layer.bidirectional]
    if backwards:
        raise SettingError(
            "a layer that reads backwards has no state to carry on: its past is the next chunk",
            where=backwards[0] or "the layer",
            expected="bidirectional=False",
        )
    carried = Carried(layers)
    with ExitStack() as hooks:
        for name, layer in layers.items():
            before, after = partial(carried._before, name), partial(carried._after, name)
            hooks.enter_context(layer.register_forward_pre_hook(before, with_kwargs=True))
            hooks.enter_context(layer.register_forward_hook(after))
        yield carried
