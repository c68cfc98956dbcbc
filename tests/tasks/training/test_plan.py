"""The plan: the learning rate of every step, what is pulled towards zero, and which epoch is the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cellwright.errors import DataError
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.loop import Loss, Outcome, State, train
from cellwright.tasks.training.plan import Plan, optimizer_of, rate

PLAN = Plan(epochs=4, learning_rate=0.05, patience=0, watch="error")


def fit(plan: Plan, validate: Callable[[nn.Module], Mapping[str, float]] | None) -> tuple[nn.Module, Outcome]:
    """Train a line through five points."""
    network = nn.Linear(1, 1)
    feed = Bucketed(Ragged([[float(k)] for k in range(5)]), torch.arange(5.0) * 3, batch_size=2)

    def loss(network: nn.Module, batch: Padded, state: State | None) -> Loss:
        return Loss(nn.functional.mse_loss(network(batch.x.T)[:, 0], batch.y), len(batch.y))

    return network, train(network, feed, loss, plan, validate=validate)


@pytest.mark.parametrize("mode, best", [("min", 2), ("max", 3)])
def test_the_best_weights_are_kept_and_patience_ends_the_training(mode: str, best: int) -> None:
    scores = iter([5.0, 1.0, 9.0, 4.0, 5.0, 6.0, 7.0])
    weights: list[Tensor] = []

    def validate(network: nn.Module) -> dict[str, float]:
        weights.append(network.state_dict()["weight"].clone())
        return {"score": next(scores)}

    plan = replace(PLAN, epochs=7, patience=2, watch="score", mode=mode)
    network, outcome = fit(plan, validate)
    assert (outcome.reason, outcome.best_epoch, len(outcome.history)) == ("patience", best, best + 2)
    assert torch.equal(network.state_dict()["weight"], weights[best - 1])
    assert outcome.history.best() == outcome.history[best - 1]
    assert not network.training


def test_without_validation_the_last_weights_stay_and_nothing_ends_early() -> None:
    _, outcome = fit(replace(PLAN, patience=1, learning_rate=1e-9), None)
    assert (outcome.reason, outcome.best_epoch, len(outcome.history)) == ("epochs", 0, 4)


def test_a_score_that_is_not_a_number_is_never_the_best() -> None:
    scores = iter([math.nan, 3.0, math.nan, 4.0])
    _, outcome = fit(PLAN, lambda _: {"error": next(scores)})
    assert outcome.best_epoch == 2
    assert outcome.history.column("valid_error") == [None, 3.0, None, 4.0]


def test_the_learning_rate_rises_then_falls() -> None:
    plan = Plan(learning_rate=2.0, warmup=0.1)
    rates = [rate(plan, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * k for k in range(1, 11)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(1.0)
    assert 0 < rates[-1] < 0.01
    flat = replace(plan, schedule="constant")
    assert {rate(flat, step, 100) for step in range(10, 100)} == {2.0}


def test_the_plateau_schedule_halves_the_rate_when_nothing_gets_better() -> None:
    scores = iter([3.0, 2.0, 2.5, 2.5, 2.5, 2.5, 1.0])
    plan = replace(PLAN, epochs=7, schedule="plateau", warmup=0.0, learning_rate=0.08)
    _, outcome = fit(plan, lambda _: {"error": next(scores)})
    assert outcome.history.column("learning_rate") == [0.08, 0.08, 0.08, 0.08, 0.04, 0.04, 0.02]


def test_biases_and_vectors_are_not_pulled_to_zero() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.GRU(3, 2))
    network.register_parameter("b_f", nn.Parameter(torch.ones(4, 2)))
    decayed, free = optimizer_of(network, Plan(weight_decay=0.5)).param_groups
    assert sorted(tuple(p.shape) for p in decayed["params"]) == [(3, 2), (6, 2), (6, 3)]
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.5, 0.0)
    assert len(free["params"]) == 6


def test_an_empty_feed_is_refused() -> None:
    class Nothing:
        def __len__(self) -> int:
            return 0

        def epoch(self, number: int, start: int = 0) -> Iterator[Any]:
            return iter(())

    with pytest.raises(DataError, match="nothing to train on"):
        train(nn.Linear(1, 1), Nothing(), lambda *_: Loss(torch.zeros(()), 1), PLAN)


def test_the_epoch_loss_weighs_batches_by_their_items() -> None:
    network = nn.Linear(1, 1)
    items = Bucketed(Ragged([[1.0]] * 5), torch.arange(5.0), batch_size=2)
    plan = Plan(epochs=1, learning_rate=1e-12)
    outcome = train(
        network, items, lambda net, b, _: Loss((net(b.x.float().T) * 0).sum() + b.y.mean(), len(b.y)), plan
    )
    assert outcome.history[0]["loss"] == pytest.approx(2.0)


def test_the_step_schedule_multiplies_after_each_epoch() -> None:
    plan = Plan(learning_rate=8.0, schedule="step", decay=0.5, decay_after=2, epochs=5, warmup=0.0)
    assert [rate(plan, step, 10) for step in range(10)] == [8, 8, 8, 8, 4, 4, 2, 2, 1, 1]


def test_sgd_is_the_gradient_times_the_rate() -> None:
    network = nn.Linear(2, 1)
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = optimizer_of(network, Plan(optimizer="sgd", learning_rate=0.5, weight_decay=0.1))
    network(torch.tensor([2.0, -1.0])).sum().backward()
    optimizer.step()
    weight, bias = network.parameters()
    torch.testing.assert_close(weight, before[0] - 0.5 * (torch.tensor([[2.0, -1.0]]) + 0.1 * before[0]))
    torch.testing.assert_close(bias, before[1] - 0.5)


def test_adam_divides_the_pull_by_the_gradients_size_and_adamw_does_not() -> None:
    steps = {}
    for name in ("adam", "adamw"):
        weight = nn.Linear(2, 1, bias=False)
        weight.weight.data = torch.tensor([[4.0, -4.0]])
        optimizer = optimizer_of(weight, Plan(optimizer=name, learning_rate=0.5, weight_decay=0.1))
        (weight(torch.tensor([1e-3, 0.0]))).sum().backward()
        optimizer.step()
        steps[name] = weight.weight.detach() - torch.tensor([[4.0, -4.0]])
    # The first step of Adam's is as long as the rate, whatever the gradient: where it is 0, the pull alone.
    torch.testing.assert_close(steps["adam"], torch.tensor([[-0.5, 0.5]]))
    torch.testing.assert_close(steps["adamw"], torch.tensor([[-0.5 - 0.2, 0.2]]), rtol=1e-4, atol=0)
