"""The training loop: small named steps, every one recorded, resumable to the last bit. Floor 6.

Refuses a loss or a gradient that is not finite: the step is not taken and the best weights stay. Draws nothing
(see `progress`), writes nothing (see `run`).
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from cellwright.errors import Interrupted, RunError, SettingError
from cellwright.tasks.history import History, Value
from cellwright.tasks.interrupts import Interrupts
from cellwright.tasks.progress import Ending, Observer, Quiet, Reason, Start
from cellwright.tasks.seeds import generators, set_generators
from cellwright.tasks.snapshot import (
    Snapshot,
    copy_weights,
    load_weights,
    optimizer_tensors,
    restore_optimizer,
    under,
)

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


@dataclass(frozen=True)
class Plan:
    """How to train. The words are those of `Estimator`; `watch` names a validation score and `mode` its better end."""

    epochs: int = 20
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    schedule: Literal["cosine", "constant", "plateau"] = "cosine"
    warmup: float = 0.05
    patience: int = 5
    watch: str = "loss"
    mode: Literal["min", "max"] = "min"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


class Keeper(Protocol):
    """Where snapshots go; a `Run` is one."""

    @property
    def place(self) -> str:
        """Where, in words, for messages."""

    def keep(self, snapshot: Snapshot) -> None:
        """Make the snapshot durable; called after every epoch and when the user stops the work."""


@dataclass(frozen=True)
class Outcome:
    """What came of a training. The network holds the best weights (the last ones when nothing was validated)."""

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
            drives the plateau schedule. Without it the last weights are kept and nothing ends early.
        observer: who watches.
        keeper: where snapshots go. With one, Ctrl-C waits for the end of the step, keeps a snapshot and raises
            Interrupted; without one, Ctrl-C is the usual KeyboardInterrupt.
        resume: a snapshot to go on from: the result is bit for bit that of a training that never stopped.

    Raises:
        SettingError: the loss or the gradient is not finite.
        Interrupted: the user stopped the work, and it is saved.
        RunError: the snapshot belongs to another network or other data; it cannot be written.
    """
    raise NotImplementedError
