"""A network and one input, opened at its recurrent layer: what a page of the inside is made of. Floor 5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from cellwright.nn.layer import Layer


@dataclass(frozen=True)
class Inside:
    """One input as a network's recurrent layer reads it, and what the network makes of the layer's output.

    Attributes:
        layer: the recurrent layer.
        x: what it reads, [T, 1, I].
        steps: what stands at each step, T texts: a character, a word, a time.
        read: from y [T, B, D*H] to the number that the network says of each sequence, [B].
        title: what it is, in English and in Chinese.
        said: what the network says, and what number `read` gives; in English and in Chinese.
        signal: the input in its own unit, [T, C]; None for a text.
        names: of the channels.
    """

    layer: Layer
    x: Tensor
    steps: tuple[str, ...]
    read: Callable[[Tensor], Tensor]
    title: tuple[str, str]
    said: tuple[str, str]
    signal: Tensor | None = None
    names: tuple[str, ...] = ()
