"""Where a training stands: what a snapshot keeps beside the tensors. Floor 6."""

from __future__ import annotations

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
    norms: list[float] = field(default_factory=list)

    def next_epoch(self) -> None:
        self.epoch, self.batch, self.loss, self.items = self.epoch + 1, 0, 0.0, 0
        self.clipped, self.seconds, self.norms = 0, 0.0, []
