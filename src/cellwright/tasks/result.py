"""What comes out of a training: its scores beside the baselines. Floor 6."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from cellwright.checkpoint import as_read
from cellwright.tasks.training import loop

if TYPE_CHECKING:
    from cellwright.tasks.base import Estimator


def measured(
    estimator: Estimator[Any, Any],
    network: nn.Module,
    outcome: loop.Outcome,
    parts: tuple[Any, Any | None, Any | None],
    asked: Any | None,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """What `metrics.json` says of a training: see `Estimator.metrics_`.

    Args:
        estimator: of the task.
        network: as it is kept.
        outcome: of the training loop.
        parts: for training, for validation, for the test.
        asked: the test part as numbers, where there is one.
        facts: as they are kept.
    """
    train, valid, held = parts
    shown = valid if held is None else held
    best = outcome.history.best() or {}
    with loop.evaluating(network):
        tested = None if asked is None else estimator.evaluate(network, asked, facts)
        examples = {} if shown is None else estimator.examples(network, shown, facts)
    seconds = [row["seconds"] or 0.0 for row in outcome.history]
    found: dict[str, Any] = as_read(
        {
            "task": estimator.TASK,
            "score": estimator.watched,
            "better": estimator.BETTER,
            "parameters": sum(p.numel() for p in network.parameters()),
            "epochs": len(outcome.history),
            "best_epoch": outcome.best_epoch,
            "ended": outcome.reason,
            "seconds": round(sum(seconds), 3),
            "valid": {name[6:]: value for name, value in best.items() if name.startswith("valid_")} or None,
            "test": tested,
            "baselines": {} if held is None else estimator.baselines(train, held),
            "examples": examples,
        },
        nan=True,
    )
    return found
