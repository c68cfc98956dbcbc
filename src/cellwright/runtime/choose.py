"""Which backend runs a call, and why not the others. Floor 3.

The order of `BACKENDS` is the order of preference; the last takes everything. `CELLWRIGHT_BACKEND`, or a
layer's `backend=`, names one of them outright.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from cellwright import config
from cellwright.backends.call import Call, Outcome
from cellwright.compiler.graph import Graph
from cellwright.compiler.plan import Plan, make_plan
from cellwright.errors import SettingError

BACKENDS = ("cpu", "stock", "triton", "eager")


@dataclass(frozen=True)
class Choice:
    """The backend that runs, and one sentence for each that was asked before it."""

    name: str
    refusals: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        reasons = "".join(f"\n  not {name}: {why}" for name, why in self.refusals)
        return f"runs on: {self.name}{reasons}"


@lru_cache(maxsize=256)
def plan_of(graph: Graph, record: tuple[str, ...] = ()) -> Plan:
    """The plan of a graph, made once."""
    return make_plan(graph, record)


def choose(plan: Plan, call: Call, wanted: str | None = None) -> Choice:
    """Ask the backends in order.

    Raises:
        SettingError: the backend asked for by name does not exist or refuses this call.
    """
    name = wanted or config.read("CELLWRIGHT_BACKEND")
    if name is not None and name not in BACKENDS:
        raise SettingError(
            "no such backend", got=name, expected=", ".join(BACKENDS), fix="leave it out to choose"
        )
    refusals: list[tuple[str, str]] = []
    for candidate in (name,) if name else BACKENDS:
        why = _module(candidate).refuses(plan, call)
        if why is None:
            return Choice(candidate, tuple(refusals))
        refusals.append((candidate, why))
    raise SettingError(
        f"the backend {name} cannot run this", got=refusals[0][1], fix="leave it out to choose"
    )


def execute(graph: Graph, call: Call, wanted: str | None = None) -> Outcome:
    """Run a graph over time on the backend that was chosen."""
    plan = plan_of(graph, call.record)
    return run_on(choose(plan, call, wanted).name, plan, call)


def run_on(name: str, plan: Plan, call: Call) -> Outcome:
    """Run on a backend that was chosen."""
    outcome: Outcome = _module(name).run(plan, call)
    return outcome


def explain(layer: Any, x: Any, lengths: Any = None) -> str:
    """Which backend a layer would use for an input, and why not the others.

    Args:
        layer: a `cellwright.nn` layer.
        x: an input that it takes, [T, B, I].
        lengths: [B], as in the layer's call.

    >>> import torch, cellwright as cw
    >>> print(cw.explain(cw.nn.Recurrent("peephole", 3, 4), torch.zeros(0, 2, 3)))
    runs on: eager
      not cpu: there is nothing to compute in an empty sequence or batch
      not stock: torch has no kernel of its own for the equations of `peephole`
      not triton: the input is on cpu, not on an NVIDIA GPU
    """
    call, plan = layer.call(x, lengths=lengths), plan_of(layer.running().graph)
    choice = choose(plan, call, layer.backend)
    notes = getattr(_module(choice.name), "notes", None)
    return "\n".join([str(choice), *(f"  {note}" for note in (notes(plan, call) if notes else ()))])


@lru_cache(maxsize=16)
def _module(name: str) -> Any:
    return import_module(f"cellwright.backends.{name}")
