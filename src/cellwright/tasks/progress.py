"""Who watches a training: the Observer protocol, a live display for terminals, plain lines for the rest. Floor 6.

Draws only what the loop has recorded. Progress goes to stderr, so that stdout is left to results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from cellwright.tasks.history import Row

Reason = Literal["epochs", "patience", "interrupted", "failed"]


@dataclass(frozen=True)
class Start:
    """What is about to happen.

    Attributes:
        epochs: how many there will be at most.
        batches: how many one epoch has.
        epoch, batch: how many of each are done already (a resumed run).
        watch: the column of the history that chooses the best weights.
        parameters: how many numbers are trained.
    """

    epochs: int
    batches: int
    epoch: int
    batch: int
    watch: str
    parameters: int


@dataclass(frozen=True)
class Ending:
    """How it ended: `reason`, the best epoch (0: none) and its score."""

    reason: Reason
    epoch: int
    best_epoch: int
    best_score: float | None


class Observer(Protocol):
    """Anything that wants to know how the training goes; it must not change it."""

    def started(self, start: Start) -> None:
        """Called once, before the first step."""

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Called after every step: epoch and batch count from 1."""

    def epoch(self, row: Row) -> None:
        """Called at the end of every epoch with its row of the history."""

    def finished(self, ending: Ending) -> None:
        """Called once at the end, whatever the reason."""


class Quiet:
    """An observer that says nothing."""

    def started(self, start: Start) -> None:
        """Nothing."""

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, row: Row) -> None:
        """Nothing."""

    def finished(self, ending: Ending) -> None:
        """Nothing."""
