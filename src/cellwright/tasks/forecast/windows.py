"""Windows over a series: what a network sees at an origin, what it shall say, and back. Floor 6.

A window is measured from its own level and a forecast from a simple one (`forecast_base`), so that a trend
does not leave the range the network has learnt. Reads nothing past an origin but what is known ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from cellwright.tasks.forecast.simple import Base, Extent, Floats, Ints, thinned
from cellwright.tasks.training.seeds import generator


@dataclass(frozen=True)
class WindowBatch:
    """Windows as numbers.

    Attributes:
        x: [window + horizon, B, C]: the targets, in the horizon their simple forecasts; a flag that is 1 in
            the horizon; what is known ahead.
        y: [horizon, B, K], what a network shall add to the simple forecasts; None where it is not known.
        index: [B], the windows' places in the data.
    """

    x: Tensor
    y: Tensor | None
    index: Tensor

    def to(self, device: torch.device) -> WindowBatch:
        """The same batch on another device."""
        y = None if self.y is None else self.y.to(device)
        return WindowBatch(self.x.to(device), y, self.index.to(device))


class Windows:
    """The windows of one part.

    Args:
        targets: [T, K], in the unit of the data.
        known: [T + F, E], scaled: covariates and calendar.
        origins: the first row to forecast of each window [N].
        extent: the window's extent.
        bases: the simple forecast of each target.
    """

    def __init__(
        self, targets: Floats, known: Floats, origins: Ints, extent: Extent, bases: Sequence[Base]
    ) -> None:
        self.targets, self.origins, self.extent, self.bases = targets, origins, extent, bases
        self.values = np.stack([base.forward(targets[:, k]) for k, base in enumerate(bases)], axis=1)
        found = [base.simple(self.values[:, k], origins, extent) for k, base in enumerate(bases)]
        self.level = np.stack([level for level, _ in found], axis=-1)  # [N, K]
        self.simple = np.stack([simple for _, simple in found], axis=-1)  # [N, horizon, K]
        self._known = known.astype(np.float32)
        self._spread = np.array([base.spread for base in bases])
        self._error = np.array([base.error for base in bases])

    def __len__(self) -> int:
        return len(self.origins)

    def batch(self, index: Ints, *, answers: bool = True) -> WindowBatch:
        """The chosen windows; without `answers` the rows after the origins need not exist."""
        extent, origins = self.extent, self.origins[index]
        steps = np.arange(-extent.window, extent.horizon)
        past = self.values[origins[:, None] + steps[: extent.window]]
        seen = np.concatenate((past, self.simple[index]), axis=1) - self.level[index, None]
        flag = np.broadcast_to((steps >= 0).astype(np.float32)[:, None], (len(index), len(steps), 1))
        x = np.concatenate(
            ((seen / self._spread).astype(np.float32), flag, self._known[origins[:, None] + steps]), axis=2
        )
        y = self._answers(index) if answers else None
        return WindowBatch(torch.from_numpy(x).transpose(0, 1).contiguous(), y, torch.from_numpy(index))

    def some(self, most: int) -> Ints:
        """The places of `most` windows at most, evenly spaced; no phase of the season is left out."""
        return thinned(len(self), most, self.extent.season)

    def truth(self, index: Ints) -> Floats:
        """The targets after the chosen origins, in the unit of the data [B, horizon, K]."""
        ahead: Floats = self.targets[self.origins[index][:, None] + np.arange(self.extent.horizon)]
        return ahead

    def forecasts(self, said: Tensor | None, index: Ints) -> Floats:
        """Forecasts in the data's unit [B, horizon, K].

        `said` is a network's answer [horizon, B, K]; None leaves the simple forecasts as they are.
        """
        values = self.simple[index]
        if said is not None:
            values = values + said.detach().cpu().numpy().astype(np.float64).transpose(1, 0, 2) * self._error
        return np.stack([base.back(values[..., k]) for k, base in enumerate(self.bases)], axis=-1)

    def _answers(self, index: Ints) -> Tensor:
        ahead = self.values[self.origins[index][:, None] + np.arange(self.extent.horizon)]
        y = (ahead - self.simple[index]) / self._error
        return torch.from_numpy(y.astype(np.float32)).transpose(0, 1).contiguous()


@dataclass(frozen=True)
class WindowFeed:
    """Training batches: windows in a new order each epoch, none a second time before all have been there.

    Args:
        windows: where from.
        batch_size: windows in a batch.
        steps: batches in an epoch.
        seed: with the epoch's number it fixes the order.
    """

    windows: Windows
    batch_size: int
    steps: int
    seed: int

    def __len__(self) -> int:
        return self.steps

    def epoch(self, number: int, start: int = 0) -> Iterator[WindowBatch]:
        """The batches of one epoch, from batch `start` on."""
        order = self._order(number)
        for step in range(start, self.steps):
            yield self.windows.batch(order[step * self.batch_size : (step + 1) * self.batch_size])

    def _order(self, number: int) -> Ints:
        count, wanted = len(self.windows), self.steps * self.batch_size
        rounds = range(ceil(wanted / count))
        orders = [torch.randperm(count, generator=generator(self.seed, number, k)) for k in rounds]
        order: Ints = torch.cat(orders)[:wanted].numpy()
        return order
