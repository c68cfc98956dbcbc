"""Train on fresh sequences until the paper's criterion is met, or the sequences run out; then test.

Adam, gradients clipped to a norm of 1: the paper has stochastic descent with a step size of 0.1 to 0.5. The
step falls with the share of wrong answers, or its own noise would keep the last of them wrong.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import torch
from benchmarks.memory.contestants import CONTESTANTS, UNITS, Network
from benchmarks.memory.problems import Problem
from torch import nn

TOGETHER = 20
RECENT = 2_000
TESTED = 2_560
TEST_SEED = 2**31


@dataclass(frozen=True)
class Effort:
    """How much a network is given: sequences at most; its units, its seed; a step size of its own, or 0."""

    sequences: int
    units: int = UNITS
    seed: int = 0
    rate: float = 0.0


def train(name: str, problem: Problem, effort: Effort) -> dict[str, Any]:
    """One row: at each stop that was reached how many sequences it took and how the test went."""
    torch.manual_seed(effort.seed)
    network = Network(CONTESTANTS[name], problem, effort.units)
    rate = effort.rate or CONTESTANTS[name].rate
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, fused=True)
    by = torch.Generator().manual_seed(effort.seed + 1)
    recent: deque[int] = deque(maxlen=RECENT // TOGETHER)
    stops, used, begun = list(problem.stops), 0, time.process_time()
    reached: list[dict[str, Any]] = []
    while stops and used < effort.sequences:
        for group in optimiser.param_groups:
            group["lr"] = rate * share_of_step(_mean(recent) / TOGETHER)
        recent.append(_step(network, problem, optimiser, by))
        used += TOGETHER
        while stops and len(recent) == recent.maxlen and sum(recent) <= stops[0]:
            reached.append({"allowed": stops.pop(0), "sequences": used, **test(network, problem)})
    end = reached[-1] if not stops else test(network, problem)
    return {
        "problem": problem.name,
        "distance": problem.distance,
        "net": name,
        **asdict(effort),
        "rate": rate,
        "weights": sum(p.numel() for p in network.parameters()),
        "used": used,
        "reached": reached,
        "wrong": end["wrong"],
        "loss": end["loss"],
        "guess": guess(problem),
        "cpu_seconds": round(time.process_time() - begun, 1),
    }


def _mean(recent: deque[int]) -> float:
    return sum(recent) / len(recent) if recent else float(TOGETHER)


def share_of_step(wrong: float) -> float:
    """How much of the step size is left: all of it until a tenth is wrong, at the end a twentieth.

    >>> [share_of_step(wrong) for wrong in (1.0, 0.1, 0.05, 0.0)]
    [1.0, 1.0, 0.525, 0.05]
    """
    return min(1.0, 0.05 + 0.95 * 10 * wrong)


def _step(network: Network, problem: Problem, optimiser: torch.optim.Optimizer, by: torch.Generator) -> int:
    """One step; how many of its sequences were wrong before it."""
    batch = problem.draw(TOGETHER, by)
    said = network(batch.x, batch.lengths)
    optimiser.zero_grad()
    problem.loss(said, batch.answer).backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    if torch.isfinite(norm):
        optimiser.step()
    return int(problem.wrong(said.detach(), batch.answer).sum())


def guess(problem: Problem) -> float:
    """The loss of one who remembers nothing and says the best that can be said without, on the same test."""
    if problem.outputs > 1:
        return round(math.log(problem.outputs), 5)
    answers = problem.draw(TESTED, torch.Generator().manual_seed(TEST_SEED)).answer
    return round(float(answers.var()), 5)


@torch.no_grad()
def test(network: Network, problem: Problem) -> dict[str, Any]:
    """Of 2,560 sequences that no training draws: how many are wrong, and the mean loss."""
    by = torch.Generator().manual_seed(TEST_SEED)
    wrong, loss, size = 0, 0.0, 256
    for _ in range(TESTED // size):
        batch = problem.draw(size, by)
        said = network(batch.x, batch.lengths)
        wrong += int(problem.wrong(said, batch.answer).sum())
        loss += float(problem.loss(said, batch.answer)) * size / TESTED
    return {"wrong": wrong, "loss": float(f"{loss:.4g}")}
