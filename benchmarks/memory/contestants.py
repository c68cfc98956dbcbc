"""Who tries: cells, how their weights start, the step size of each.

The LSTM of 1997 starts with the input gates' biases that the paper gives for each problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from benchmarks.memory.cell import lstm_1997
from benchmarks.memory.problems import Problem
from torch import Tensor, nn

import cellwright as cw
from cellwright.compiler.trace import Cell

UNITS = 32


Start = Callable[[Mapping[str, Tensor], Problem], None]


@dataclass(frozen=True)
class Contestant:
    """A cell with a start: `scheme` of the layer, then `start` on its weights; the step size of Adam."""

    cell: Cell
    about: str
    start: Start | None = None
    scheme: str = "standard"
    rate: float = 5e-3


class Network(nn.Module):
    """y_1 .. y_T = recurrent(x_1 .. x_T); what is said = V y_t + b at the last steps of each sequence."""

    def __init__(self, contestant: Contestant, problem: Problem, units: int) -> None:
        super().__init__()
        self.answers = problem.answers
        self.recurrent = cw.nn.Recurrent(contestant.cell, problem.inputs, units, init=contestant.scheme)
        self.head = nn.Linear(units, problem.outputs)
        if contestant.start is not None:
            with torch.no_grad():
                contestant.start(self.recurrent.weights(0), problem)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x [T, B, I] and lengths [B] to what is said at the last steps, [A, B, outputs]."""
        y, _ = self.recurrent(x, lengths=lengths)
        at = lengths - torch.arange(self.answers, 0, -1)[:, None]
        said: Tensor = self.head(y[at, torch.arange(x.shape[1])])
        return said


def _identity(weights: Mapping[str, Tensor], problem: Problem) -> None:
    nn.init.eye_(weights["U"])
    nn.init.normal_(weights["W"], std=1e-3)


def _chrono(weights: Mapping[str, Tensor], problem: Problem) -> None:
    spans = torch.empty_like(weights["b_f"]).uniform_(1, max(2, problem.distance - 1))
    weights["b_f"].copy_(spans.log())
    weights["b_i"].copy_(-spans.log())


def _as_in_1997(weights: Mapping[str, Tensor], problem: Problem) -> None:
    for weight in weights.values():
        weight.uniform_(-0.1, 0.1)
    biases = {"order 6a": (-2.0, -4.0), "order 6b": (-2.0, -4.0, -6.0)}.get(problem.name, (-3.0, -6.0))
    for k, bias in enumerate(biases):  # a block of cells each
        weights["b_i"][k :: len(biases)] += bias


CONTESTANTS: Mapping[str, Contestant] = {
    "elman": Contestant(cw.cells.elman, "uniform start, as torch.nn.RNN", scheme="uniform", rate=1e-3),
    "elman, orthogonal": Contestant(cw.cells.elman, "U orthogonal (Saxe et al. 2014)", rate=1e-3),
    "irnn": Contestant(
        cw.cells.elman.configure(nonlinearity="relu"),
        "relu, U the identity, W of deviation 0.001 (Le, Jaitly & Hinton 2015)",
        _identity,
        rate=1e-3,
    ),
    "gru": Contestant(cw.cells.gru, "U orthogonal"),
    "lstm": Contestant(cw.cells.lstm, "U orthogonal, b_f = 1"),
    "lstm, chrono": Contestant(
        cw.cells.lstm,
        "b_f = log u, b_i = -b_f, u even in [1, T - 1] (Tallec & Ollivier 2018)",
        _chrono,
        rate=1e-2,
    ),
    "lstm of 1997": Contestant(
        lstm_1997, "no forget gate; weights of [-0.1, 0.1], b_i as published", _as_in_1997, rate=1e-2
    ),
}
