"""A network and one input, opened at its recurrent layer: what all looking inside begins with. Floor 5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from cellwright.errors import SettingError
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


@runtime_checkable
class Trained(Protocol):
    """What opens at its recurrent layer: a trained estimator, fitted or loaded from its run."""

    def inside(self, data: str, row: int = 1) -> Inside:
        """The network on one input: a text, a file as in training, or the name of a sample."""


Read: TypeAlias = "Callable[[Tensor], Tensor]"


def opened(layer: object, x: Tensor | str) -> tuple[Layer, Tensor, Read | None]:
    """A layer and what it reads; of an estimator also what its network makes of the layer's output.

    Raises:
        SettingError: neither of them; x is none that it takes.
    """
    if isinstance(layer, Layer):
        if not isinstance(x, Tensor):
            raise SettingError("a layer reads numbers", got=type(x).__name__, expected="a tensor [T, B, I]")
        return layer, x, None
    if not isinstance(layer, Trained):
        raise SettingError(
            "this is no recurrent layer",
            got=type(layer).__name__,
            expected="a layer of cellwright.nn, or a trained estimator",
            fix="load a run first (Classifier.load and so on)" if isinstance(layer, (str, Path)) else "",
        )
    if not isinstance(x, str):
        expected = "a text, the name of a file or of a sample"
        raise SettingError("a trained estimator reads its own data", got=type(x).__name__, expected=expected)
    found = layer.inside(x)
    return found.layer, found.x.transpose(0, 1) if found.layer.batch_first else found.x, found.read
