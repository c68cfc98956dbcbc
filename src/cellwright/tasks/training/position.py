"""Where a training stands: what a snapshot keeps beside the tensors. Floor 6."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Position:
    """Where a training stands: finished epochs, finished batches of the running one, its sums."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: float | None = None
    best_loss: float | None = None
    stale: int = 0
    flat: int = 0
    factor: float = 1.0
    loss: float = 0.0
    items: int = 0
    clipped: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    averaged: int = 0
    norms: list[float] = field(default_factory=list)

    def judge(self, score: float, loss: float | None, *, validated: bool, most: bool) -> bool:
        """Note the score of an epoch, and whether it is the best so far; of equal ones the lower loss is.

        Args:
            score: the watched one; the training loss where nothing is validated.
            loss: the validation loss, where there is one: a share of right answers often ties.
            validated: whether patience counts.
            most: whether more is better.
        """
        better = self._is_better(score, most) or self._breaks_tie(score, loss)
        self.flat = 0 if better else self.flat + 1
        if better:
            self.best_score, self.best_loss = score, loss
        if better and validated:
            self.best_epoch = self.epoch + 1
        self.stale = 0 if better or not validated else self.stale + 1
        return better

    def _is_better(self, score: float, most: bool) -> bool:
        best = self.best_score
        if best is None or not math.isfinite(score):
            return math.isfinite(score)
        return score > best if most else score < best

    def _breaks_tie(self, score: float, loss: float | None) -> bool:
        best = self.best_loss
        return score == self.best_score and loss is not None and best is not None and loss < best

    def next_epoch(self) -> None:
        self.epoch, self.batch, self.loss, self.items = self.epoch + 1, 0, 0.0, 0
        self.clipped, self.seconds, self.norms = 0, 0.0, []
