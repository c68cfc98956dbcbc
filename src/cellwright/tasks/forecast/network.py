"""The networks of a forecast: recurrent ones that go on over the horizon, a perceptron beside them. Floor 6.

What they say is added to a simple forecast; untrained, they say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cellwright.nn.dropout import Dropout
from cellwright.tasks.forecast.output import Output
from cellwright.tasks.forecast.simple import Extent
from cellwright.tasks.forecast.windows import WindowBatch
from cellwright.tasks.layers import Layers

PATHS = 100  # drawn through the horizon for each window
Feed = Callable[[Tensor, int], Tensor]


class RecurrentForecast(nn.Module):
    """A recurrent network reads the window and goes on over the horizon; each of those steps says something.

        y_1 .. y_{W+H} = recurrent(x_1 .. x_{W+H});   said_h = W_o y_{W+h} + b_o

    In the horizon x holds what is known ahead, and simple forecasts in the place of the targets. A network
    that is fed (`fed`) reads the target of the step before in the first `targets` columns: in training the
    true one, in `steps` what it said itself.
    """

    def __init__(self, layers: Layers, inputs: int, targets: int, width: int, extent: Extent) -> None:
        super().__init__()
        self.horizon, self.targets, self.width = extent.horizon, targets, width
        self.recurrent = layers.over(inputs)
        self.dropout = Dropout(layers.dropout)
        self.head = _silent(nn.Linear(self.recurrent.output_size, targets * width))

    def forward(self, x: Tensor) -> Tensor:
        """x [window + horizon, B, C] to what is said [horizon, B, K, width]."""
        y, _ = self.recurrent(x)
        return self._said(y[-self.horizon :])

    def steps(self, x: Tensor, feed: Feed) -> Tensor:
        """As `forward`, one step of the horizon after the other.

        Args:
            x: [window + horizon, B, C].
            feed: of what is said of a step [B, K, width] and its number, the input of the next [B, K].
        """
        window = len(x) - self.horizon
        y, state = self.recurrent(x[: window + 1])
        found = [self._said(y[-1:])]
        for h in range(1, self.horizon):
            step = torch.cat((feed(found[-1][0], h - 1), x[window + h, :, self.targets :]), dim=-1)
            y, state = self.recurrent(step.unsqueeze(0), state)
            found.append(self._said(y))
        return torch.cat(found)

    def _said(self, y: Tensor) -> Tensor:
        said: Tensor = self.head(self.dropout(y))
        return said.reshape(*said.shape[:-1], self.targets, self.width)


class PerceptronForecast(nn.Module):
    """One hidden layer over the whole window at once: the comparison without recurrence."""

    def __init__(
        self, inputs: int, targets: int, width: int, extent: Extent, *, units: int, dropout: float
    ) -> None:
        super().__init__()
        self.horizon, self.targets, self.width = extent.horizon, targets, width
        self.hidden = nn.Linear((extent.window + extent.horizon) * inputs, units)
        self.dropout = Dropout(dropout)
        self.head = _silent(nn.Linear(units, extent.horizon * targets * width))

    def forward(self, x: Tensor) -> Tensor:
        """x [window + horizon, B, C] to what is said [horizon, B, K, width]."""
        flat = x.transpose(0, 1).flatten(1)
        y: Tensor = self.head(self.dropout(torch.relu(self.hidden(flat))))
        return y.view(len(flat), self.horizon, self.targets, self.width).transpose(0, 1)


@dataclass(frozen=True)
class Said:
    """What a network says of windows, in their units.

    Attributes:
        middle: the forecast [horizon, B, K].
        bounds: the lower and upper bounds of each share [2, C, horizon, B, K]; None where it gives none.
    """

    middle: Tensor
    bounds: Tensor | None


class ForecastNetwork(nn.Module):
    """One network or several of different beginnings, whose forecasts are averaged; and what came after them.

    Attributes:
        trust: [K], how much of what is said is added; 0 where the network has found nothing.
        unit: [horizon, K], how far off a forecast usually was on the validation part.
        factor: [C, K], by which bounds are widened so that they held their share there; NaN: not measured.
    """

    trust: Tensor
    unit: Tensor
    factor: Tensor
    _ratio: Tensor

    def __init__(
        self,
        members: Sequence[RecurrentForecast | PerceptronForecast],
        output: Output,
        ratio: Sequence[float],
        shares: Sequence[float],
        *,
        fed: bool,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.output, self.fed, self.shares = output, fed, tuple(shares)
        first = members[0]
        self.register_buffer("trust", torch.ones(first.targets))
        self.register_buffer("unit", torch.zeros(first.horizon, first.targets))
        self.register_buffer("factor", torch.full((len(self.shares), first.targets), torch.nan))
        self.register_buffer("_ratio", torch.tensor(list(ratio), dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """What each member says of x, the truth fed to it where it is fed [M, horizon, B, K, width]."""
        return torch.stack([member(x) for member in self.members])

    def say(self, batch: WindowBatch) -> Said:
        """The forecast of windows whose future need not be there, as the network alone gives it."""
        found = [self._one(member, batch) for member in self.members]
        middle = torch.stack([one.middle for one in found]).mean(0) * self.trust
        bounds = [one.bounds for one in found if one.bounds is not None]
        return Said(middle, torch.stack(bounds).mean(0) if bounds else None)

    def calibrated(self, batch: WindowBatch) -> Said:
        """As `say`, with bounds that held their share on the validation part (see `intervals`)."""
        said = self.say(batch)
        if said.bounds is None:
            half = self.unit.unsqueeze(1).expand_as(said.middle)
            bounds = torch.stack([said.middle - half, said.middle + half]).unsqueeze(1)
            bounds = bounds.expand(2, len(self.shares), *said.middle.shape)
            unmeasured = torch.nan
        else:
            bounds, unmeasured = said.bounds, 1.0
        factor = self.factor.nan_to_num(unmeasured)[:, None, None]
        return replace(said, bounds=said.middle + factor * (bounds - said.middle))

    def calibrated_as(self, other: ForecastNetwork) -> None:
        """Take over another one's trust, unit and factors."""
        for name in ("trust", "unit", "factor"):
            getattr(self, name).copy_(getattr(other, name))

    def inputs(self, batch: WindowBatch) -> Tensor:
        """What the recurrent layer reads of windows [window + horizon, B, C], fed with what was said."""
        x = batch.x
        if self.fed:
            x, targets, window = x.clone(), self.unit.shape[1], len(x) - self.unit.shape[0]
            added = self.say(batch).middle[:-1]
            x[window + 1 :, :, :targets] = x[window:-1, :, targets : 2 * targets] + self._ratio * added
        return x

    def _one(self, member: nn.Module, batch: WindowBatch) -> Said:
        if not isinstance(member, RecurrentForecast) or not self.fed:
            said: Tensor = member(batch.x)
        elif self.output.drawn:
            return self._paths(member, batch)
        else:
            said = member.steps(batch.x, self._feed(batch, lambda s, b: self.output.middle(s, b)))
        return Said(self.output.middle(said, batch), self.output.bounds(said, batch, self.shares))

    def _paths(self, member: RecurrentForecast, batch: WindowBatch) -> Said:
        """Paths drawn through the horizon, each fed its own values; the quantiles of them at every step."""
        rows = batch.x.shape[1]
        many = WindowBatch(
            batch.x.repeat(1, PATHS, 1),
            None,
            batch.index.repeat(PATHS),
            batch.simple.repeat(1, PATHS, 1),
            batch.scale.repeat(PATHS, 1),
        )
        random = torch.Generator().manual_seed(0)
        drawn: list[Tensor] = []

        def draw(said: Tensor, step: WindowBatch) -> Tensor:
            drawn.append(self.output.draw(said, step, random))
            return drawn[-1]

        said = member.steps(many.x, self._feed(many, draw))
        drawn.append(self.output.draw(said[-1:], _step(many, len(said) - 1), random))
        paths = torch.cat(drawn).reshape(len(said), PATHS, rows, -1)
        tails = torch.tensor([(1 - share) / 2 for share in self.shares], device=paths.device)
        bounds = [torch.quantile(paths, level, dim=1) for level in (tails, 1 - tails)]
        return Said(paths.mean(1) if self.output.width == 2 else paths.median(1).values, torch.stack(bounds))

    def _feed(self, batch: WindowBatch, value: Callable[[Tensor, WindowBatch], Tensor]) -> Feed:
        """From what is said of a step to the target's place in the next input."""
        window = len(batch.x) - self.unit.shape[0]
        targets = self.unit.shape[1]

        def feed(said: Tensor, h: int) -> Tensor:
            added = value(said.unsqueeze(0), _step(batch, h))[0]
            return batch.x[window + h, :, targets : 2 * targets] + self._ratio * added

        return feed


def _step(batch: WindowBatch, h: int) -> WindowBatch:
    """One step of the horizon."""
    return replace(batch, y=None, simple=batch.simple[h : h + 1])


def _silent(layer: nn.Linear) -> nn.Linear:
    """The layer, saying zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
