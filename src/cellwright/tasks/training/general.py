"""The settings that every task has: the network's size, and how it is trained. Floor 6."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.compiler.trace import Cell
from cellwright.tasks.training.devices import PRECISIONS
from cellwright.tasks.training.settings import dropping, setting


@dataclass(kw_only=True, eq=False, repr=False)
class Settings:
    """What an estimator is told besides its task's own settings."""

    cell: str | Cell = setting("lstm", "the recurrent cell: a name, or FILE.py:NAME")
    units: int = setting(128, "hidden units of a layer", min=1)
    layers: int = setting(1, "recurrent layers", min=1)
    bidirectional: bool = setting(False, "read the sequence in both directions")
    dropout: float = dropping(0.2, "share of values dropped between layers")
    epochs: int = setting(20, "passes over the training part, at most", min=1, on_resume=True)
    batch_size: int = setting(32, "sequences in a batch", min=1)
    learning_rate: float = setting(2e-3, "step size at its highest", min=0, exclusive="min", on_resume=True)
    weight_decay: float = setting(0.01, "pull of the matrices towards zero", min=0)
    clip: float = setting(1.0, "longest gradient allowed (its norm); 0 allows any", min=0)
    optimizer: str = setting(
        "adamw",
        "how a gradient becomes a step; adam: as adamw, the pull being part of the gradient",
        choices=("adamw", "adam", "sgd"),
    )
    schedule: str = setting(
        "cosine",
        "how the learning rate falls",
        choices=("cosine", "constant", "plateau", "step"),
        on_resume=True,
    )
    decay: float = setting(0.5, "the step schedule's factor after an epoch", min=0, exclusive="min", max=1)
    decay_after: int = setting(4, "epochs before the step schedule's first factor", min=0)
    average: int = setting(
        0,
        "epochs without a better score before the weights' mean over all later steps counts; 0: never",
        min=0,
        on_resume=True,
    )
    warmup: float = setting(
        0.05, "share of all steps during which the learning rate rises", min=0, max=1, exclusive="max"
    )
    patience: int = setting(
        5, "epochs without a better validation score before stopping; 0: never stop", min=0, on_resume=True
    )
    valid: float = setting(
        0.1, "share of the data held out to choose the best epoch; 0: none", min=0, max=1, exclusive="max"
    )
    seed: int = setting(0, "seed of everything random", min=0)
    device: str = setting("auto", "auto, cpu, cuda or cuda:N", on_resume=True)
    precision: str = setting(
        "float32",
        "what products read in a training step; sums, states, scores and predictions are always in float32",
        choices=PRECISIONS,
        on_resume=True,
    )
