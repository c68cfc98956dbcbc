"""The training loop: small named steps, every one recorded, resumable to the last bit. Floor 6.

Refuses a loss or a gradient that is not finite: the step is not taken. Draws nothing (see `progress`), writes
nothing (see `run`).
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cellwright.errors import DataError, Interrupted, RunError, SettingError
from cellwright.tasks.training.averaging import Average
from cellwright.tasks.training.clip import length_of, step_shortened
from cellwright.tasks.training.figures import due
from cellwright.tasks.training.history import History, Value
from cellwright.tasks.training.interrupts import Interrupts
from cellwright.tasks.training.plan import PLATEAU, Plan, optimizer_of, rate, tables_by_rows
from cellwright.tasks.training.position import Position
from cellwright.tasks.training.progress import Ending, Observer, Quiet, Reason, Start
from cellwright.tasks.training.seeds import generators, set_generators
from cellwright.tasks.training.snapshot import (
    Snapshot,
    copy_weights,
    load_weights,
    optimizer_tensors,
    restore_optimizer,
    under,
)
from cellwright.tasks.training.tables import by_rows, gathered

State = Mapping[str, Tensor]


class Batch(Protocol):
    """What one step works on; only the task's own loss looks inside."""

    def to(self, device: torch.device) -> Any:
        """The same batch on another device."""


class Feed(Protocol):
    """The training part as batches. Epochs count from 0 here."""

    def __len__(self) -> int:
        """How many batches every epoch has."""

    def epoch(self, number: int, start: int = 0) -> Iterator[Any]:
        """The batches of one epoch from batch `start` on: always the same ones for the same number."""


@dataclass(frozen=True)
class Loss:
    """What a task's loss returns for one batch.

    Attributes:
        mean: the loss to descend, a scalar: the mean over the batch's items.
        items: how many items (sequences, tokens, values) that mean is over; epochs weigh batches by it.
        state: tensors to carry into the next batch of this epoch (truncated backpropagation through time);
            the loop detaches them, and keeps them when it stops in the middle of an epoch.
    """

    mean: Tensor
    items: int
    state: State | None = None


LossFunction = Callable[[nn.Module, Any, "State | None"], Loss]
Validate = Callable[[nn.Module], Mapping[str, float]]
Look = Callable[[nn.Module, Any], "Mapping[str, Any]"]


class Keeper(Protocol):
    """Where snapshots go; a `Run` is one."""

    @property
    def place(self) -> str:
        """Where, in words, for messages."""

    def keep(self, snapshot: Snapshot) -> None:
        """Make the snapshot durable; called after every epoch and when the user stops the work."""


@dataclass(frozen=True)
class Outcome:
    """What came of a training; the network holds the best weights (unvalidated: the last)."""

    history: History
    reason: Reason
    best_epoch: int
    best_score: float | None


def train(
    network: nn.Module,
    feed: Feed,
    loss: LossFunction,
    plan: Plan,
    *,
    validate: Validate | None = None,
    look: Look | None = None,
    observer: Observer | None = None,
    keeper: Keeper | None = None,
    resume: Snapshot | None = None,
) -> Outcome:
    """Train `network` (already on `plan.device`) in place.

    Args:
        network: what is trained.
        feed: the batches.
        loss: `loss(network, batch, state) -> Loss`; `state` is None at the start of an epoch.
        plan: how.
        validate: `validate(network) -> {score: value}`, called after every epoch, in evaluation mode, without
            gradients. `plan.watch` picks the score that chooses the best weights, ends the training early and
            drives the plateau schedule; of equal scores the one with the lower `loss` is the better, where
            there is one. Without it the last weights are kept and nothing ends early.
        look: `look(network, batch) -> {figure: value}` for the history, after the epochs 1, 2, 4, 8, ... on
            their last batch, in evaluation mode.
        observer: who watches.
        keeper: where snapshots go. With one, Ctrl-C waits for the end of the step, keeps a snapshot and
            raises Interrupted; without one, Ctrl-C is the usual KeyboardInterrupt.
        resume: a snapshot to go on from: the result is bit for bit that of one never stopped.

    Raises:
        SettingError: the loss or the gradient is not finite.
        Interrupted: the user stopped the work, and it is saved.
        RunError: the snapshot belongs to another network or other data; it cannot be written.
        DataError: there is not one batch.
    """
    if len(feed) == 0:
        raise DataError("there is nothing to train on", got="no batches", expected="at least one")
    trainer = _Trainer(network, feed, loss, plan, validate, look, observer or Quiet(), keeper)
    if resume is not None:
        trainer.go_on_from(resume)
    return trainer.run()


class _Trainer:
    """One training; `train` is its public face."""

    def __init__(
        self,
        network: nn.Module,
        feed: Feed,
        loss: LossFunction,
        plan: Plan,
        validate: Validate | None,
        look: Look | None,
        observer: Observer,
        keeper: Keeper | None,
    ) -> None:
        self.network, self.feed, self.loss, self.plan = network, feed, loss, plan
        self.validate, self.look, self.observer, self.keeper = validate, look, observer, keeper
        self.last: Any = None
        self.at = Position()
        self.history = History()
        self.best: Mapping[str, Tensor] | None = None
        self.state: State | None = None
        self.optimizer, self.tables = optimizer_of(network, plan), tables_by_rows(network, plan)
        self.average = Average(network)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.interrupts = Interrupts(wanted=keeper is not None)

    def run(self) -> Outcome:
        """Train to the end, telling the observer how it ended in any case."""
        self.observer.started(self._start())
        reason: Reason = "failed"
        try:
            with self.interrupts:
                reason = self._epochs()
        except (Interrupted, KeyboardInterrupt):
            reason = "interrupted"
            raise
        finally:
            self.observer.finished(Ending(reason, self.at.epoch, self.at.best_epoch, self.at.best_score))
        if self.best is not None:
            load_weights(self.network, self.best, "the best weights")
        self.network.eval()
        return Outcome(self.history, reason, self.at.best_epoch, self.at.best_score)

    def go_on_from(self, snapshot: Snapshot) -> None:
        """Take over everything a snapshot holds."""
        numbers = snapshot.numbers
        if numbers["batches"] != len(self.feed):
            raise RunError(
                "the training data are not those the run was started with",
                got=f"{len(self.feed)} batches",
                expected=f"{numbers['batches']} batches",
                fix="resume with the same data, or start a new run",
            )
        load_weights(self.network, snapshot.part("network"), "the snapshot")
        restore_optimizer(self.optimizer, self.network, snapshot.part("optimizer"))
        self.at = Position(**numbers["position"])
        self.history, self.best = History(snapshot.history), snapshot.best
        if self.plan.average:
            self.average.restore(self.at.averaged, snapshot.part("mean"))
        device = self.plan.device
        self.state = {name: tensor.to(device) for name, tensor in snapshot.part("state").items()} or None
        set_generators(numbers["generators"], snapshot.part("random"), device)

    def _epochs(self) -> Reason:
        while (reason := self._reason_to_end()) is None:
            self._train_epoch()
            with self.average.in_place():
                self._close_epoch(self._scores())
            self._keep()
            if self.interrupts.asked:
                raise self._interrupted()
        return reason

    def _reason_to_end(self) -> Reason | None:
        if self.at.batch == 0 and 0 < self.plan.patience <= self.at.stale:
            return "patience"
        return "epochs" if self.at.epoch >= self.plan.epochs else None

    def _train_epoch(self) -> None:
        self.network.train()
        begun = time.perf_counter()
        before = self.at.seconds
        for batch in self.feed.epoch(self.at.epoch, self.at.batch):
            self.last = batch.to(self.plan.device)
            self._step(self.last)
            self.at.seconds = before + time.perf_counter() - begun
            if self.interrupts.asked:
                self._keep()
                raise self._interrupted()
        self.state = None

    def _step(self, batch: Any) -> None:
        self._set_rate()
        for parameter in self.parameters:
            parameter.grad = None
        with self.plan.autocast(), by_rows(self.tables):
            result = self.loss(self.network, batch, self.state)
        result.mean.backward()  # type: ignore[no-untyped-call]
        gradients = gathered(self.parameters)
        norm = length_of(gradients)
        loss, length = torch.stack((result.mean.detach(), norm.to(result.mean))).tolist()
        self._refuse_not_finite(loss, length)
        if 0 < self.plan.clip < length:
            step_shortened(self.optimizer, gradients, self.plan.clip / (length + 1e-6))
        else:
            self.optimizer.step()
        self.average.add()
        self.state = None if result.state is None else {k: v.detach() for k, v in result.state.items()}
        self._record(loss, length, result.items)

    def _set_rate(self) -> None:
        steps = self.plan.epochs * len(self.feed)
        self.at.rate = rate(self.plan, self.at.step, steps, self.at.factor)
        for group in self.optimizer.param_groups:
            group["lr"] = self.at.rate

    def _record(self, loss: float, norm: float, items: int) -> None:
        at = self.at
        at.batch, at.step = at.batch + 1, at.step + 1
        at.loss, at.items = at.loss + loss * items, at.items + items
        at.norms.append(norm)
        at.clipped += 0 < self.plan.clip < norm
        at.averaged = self.average.steps
        self.observer.batch(at.epoch + 1, at.batch, loss)

    def _refuse_not_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        at = self.at
        what, value = ("loss", loss) if not math.isfinite(loss) else ("gradient", norm)
        cure = f"lower learning_rate (now {at.rate:g})"
        if at.step == 0:
            cure = f"look for missing or huge values in the data, or {cure}"
        elif self.keeper is not None and at.epoch > 0:
            cure = f"resume with a lower learning_rate (now {self.plan.learning_rate:g})"
        saved = f", and epoch {at.epoch} is saved in {self.keeper.place}" if self.keeper and at.epoch else ""
        raise SettingError(
            f"the {what} became {value}",
            where=f"epoch {at.epoch + 1}, step {at.batch + 1}",
            fix=f"{cure}; the step was not taken{saved}",
        )

    def _scores(self) -> Mapping[str, float]:
        """The validation scores. Nothing is lost when Ctrl-C cuts this short: it starts again on resuming."""
        if self.validate is None:
            return {}
        before = generators(self.plan.device)
        try:
            self.interrupts.at_once = self.keeper is not None
            with evaluating(self.network):
                return self.validate(self.network)
        except KeyboardInterrupt:
            self._keep(before)
            raise self._interrupted() from None
        finally:
            self.interrupts.at_once = False

    def _close_epoch(self, scores: Mapping[str, float]) -> None:
        better = self._judge(scores)
        self.history.append(self._row(scores, better))
        self.at.next_epoch()
        self.observer.epoch(self.history[-1])

    def _judge(self, scores: Mapping[str, float]) -> bool:
        """Keep the weights if they are the best so far; what follows where they are not."""
        at, plan, validated = self.at, self.plan, self.validate is not None
        score = float(scores[plan.watch]) if validated else at.loss / max(1, at.items)
        most = plan.mode == "max" and validated
        better = at.judge(score, scores.get("loss"), validated=validated, most=most)
        if plan.schedule == "plateau" and at.flat >= PLATEAU:
            at.factor, at.flat = at.factor / 2, 0
        if 0 < plan.average <= at.stale:
            self.average.begin()
        if better and validated:
            self.best = copy_weights(self.network)
        return better and validated

    def _row(self, scores: Mapping[str, float], better: bool) -> dict[str, Value]:
        at = self.at
        return {
            "epoch": at.epoch + 1,
            "step": at.step,
            "loss": at.loss / max(1, at.items),
            **{f"valid_{name}": float(value) for name, value in scores.items()},
            **self._figures(),
            "best": better,
            "learning_rate": at.rate,
            "grad_norm_median": statistics.median(at.norms),
            "grad_norm_max": max(at.norms),
            "clipped": at.clipped / len(at.norms),
            "seconds": round(at.seconds, 4),
            "per_second": round(at.items / max(at.seconds, 1e-9), 1),
        }

    def _figures(self) -> Mapping[str, Any]:
        if self.look is None or self.last is None or not due(self.at.epoch + 1):
            return {}
        before = generators(self.plan.device)
        with evaluating(self.network):
            found = self.look(self.network, self.last)
        set_generators(*before, self.plan.device)
        return {f"inside_{name}": value for name, value in found.items()}

    def _interrupted(self) -> Interrupted:
        at = self.at
        done = (
            f"in epoch {at.epoch + 1}, batch {at.batch} of {len(self.feed)}"
            if at.batch
            else f"after epoch {at.epoch}"
        )
        place = self.keeper.place if self.keeper is not None else "nowhere"
        return Interrupted(f"stopped {done}; everything is saved in {place}; go on with --resume")

    def _keep(self, random: tuple[dict[str, Any], dict[str, Tensor]] | None = None) -> None:
        if self.keeper is None:
            return
        numbers, tensors = random or generators(self.plan.device)
        self.keeper.keep(
            Snapshot(
                {"position": asdict(self.at), "batches": len(self.feed), "generators": numbers},
                {
                    **under("network", self.average.trained()),
                    **under("optimizer", optimizer_tensors(self.optimizer, self.network)),
                    **under("mean", self.average.mean),
                    **under("state", self.state or {}),
                    **under("random", tensors),
                },
                self.best,
                self.history,
            )
        )

    def _start(self) -> Start:
        at, plan = self.at, self.plan
        parameters = sum(p.numel() for p in self.parameters)
        watch = "loss" if self.validate is None else f"valid_{plan.watch}"
        return Start(plan.epochs, len(self.feed), at.epoch, at.batch, watch, parameters)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients, for a while."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(training)
