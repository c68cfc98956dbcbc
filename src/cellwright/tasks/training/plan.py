"""How to train: the plan, the learning rate of every step, the optimiser. Floor 6."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cellwright.tasks.training.tables import tables_of

PLATEAU = 2
OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class Plan:
    """How to train, in the words of `Estimator`'s settings.

    `watch` names the validation score that decides, `mode` its better end. The plateau schedule halves the
    learning rate whenever PLATEAU epochs have brought nothing better; the step schedule multiplies it by
    `decay` after every epoch from `decay_after` on. `average`: see `averaging`; begun once so many epochs
    have brought nothing better (NT-ASGD, Merity, Keskar & Socher 2018), 0: never.
    """

    epochs: int = 20
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    optimizer: str = "adamw"
    schedule: str = "cosine"
    decay: float = 0.5
    decay_after: int = 4
    average: int = 0
    warmup: float = 0.05
    patience: int = 5
    watch: str = "loss"
    mode: Literal["min", "max"] = "min"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"

    def autocast(self) -> torch.autocast:
        """What a step's loss is taken in: its products read `precision`, all else is float32 (decision 008).

        Not for the way back, which goes as the way there went, nor for scores.
        """
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")


def rate(plan: Plan, step: int, steps: int, factor: float = 1.0) -> float:
    """The learning rate of step `step` (from 0) of `steps`: it rises evenly, then falls as the schedule says.

    >>> plan = Plan(learning_rate=1.0, warmup=0.2)
    >>> [round(rate(plan, step, 10), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.038]
    """
    warm = round(plan.warmup * steps)
    if step < warm:
        return plan.learning_rate * (step + 1) / warm
    if plan.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
    if plan.schedule == "step":
        factor = plan.decay ** max(0, step * plan.epochs // max(1, steps) + 1 - plan.decay_after)
    return plan.learning_rate * factor


def optimizer_of(network: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """The plan's optimiser, pulling only matrices towards zero: biases, gains, other vectors are left alone.

    `adamw` pulls beside the gradient (Loshchilov & Hutter 2019); `adam` and `sgd` add the pull to it.
    """
    tables = [table.weight for table in tables_by_rows(network, plan)]
    apart = {id(p) for p in tables}
    trained = [(n, p) for n, p in network.named_parameters() if p.requires_grad and id(p) not in apart]
    matrices = [p for name, p in trained if _decays(name, p)]
    vectors = [p for name, p in trained if not _decays(name, p)]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    if tables:
        groups.append({"params": tables, "fused": False})  # torch's fused step takes no gradient by rows
    make = OPTIMIZERS[plan.optimizer]
    return make(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True)


def tables_by_rows(network: nn.Module, plan: Plan) -> list[nn.Embedding]:
    """The tables of which the plan's optimiser needs the gradients of the read rows only."""
    return tables_of(network) if plan.optimizer == "sgd" and plan.weight_decay == 0 else []


def _decays(name: str, parameter: Tensor) -> bool:
    return parameter.ndim > 1 and not name.rpartition(".")[2].startswith(("b_", "bias"))
