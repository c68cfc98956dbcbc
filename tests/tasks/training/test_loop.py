"""The loop against a hand-written one, and against itself stopped and resumed."""

from __future__ import annotations

import copy
import math
import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cellwright.errors import Interrupted, RunError, SettingError
from cellwright.tasks.training.batches import Bucketed, Chunk, Chunks, Padded, Ragged
from cellwright.tasks.training.loop import Loss, Outcome, State, train
from cellwright.tasks.training.plan import Plan
from cellwright.tasks.training.progress import Ending, Quiet
from cellwright.tasks.training.snapshot import Snapshot

PLAN = Plan(epochs=4, learning_rate=0.05, patience=0, watch="error")
CLOCKS = ("seconds", "per_second")


class Sums(nn.Module):
    """A GRU with dropout: what a sequence sums to."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(1, 5)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(5, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        y, _ = self.gru(x)
        return self.out(self.drop(y[lengths - 1, torch.arange(len(lengths))]))[:, 0]


class Next(nn.Module):
    """A character model whose state goes from chunk to chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.gru = nn.GRU(4, 6)
        self.out = nn.Linear(6, 7)

    def forward(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        y, h = self.gru(self.embed(x), h)
        return self.out(nn.functional.dropout(y, 0.2, self.training)), h


def sums_loss(network: nn.Module, batch: Padded, state: State | None) -> Loss:
    noise = random.random() + np.random.random()
    error = (network(batch.x, batch.lengths) - batch.y) ** 2
    return Loss(error.mean() * (1 + 0.01 * noise), len(batch.y))


def next_loss(network: nn.Module, batch: Chunk, state: State | None) -> Loss:
    logits, h = network(batch.x, None if state is None else state["h"])
    mean = nn.functional.cross_entropy(logits.flatten(0, 1), batch.y.flatten())
    return Loss(mean, batch.y.numel(), {"h": h})


@dataclass
class Memory:
    """A keeper that copies every snapshot, as a disk would."""

    place: str = "memory"
    kept: list[Snapshot] = field(default_factory=list)

    def keep(self, snapshot: Snapshot) -> None:
        self.kept.append(copy.deepcopy(snapshot))


@dataclass
class Case:
    """One training from the beginning, the same every time."""

    network: nn.Module
    feed: Any
    loss: Callable[..., Loss]
    validate: Callable[[nn.Module], Mapping[str, float]]

    def train(self, plan: Plan = PLAN, **more: Any) -> Outcome:
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)
        return train(self.network, self.feed, self.loss, plan, validate=self.validate, **more)


def sums() -> Case:
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(n, 1)).astype(np.float32) for n in rng.integers(1, 6, 20)]
    y = torch.tensor([float(x.sum()) for x in data])
    torch.manual_seed(0)
    feed = Bucketed(Ragged(data), y, batch_size=6, seed=3)

    def validate(network: nn.Module) -> dict[str, float]:
        errors = [((network(b.x, b.lengths) - b.y) ** 2).sum() for b in feed.ordered()]
        return {"error": float(sum(errors)) / len(y) + 1e-3 * float(torch.rand(()))}

    return Case(Sums(), feed, sums_loss, validate)


def chars() -> Case:
    stream = torch.from_numpy(np.random.default_rng(0).integers(0, 7, 103))
    feed = Chunks(stream, batch_size=4, length=6)
    torch.manual_seed(0)

    def validate(network: nn.Module) -> dict[str, float]:
        logits, _ = network(stream[:-1, None], None)
        return {"error": float(nn.functional.cross_entropy(logits[:, 0], stream[1:]))}

    return Case(Next(), feed, next_loss, validate)


def comparable(outcome: Outcome) -> list[dict[str, object]]:
    """The history without the clock's columns."""
    return [{k: v for k, v in row.items() if k not in CLOCKS} for row in outcome.history]


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def interrupting(loss: Callable[..., Loss], call: int) -> Callable[..., Loss]:
    """The same loss, during whose `call`-th call (from 1) Ctrl-C is pressed."""
    calls = iter(range(1, 10**6))

    def pressed(*arguments: Any) -> Loss:
        if next(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return loss(*arguments)

    return pressed


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
@pytest.mark.parametrize("make", [sums, chars])
@pytest.mark.parametrize("stop", [1, 2, 4, 7, 8])
def test_a_resumed_training_equals_an_unbroken_one_to_the_last_bit(
    make: Callable[[], Case], stop: int, schedule: str
) -> None:
    plan = replace(PLAN, schedule=schedule)
    unbroken = make()
    expected = unbroken.train(plan)

    broken, memory = make(), Memory()
    broken.loss = interrupting(broken.loss, stop)
    with pytest.raises(Interrupted, match="everything is saved in memory"):
        broken.train(plan, keeper=memory)

    resumed = make()
    with torch.no_grad():
        for parameter in resumed.network.parameters():
            parameter.add_(1.0)
    outcome = resumed.train(plan, keeper=Memory(), resume=memory.kept[-1])
    assert same_bits(resumed.network, unbroken.network)
    assert comparable(outcome) == comparable(expected)
    assert (outcome.best_epoch, outcome.best_score) == (expected.best_epoch, expected.best_score)


def test_ctrl_c_during_validation_loses_nothing() -> None:
    unbroken = sums()
    expected = unbroken.train()
    broken, memory = sums(), Memory()
    calls = iter(range(1, 100))
    validate = broken.validate

    def pressed(network: nn.Module) -> Mapping[str, float]:
        if next(calls) == 2:
            torch.rand(5)
            signal.raise_signal(signal.SIGINT)
        return validate(network)

    broken.validate = pressed
    with pytest.raises(Interrupted, match="in epoch 2, batch 4 of 4"):
        broken.train(keeper=memory)
    assert next(calls) == 3
    resumed = sums()
    outcome = resumed.train(resume=memory.kept[-1])
    assert same_bits(resumed.network, unbroken.network)
    assert comparable(outcome) == comparable(expected)


@pytest.mark.parametrize("part", ["random", "optimizer", "state", "generators", "norms"])
def test_every_part_of_a_snapshot_matters(part: str) -> None:
    """The proof above can fail: a snapshot without one of its parts gives another result."""
    make = chars if part == "state" else sums
    unbroken = make()
    expected = unbroken.train()
    broken, memory = make(), Memory()
    broken.loss = interrupting(broken.loss, 7)
    with pytest.raises(Interrupted):
        broken.train(keeper=memory)
    whole = memory.kept[-1]
    tensors = {
        name: torch.Generator().manual_seed(5).get_state()
        if name == "random.torch" and part == "random"
        else tensor
        for name, tensor in whole.tensors.items()
        if part not in ("optimizer", "state") or not name.startswith(part)
    }
    numbers = copy.deepcopy(dict(whole.numbers))
    if part == "generators":
        numbers["generators"]["python"][1][:] = random.Random(5).getstate()[1]
    if part == "norms":
        numbers["position"]["norms"][0] += 100.0
    resumed = make()
    outcome = resumed.train(resume=replace(whole, tensors=tensors, numbers=numbers))
    assert comparable(outcome) != comparable(expected)


def test_more_epochs_can_be_added_to_a_finished_training() -> None:
    plan = replace(PLAN, schedule="constant")
    long = sums()
    expected = long.train(replace(plan, epochs=6, warmup=0.0))
    short, memory = sums(), Memory()
    short.train(replace(plan, epochs=4, warmup=0.0), keeper=memory)
    resumed = sums()
    outcome = resumed.train(replace(plan, epochs=6, warmup=0.0), resume=memory.kept[-1])
    assert comparable(outcome) == comparable(expected)
    assert same_bits(resumed.network, long.network)


@pytest.mark.parametrize(("name", "make"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_the_loop_equals_a_hand_written_one(name: str, make: Callable[..., torch.optim.Optimizer]) -> None:
    """With steps that are shortened and steps that are not; SGD's shortened ones take another way."""
    case = sums()
    by_hand = copy.deepcopy(case.network)
    plan = Plan(
        epochs=3, learning_rate=0.02, weight_decay=0.1, clip=0.5, schedule="constant", warmup=0.0, optimizer=name
    )  # fmt: skip
    case.validate = None  # type: ignore[assignment]
    losses: list[float] = []

    class Notes(Quiet):
        def batch(self, epoch: int, batch: int, loss: float) -> None:
            losses.append(loss)

    outcome = case.train(plan, observer=Notes())

    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    matrices = [p for p in by_hand.parameters() if p.ndim > 1]
    vectors = [p for p in by_hand.parameters() if p.ndim == 1]
    optimizer = make(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}], lr=0.02
    )
    expected, norms = [], []
    for epoch in range(3):
        for batch in case.feed.epoch(epoch):
            optimizer.zero_grad()
            loss = sums_loss(by_hand.train(), batch, None).mean
            loss.backward()
            norm = math.sqrt(sum(float((p.grad**2).sum()) for p in by_hand.parameters()))
            for parameter in by_hand.parameters():
                parameter.grad.mul_(min(1.0, 0.5 / norm))
            optimizer.step()
            expected.append(loss.item())
            norms.append(norm)
    assert losses == pytest.approx(expected, rel=2e-5)
    for mine, theirs in zip(case.network.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
    row = outcome.history[0]
    assert row["grad_norm_max"] == pytest.approx(max(norms[:4]), rel=1e-5)
    assert row["grad_norm_median"] == pytest.approx(float(np.median(norms[:4])), rel=1e-5)
    assert row["clipped"] == sum(norm > 0.5 for norm in norms[:4]) / 4
    assert 0 < sum(norm > 0.5 for norm in norms) < len(norms)


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_before_the_step(kind: str) -> None:
    case, memory = sums(), Memory()
    calls = iter(range(1, 100))
    seen: list[dict[str, Tensor]] = []

    def failing(network: nn.Module, batch: Padded, state: State | None) -> Loss:
        good = sums_loss(network, batch, state)
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        if next(calls) < 7:
            return good
        weight = network.out.weight.sum()
        bad = good.mean * math.nan if kind == "loss" else good.mean + (weight - weight.detach()).abs().sqrt()
        return replace(good, mean=bad)

    case.loss = failing
    where = r"\(epoch 2, step 3\); resume with a lower learning_rate \(now 0.05\)"
    message = rf"the {kind} became (nan|inf) {where}; the step was not taken, and epoch 1 is saved in memory"
    with pytest.raises(SettingError, match=message) as caught:
        case.train(keeper=memory)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, seen[-1][name]) for name, value in case.network.state_dict().items())
    assert all(p.isfinite().all() for p in case.network.parameters())
    assert len(memory.kept) == 1


def test_a_first_loss_that_is_not_finite_points_at_the_data() -> None:
    case = sums()
    case.feed.targets[:] = math.nan
    with pytest.raises(SettingError, match="look for missing or huge values in the data"):
        case.train()


def test_the_state_is_carried_detached_and_begins_anew_with_every_epoch() -> None:
    case = chars()
    received: list[Tensor | None] = []

    def noting(network: nn.Module, batch: Chunk, state: State | None) -> Loss:
        received.append(None if state is None else state["h"])
        return next_loss(network, batch, state)

    train(case.network, case.feed, noting, replace(PLAN, epochs=2))
    assert [h is None for h in received] == [True, *[False] * 4] * 2
    assert not any(h.requires_grad for h in received if h is not None)


def test_without_a_keeper_ctrl_c_is_the_usual_one() -> None:
    case, before = sums(), signal.getsignal(signal.SIGINT)
    case.loss = interrupting(case.loss, 2)
    with pytest.raises(KeyboardInterrupt):
        case.train()
    assert signal.getsignal(signal.SIGINT) is before


def test_where_ctrl_c_is_ignored_it_stays_ignored() -> None:
    case, before = sums(), signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        case.loss = interrupting(case.loss, 2)
        assert case.train(keeper=Memory()).reason == "epochs"
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_ctrl_c_insists_and_the_handler_is_put_back() -> None:
    case, before, memory = sums(), signal.getsignal(signal.SIGINT), Memory()
    case.loss = interrupting(interrupting(case.loss, 2), 2)
    with pytest.raises(KeyboardInterrupt):
        case.train(keeper=memory)
    assert signal.getsignal(signal.SIGINT) is before
    assert memory.kept == []


@pytest.mark.parametrize("kind", ["ends", "fails", "interrupted"])
def test_observers_hear_everything_and_always_the_end(kind: str) -> None:
    heard: list[Any] = []

    class Notes(Quiet):
        def batch(self, epoch: int, batch: int, loss: float) -> None:
            heard.append((epoch, batch))

        def epoch(self, row: Any) -> None:
            heard.append(row["epoch"])

        def finished(self, ending: Ending) -> None:
            heard.append(ending.reason)

    case = sums()
    if kind == "fails":
        case.feed.targets[:] = math.inf
    if kind == "interrupted":
        case.loss = interrupting(case.loss, 2)
    try:
        case.train(replace(PLAN, epochs=1), observer=Notes(), keeper=Memory())
    except (SettingError, Interrupted):
        assert kind != "ends"
    steps = [(1, 1), (1, 2), (1, 3), (1, 4)]
    expected = {
        "ends": [*steps, 1, "epochs"],
        "fails": ["failed"],
        "interrupted": [*steps[:2], "interrupted"],
    }
    assert heard == expected[kind]


def test_a_snapshot_of_other_data_or_another_network_is_refused() -> None:
    case, memory = sums(), Memory()
    case.train(replace(PLAN, epochs=1), keeper=memory)
    other = sums()
    other.feed.batch_size = 3
    with pytest.raises(RunError, match=r"training data are not those .*got 7 batches, expected 4 batches"):
        other.train(resume=memory.kept[-1])
    wider = sums()
    wider.network.out = nn.Linear(6, 1)
    with pytest.raises(
        RunError, match=r"out.weight does not fit .*got shape \[1, 5\], expected shape \[1, 6\]"
    ):
        wider.train(resume=memory.kept[-1])
