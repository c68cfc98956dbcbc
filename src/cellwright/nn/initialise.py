"""How weights start. Floor 4. A rule per name; a cell declares its own beside its equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

import torch
from torch import Tensor
from torch.nn import init as torch_init

from cellwright.compiler.graph import Graph
from cellwright.errors import SettingError

Rule = Callable[[Tensor, int], object]


def _uniform(weight: Tensor, hidden: int) -> object:
    bound = hidden**-0.5 if hidden else 0.0
    return torch_init.uniform_(weight, -bound, bound)


def _orthogonal(weight: Tensor, hidden: int) -> object:
    if weight.dim() == 3:
        return [_orthogonal(block, hidden) for block in weight]
    if weight.dtype in (torch.float32, torch.float64):
        return torch_init.orthogonal_(weight)
    # Types of 16 bits have no decomposition: drawn in 32.
    return weight.copy_(torch_init.orthogonal_(torch.empty_like(weight, dtype=torch.float32)))


def _glorot(weight: Tensor, hidden: int) -> object:
    if weight.dim() == 3:
        return [torch_init.xavier_uniform_(block) for block in weight]
    return torch_init.xavier_uniform_(weight)


RULES: Mapping[str, Rule] = {
    "uniform": _uniform,
    "orthogonal": _orthogonal,
    "glorot": _glorot,
    "identity": lambda weight, hidden: torch_init.eye_(weight),
    "zeros": lambda weight, hidden: torch_init.zeros_(weight),
    "ones": lambda weight, hidden: torch_init.ones_(weight),
}
SCHEMES = ("standard", "uniform")


@torch.no_grad()
def initialise(graph: Graph, weights: Mapping[str, Tensor], hidden: int, scheme: str = "standard") -> None:
    """Fill the weights of one layer in place.

    Args:
        graph: the cell's; `graph.facts.init` says what it declares.
        weights: tensors by name.
        hidden: H, for the uniform bound 1 / sqrt(H).
        scheme: "standard": matrices of x Glorot-uniform, recurrent (square or block) matrices orthogonal,
            vectors zero, then what the cell declares (forget bias 1); "uniform": torch's
            U(-1/sqrt H, 1/sqrt H) for everything, and nothing else.

    Raises:
        SettingError: no such scheme, or the cell names a rule that does not exist.
    """
    if scheme not in SCHEMES:
        raise SettingError("no such initialisation", got=scheme, expected=", ".join(SCHEMES))
    declared = graph.facts.init if scheme == "standard" else ()
    for name, weight in weights.items():
        matching = [rule for pattern, rule in declared if fnmatchcase(name, pattern)]
        _fill(weight, matching[-1] if matching else _usual(name, weight, scheme), hidden)


def _usual(name: str, weight: Tensor, scheme: str) -> str:
    if scheme == "uniform":
        return "uniform"
    if weight.dim() < 2:
        return "zeros"
    return "orthogonal" if weight.shape[-1] == weight.shape[-2] and not name.startswith("W") else "glorot"


def _fill(weight: Tensor, rule: float | str, hidden: int) -> None:
    if isinstance(rule, str):
        if rule not in RULES:
            raise SettingError("no such initialisation rule", got=rule, expected=", ".join(RULES))
        RULES[rule](weight, hidden)
    else:
        weight.fill_(rule)
