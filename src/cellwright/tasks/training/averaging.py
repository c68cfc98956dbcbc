"""The mean of the weights over the last steps of a training, where one is wanted. Floor 6."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The mean of a network's weights over every step since `begin` (Polyak & Juditsky 1992).

    Args:
        network: what is trained.

    Attributes:
        steps: how many steps are in the mean.
        mean: by the parameter's name; empty until it has begun.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network, self.steps = network, 0
        self.mean: dict[str, Tensor] = {}
        self._held: dict[str, Tensor] = {}

    def begin(self) -> None:
        """From the weights as they are; once."""
        if not self.mean:
            self.mean = {name: p.detach().clone() for name, p in self.network.named_parameters()}

    def add(self) -> None:
        """The weights after one more step."""
        if self.mean:
            self.steps += 1
            for name, p in self.network.named_parameters():
                self.mean[name].lerp_(p.detach(), 1 / self.steps)

    def restore(self, steps: int, mean: Mapping[str, Tensor]) -> None:
        """As a snapshot has it."""
        self.steps, self.mean = steps, {name: v.clone() for name, v in mean.items()}

    def trained(self) -> dict[str, Tensor]:
        """What the network remembers, with the weights that are trained even where the mean stands in."""
        return {**self.network.state_dict(), **self._held}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network with the mean for a while, if there is one."""
        if not self.steps:
            yield
            return
        weights = dict(self.network.named_parameters())
        self._held = {name: p.detach().clone() for name, p in weights.items()}
        try:
            _copy(weights, self.mean)
            yield
        finally:
            _copy(weights, self._held)
            self._held = {}


@torch.no_grad()
def _copy(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, p in weights.items():
        p.copy_(values[name])
