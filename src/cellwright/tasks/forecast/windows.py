"""Windows over series: what a network sees at an origin, what it shall say, and back. Floor 6.

A window is measured from its own level and a forecast from a simple one (`simple`), so that a trend does not
leave the range the network has learnt; each series has its own scale. Reads nothing past an origin but what
is known ahead; a missing value is a flag, never a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from cellwright.tasks.forecast.series import carried
from cellwright.tasks.forecast.simple import Base, Extent, Floats, Ints, thinned
from cellwright.tasks.training.seeds import generator


@dataclass(frozen=True)
class WindowBatch:
    """Windows as numbers.

    Attributes:
        x: [window + horizon, B, C]: the targets, in the horizon their simple forecasts; a flag that is 1 in
            the horizon; flags of what is there, where values are masked; what is known ahead. For a network
            that is fed its own words: the target of the step before, then the simple forecasts, then those.
        y: [horizon, B, K], what a network shall add to the simple forecasts, NaN where nobody knows; None for
            windows whose future is not there.
        index: [B], the windows' places in the data.
        simple: [horizon, B, K], the simple forecasts, transformed and scaled.
        scale: [B, K], of their series.
    """

    x: Tensor
    y: Tensor | None
    index: Tensor
    simple: Tensor
    scale: Tensor

    def to(self, device: torch.device) -> WindowBatch:
        """The same batch on another device."""
        y = None if self.y is None else self.y.to(device)
        rest = (part.to(device) for part in (self.index, self.simple, self.scale))
        return WindowBatch(self.x.to(device), y, *rest)


@dataclass(frozen=True)
class Rows:
    """One series of a part.

    Attributes:
        targets: [T, K], in the unit of the data; NaN is missing.
        known: [T + F, E], scaled: covariates and calendar.
        origins: the first row to forecast of each window [N].
        scale: [K], what one is in this series.
        naive_error: [K], of its seasonal naive in the training part, in the unit of the data.
        number: which series of the panel it is.
    """

    targets: Floats
    known: Floats
    origins: Ints
    scale: Floats
    naive_error: Floats
    number: int = 0


class Windows:
    """The windows of one part, series after series.

    Args:
        rows: of each series.
        extent: the window's extent.
        bases: the simple forecast of each target.
        masked: whether the network is told which values are there.
        fed: whether the network is fed the target of the step before.
    """

    def __init__(
        self,
        rows: Sequence[Rows],
        extent: Extent,
        bases: Sequence[Base],
        *,
        masked: bool = False,
        fed: bool = False,
    ) -> None:
        self.extent, self.bases, self.masked, self.fed = extent, bases, masked, fed
        self.origins = np.concatenate([one.origins for one in rows])
        self.which = np.repeat(np.arange(len(rows)), [len(one.origins) for one in rows])
        self.targets = np.concatenate([one.targets for one in rows])
        filled = np.concatenate([carried(one.targets, extent.season) for one in rows])
        self.scale = np.stack([one.scale for one in rows])  # [S, K]
        self.named = np.array([one.number for one in rows])  # [S], of the panel
        self.naive_error = np.stack([one.naive_error for one in rows])  # [S, K]
        self._at = self.origins + _starts([len(one.targets) for one in rows])[self.which]
        self._known_at = self.origins + _starts([len(one.known) for one in rows])[self.which]
        self._known = np.concatenate([one.known for one in rows]).astype(np.float32)
        lengths = [len(one.targets) for one in rows]
        self.filled = filled / np.repeat(self.scale, lengths, axis=0)
        columns = list(enumerate(bases))
        self.values = np.stack([base.forward(self.filled[:, k]) for k, base in columns], axis=1)
        found = [base.simple(self.values[:, k], self._at, extent) for k, base in columns]
        self.level = np.stack([level for level, _ in found], axis=-1)  # [N, K]
        self.simple = np.stack([simple for _, simple in found], axis=-1)  # [N, horizon, K]
        self.spread = np.array([base.spread for base in bases])
        self.error = np.array([base.error for base in bases])

    def __len__(self) -> int:
        return len(self.origins)

    def batch(self, index: Ints, *, answers: bool = True) -> WindowBatch:
        """The chosen windows; without `answers` the rows after the origins need not exist."""
        extent = self.extent
        steps = np.arange(-extent.window, extent.horizon)
        ahead = np.broadcast_to((steps >= 0).astype(np.float32)[:, None], (len(index), len(steps), 1))
        seen, there = self._seen(index, answers)
        parts = [
            ((seen - np.tile(self.level[index, None], 1 + self.fed)) / np.tile(self.spread, 1 + self.fed))
        ]
        parts += [ahead, *([there] if self.masked else []), self._known[self._known_at[index, None] + steps]]
        if self.fed:
            parts[0][:, : extent.window, len(self.bases) :] = 0.0
        x = np.concatenate([part.astype(np.float32) for part in parts], axis=2)
        y = self._answers(index) if answers else None
        return WindowBatch(
            torch.from_numpy(x).transpose(0, 1).contiguous(),
            y,
            torch.from_numpy(index),
            _steps_first(self.simple[index]),
            torch.from_numpy(self.scale[self.which[index]].astype(np.float32)),
        )

    def some(self, most: int) -> Ints:
        """The places of `most` windows at most, evenly spaced; no phase of the season is left out."""
        return thinned(len(self), most, self.extent.season)

    def truth(self, index: Ints) -> Floats:
        """The targets after the chosen origins, in the unit of the data [B, horizon, K]; NaN is missing."""
        ahead: Floats = self.targets[self._at[index][:, None] + np.arange(self.extent.horizon)]
        return ahead

    def past(self, index: Ints, steps: Ints) -> Floats:
        """The targets so many steps before the origins, in the unit of the data [B, len(steps), K].

        What is missing there holds what was known before it.
        """
        return self.past_at(index[:, None], self.origins[index][:, None] - steps)

    def past_at(self, index: Ints, rows: Ints) -> Floats:
        """The targets in rows of the chosen windows' series, in the unit of the data [.., K]; see `past`."""
        found: Floats = self.filled[self._at[index] - self.origins[index] + rows]
        return found * self.scale[self.which[index]]

    def forecasts(self, said: Tensor | None, index: Ints) -> Floats:
        """Forecasts in the data's unit [B, horizon, K].

        `said` is what is added to the simple forecasts, in units of their error [horizon, B, K]; None leaves
        them as they are.
        """
        if said is None:
            return self.in_units(np.zeros((self.extent.horizon, len(index), len(self.bases))), index)
        return self.in_units(said.detach().cpu().double().numpy(), index)

    def in_units(self, said: Floats, index: Ints) -> Floats:
        """What is added to the simple forecasts [horizon, B, K], in the data's unit [B, horizon, K]."""
        values = self.simple[index] + said.transpose(1, 0, 2) * self.error
        back = np.stack([base.back(values[..., k]) for k, base in enumerate(self.bases)], axis=-1)
        return back * self.scale[self.which[index]][:, None]

    def _seen(self, index: Ints, answers: bool) -> tuple[Floats, Floats]:
        """The targets as the network meets them [B, steps, K or 2K]; and flags of what is there."""
        extent, at = self.extent, self._at[index]
        steps = np.arange(-extent.window, extent.horizon)
        rows = at[:, None] + steps[: extent.window]
        past, simple = self.values[rows], self.simple[index]
        there = np.zeros((len(index), len(steps), len(self.bases)))
        there[:, : extent.window] = ~np.isnan(self.targets[rows])
        if not self.fed:
            return np.concatenate((past, simple), axis=1), there
        before = np.concatenate((past[:, :1], past[:, :-1], past[:, -1:]), axis=1)
        if answers and extent.horizon > 1:
            ahead = at[:, None] + np.arange(extent.horizon - 1)
            before = np.concatenate((before, self.values[ahead]), axis=1)
        else:
            before = np.concatenate((before, np.zeros_like(simple[:, 1:])), axis=1)
        twice = np.concatenate((before, np.concatenate((np.zeros_like(past), simple), axis=1)), axis=2)
        return twice, there

    def _answers(self, index: Ints) -> Tensor:
        rows = self._at[index][:, None] + np.arange(self.extent.horizon)
        y = (self.values[rows] - self.simple[index]) / self.error
        return _steps_first(np.where(np.isnan(self.targets[rows]), np.nan, y))


def _starts(lengths: Sequence[int]) -> Ints:
    """Where each of so many stretches begins when they follow each other."""
    return np.cumsum([0, *lengths], dtype=np.int64)[:-1]


def _steps_first(values: Floats) -> Tensor:
    """[B, horizon, K] to float32 [horizon, B, K]."""
    return torch.from_numpy(values.astype(np.float32)).transpose(0, 1).contiguous()


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
