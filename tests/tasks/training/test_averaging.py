"""The mean of the weights: begun when nothing gets better, judged and kept in their place."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.tasks.training.test_loop import Memory, comparable, interrupting, same_bits
from torch import nn

from cellwright.errors import Interrupted
from cellwright.tasks.training.averaging import Average
from cellwright.tasks.training.loop import Loss, train
from cellwright.tasks.training.plan import Plan

PLAN = Plan(
    optimizer="sgd", epochs=6, learning_rate=0.1, weight_decay=0.0, schedule="constant", warmup=0.0,
    patience=0, average=2, watch="error",
)  # fmt: skip


class Numbers:
    """Three batches: a number each, and something random on the way."""

    def __len__(self) -> int:
        return 3

    def epoch(self, number: int, start: int = 0) -> Iterator[Any]:
        return iter([torch.tensor([float(k + number)]) for k in range(start, 3)])


def loss(network: nn.Module, batch: torch.Tensor, state: Any) -> Loss:
    return Loss(((network.weight - batch) ** 2).mean() * (1 + torch.rand(()) / 10), 1)


def one() -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(1, 1, bias=False)


def scores(*values: float) -> Any:
    rest = iter(values)
    seen: list[float] = []

    def validate(network: nn.Module) -> dict[str, float]:
        seen.append(network.weight.item())
        return {"error": next(rest)}

    return validate, seen


def test_the_mean_is_judged_from_the_step_after_it_began() -> None:
    network, noted = one(), []
    validate, seen = scores(5, 6, 7, 4, 3, 3.5)

    def watched(net: nn.Module, batch: torch.Tensor, state: Any) -> Loss:
        noted.append(net.weight.item())
        return loss(net, batch, state)

    outcome = train(network, Numbers(), watched, PLAN, validate=validate)
    after = [*noted[1:], math.nan]  # the weight after every step but the last
    # Two epochs without a better score end with the ninth step: the mean is of the tenth and later ones.
    assert seen[3] == pytest.approx(sum(after[9:12]) / 3)
    assert seen[4] == pytest.approx(sum(after[9:15]) / 6)
    assert seen[2] == after[8]
    assert outcome.best_epoch == 5 and network.weight.item() == pytest.approx(seen[4])


def test_without_it_the_last_weights_are_judged() -> None:
    network = one()
    validate, seen = scores(5, 6, 7, 8, 9, 10)
    train(network, Numbers(), loss, replace(PLAN, average=0), validate=validate)
    assert network.weight.item() == seen[0]


@pytest.mark.parametrize("calls", [11, 14])
def test_a_stopped_training_goes_on_with_its_mean(calls: int) -> None:
    values = (5, 6, 7, 4, 3, 3.5)
    unbroken = one()
    expected = train(unbroken, Numbers(), loss, PLAN, validate=scores(*values)[0])
    broken, memory = one(), Memory()
    with pytest.raises(Interrupted):
        train(broken, Numbers(), interrupting(loss, calls), PLAN, validate=scores(*values)[0], keeper=memory)
    resumed = one()
    done = len(memory.kept[-1].history)
    outcome = train(
        resumed, Numbers(), loss, PLAN, validate=scores(*values[done:])[0], resume=memory.kept[-1]
    )
    assert same_bits(resumed, unbroken)
    assert comparable(outcome) == comparable(expected)


@pytest.mark.parametrize("before, after", [(0, 2), (2, 0)])
def test_a_training_that_goes_on_may_begin_its_mean_or_leave_it(before: int, after: int) -> None:
    memory, noted = Memory(), []
    plan = replace(PLAN, average=before, epochs=4)
    train(one(), Numbers(), loss, plan, validate=scores(5, 6, 7, 8)[0], keeper=memory)
    assert bool(memory.kept[-1].part("mean")) == bool(before)

    def watched(net: nn.Module, batch: torch.Tensor, state: Any) -> Loss:
        noted.append(net.weight.item())
        return loss(net, batch, state)

    validate, seen = scores(9, 10, 11)
    plan = replace(PLAN, average=after, epochs=7)
    train(one(), Numbers(), watched, plan, validate=validate, resume=memory.kept[-1])
    assert seen[0] == noted[3]  # the weight after the fifth epoch
    of_sixth = noted[4:7]  # after each of its steps
    assert seen[1] == pytest.approx(sum(of_sixth) / 3 if after else of_sixth[-1])


def test_the_trained_weights_come_back_even_after_a_mistake() -> None:
    network = one()
    average = Average(network)
    average.begin()
    with torch.no_grad():
        network.weight.fill_(4.0)
        average.add()
        network.weight.fill_(6.0)
        average.add()
    with pytest.raises(ZeroDivisionError), average.in_place():
        assert network.weight.item() == 5.0
        assert float(average.trained()["weight"]) == 6.0
        raise ZeroDivisionError
    assert network.weight.item() == 6.0
