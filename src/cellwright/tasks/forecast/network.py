"""The networks of a forecast: a recurrent one that goes on over the horizon, a perceptron beside it. Floor 6.

What they say is added to a simple forecast; untrained, they say nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.nn import Recurrent
from cellwright.tasks.forecast.simple import Extent


class RecurrentForecast(nn.Module):
    """A recurrent network reads the window and goes on over the horizon; each of those steps says something.

        y_1 .. y_{W+H} = recurrent(x_1 .. x_{W+H});   said_h = W_o y_{W+h} + b_o

    In the horizon x holds what is known ahead, and simple forecasts in the place of the targets: nothing that
    the network says is fed back to it.
    """

    def __init__(
        self,
        cell: Cell,
        inputs: int,
        outputs: int,
        extent: Extent,
        *,
        units: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.horizon = extent.horizon
        between = dropout if layers > 1 else 0.0
        self.recurrent = Recurrent(
            cell, inputs, units, num_layers=layers, bidirectional=bidirectional, dropout=between
        )
        self.dropout = nn.Dropout(dropout)
        self.head = _silent(nn.Linear(self.recurrent.output_size, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """x [window + horizon, B, C] to what is added to the simple forecasts [horizon, B, K]."""
        y, _ = self.recurrent(x)
        said: Tensor = self.head(self.dropout(y[-self.horizon :]))
        return said


class PerceptronForecast(nn.Module):
    """One hidden layer over the whole window at once: the comparison without recurrence."""

    def __init__(self, inputs: int, outputs: int, extent: Extent, *, units: int, dropout: float) -> None:
        super().__init__()
        self.horizon, self.outputs = extent.horizon, outputs
        self.hidden = nn.Linear((extent.window + extent.horizon) * inputs, units)
        self.dropout = nn.Dropout(dropout)
        self.head = _silent(nn.Linear(units, extent.horizon * outputs))

    def forward(self, x: Tensor) -> Tensor:
        """x [window + horizon, B, C] to what is added to the simple forecasts [horizon, B, K]."""
        flat = x.transpose(0, 1).flatten(1)
        y: Tensor = self.head(self.dropout(torch.relu(self.hidden(flat))))
        return y.view(len(flat), self.horizon, self.outputs).transpose(0, 1)


def _silent(layer: nn.Linear) -> nn.Linear:
    """The layer, saying zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
