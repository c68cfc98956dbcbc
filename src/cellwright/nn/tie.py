"""Layers that share their weights. Floor 4."""

from __future__ import annotations

import torch

from cellwright.errors import SettingError
from cellwright.nn.layer import Layer


def tie(layer: Layer, *layers: int) -> Layer:
    """Give several of the stacked layers one set of weights: the first one's, in each direction.

    Gradients add up, `parameters()` lists each weight once, `state_dict` holds every name.

    Args:
        layer: any layer of `cellwright.nn`; it is changed in place.
        layers: which of its layers, from 0; all when left out.

    Returns:
        The layer.

    Raises:
        SettingError: no such layer, or their weights differ in name or shape.

    >>> from cellwright.nn import Recurrent
    >>> deep = tie(Recurrent("gru", 4, 4, num_layers=3))
    >>> deep.U_z_l2 is deep.U_z_l0, len(list(deep.parameters()))
    (True, 10)
    """
    chosen = layers or tuple(range(layer.num_layers))
    missing = [k for k in chosen if not 0 <= k < layer.num_layers]
    if missing:
        raise SettingError("there is no such layer", got=missing[0], expected=f"0 to {layer.num_layers - 1}")
    first, *rest = chosen
    for end in ("", "_reverse")[: layer.directions]:
        kept = _weights(layer, first, end)
        for other in rest:
            own = _weights(layer, other, end)
            if {n: p.shape for n, p in own.items()} != {n: p.shape for n, p in kept.items()}:
                raise SettingError(
                    "the layers have other weights",
                    got=_shown(layer, other),
                    expected=_shown(layer, first),
                    fix="tie layers of one cell that read and give the same width",
                )
            for name, weight in kept.items():
                layer.register_parameter(f"{name}_l{other}{end}", weight)
    return layer


def _weights(layer: Layer, at: int, end: str) -> dict[str, torch.nn.Parameter]:
    """The parameters of one layer and direction by name, without its number."""
    suffix = f"_l{at}{end}"
    own = {name: p for name, p in layer._parameters.items() if name.endswith(suffix)}
    return {name.removesuffix(suffix): p for name, p in own.items() if p is not None}


def _shown(layer: Layer, at: int) -> str:
    sizes = layer.sizes(at)
    return f"{layer.frame.cells[at].name} of {sizes['I']} inputs and {sizes['H']} units"
