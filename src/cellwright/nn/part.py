"""What a layer can be made of besides its cell: kinds of part, each with one place where it acts. Floor 4.

    Around     between layers: wraps what a layer computes from its input
    Inside     within the loop over time: another graph, derived from the cell's, with inputs of its own
    OnWeights  on the weights, once for a whole run
    Begin      the states before the first step

A part is made without sizes, `Zoneout(0.1)`, and fitted once, by the layer that it is given to. Whether the
layer trains is told to a part at every call: it keeps no mode of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from cellwright.compiler.graph import Graph
from cellwright.errors import SettingError
from cellwright.nn.frame import Frame, States


@dataclass(frozen=True)
class Make:
    """How a part's own parameters are to be made."""

    device: torch.device | str | None
    dtype: torch.dtype | None

    def parameter(self, *shape: int, value: float = 0.0) -> nn.Parameter:
        """A new parameter, filled with one number."""
        return nn.Parameter(torch.full(shape, value, device=self.device, dtype=self.dtype))


class Part(nn.Module, ABC):
    """A part of a layer, and of one only."""

    fitted: bool = False

    @abstractmethod
    def fit(self, frame: Frame, make: Make) -> None:
        """Check that the part suits the layer, and make its parameters.

        Raises:
            SettingError: it does not suit.
        """


class Around(Part):
    """A part between layers. The first in a layer's list is the outermost.

    `only_trains`: in evaluation it hands everything through.
    """

    only_trains: ClassVar[bool] = False

    @abstractmethod
    def around(self, x: Tensor, inner: Callable[[Tensor], Tensor], at: int, training: bool) -> Tensor:
        """What stands in the place of `inner(x)`, the output [T, B, ..] of layer `at` for x [T, B, ..]."""


class Inside(Part):
    """A part within the loop over time. Of several, the one of lower `order` derives its graph first."""

    order: ClassVar[int] = 0

    @abstractmethod
    def derive(self, graph: Graph, training: bool) -> Graph:
        """The step that runs instead of `graph`; it may read further inputs, which `feeds` gives."""

    def feeds(self, wanted: Mapping[str, int], steps: int, batch: int, like: Tensor) -> dict[str, Tensor]:
        """Those inputs [T, B, size] of the derived graph that are this part's own: none.

        Args:
            wanted: the size of every input of the graph beside x.
            steps, batch: T and B.
            like: a tensor of the dtype and on the device wanted.
        """
        return {}


class OnWeights(Part):
    """A part that acts on the weights."""

    @abstractmethod
    def changed(self, weights: dict[str, Tensor], at: int, training: bool) -> dict[str, Tensor]:
        """The weights of layer `at`, in one direction, as one run reads them."""


class Begin(Part):
    """A part that says where the states begin."""

    @abstractmethod
    def start(self, start: States, place: int) -> States:
        """The states [B, size] of one layer and direction, instead of the cell's own `start`."""


def need_share(name: str, value: object) -> float:
    """A probability as a float.

    Raises:
        SettingError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise SettingError(f"{name} is a probability", got=value, expected="0 to 1")
    return float(value)
