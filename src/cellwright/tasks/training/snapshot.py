"""A training stopped between two steps, as named tensors and JSON-able numbers. Floor 6.

Refuses a snapshot of another network (RunError: the tensor, got, expected).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cellwright.errors import RunError
from cellwright.tasks.training.history import History


@dataclass(frozen=True)
class Snapshot:
    """What `train` needs to go on.

    Attributes:
        numbers: the position, the sums of the running epoch, the generators of Python and NumPy. JSON-able.
        tensors: `network.*`, `optimizer.*`, `state.*` (carried between batches), `random.*`. They are the
            live ones: a keeper writes or copies them before it returns.
        best: the best weights so far, by name; None when nothing has been validated.
        history: one row for every finished epoch.
    """

    numbers: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    best: Mapping[str, Tensor] | None
    history: History

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under `prefix.`, named without it."""
        return within(self.tensors, prefix)


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before every name.

    >>> list(under("a", {"b": torch.zeros(1)}))
    ['a.b']
    """
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix.`, named without it."""
    start = prefix + "."
    return {name[len(start) :]: tensor for name, tensor in tensors.items() if name.startswith(start)}


def optimizer_tensors(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """The optimizer's memory as `<parameter>.<quantity>`: `cell.U_f.exp_avg`, `cell.U_f.step`, ..."""
    return {
        f"{name}.{quantity}": value
        for name, parameter in network.named_parameters()
        for quantity, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimizer the memory that `optimizer_tensors` named."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    ordered = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
    memory: dict[int, dict[str, Tensor]] = {}
    for index, name in enumerate(ordered):
        quantities = within(tensors, name)
        if quantities:
            memory[index] = {key: value for key, value in quantities.items() if "." not in key}
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], where: object) -> None:
    """Copy named tensors into a network that must have exactly these names and shapes.

    Raises:
        RunError: naming the first tensor that is missing, unknown or of another shape.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    got = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in [*expected, *got]:
        if expected.get(name) != got.get(name):
            raise RunError(
                f"the tensor {name} does not fit the network",
                where=where,
                got=_shape(got.get(name)),
                expected=_shape(expected.get(name)),
            )
    network.load_state_dict(dict(tensors))


def copy_weights(network: nn.Module) -> dict[str, Tensor]:
    """A copy of everything a network remembers, by name."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _shape(shape: tuple[int, ...] | None) -> str:
    return "no such tensor" if shape is None else f"shape {list(shape)}"
