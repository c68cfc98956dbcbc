"""One step on its own, for a live stream: only what depends on weights alone is done before it. Floor 1.

given    [B, width]   the states before the step        left    [B, width]   the states after it
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cellwright.compiler.build import Builder
from cellwright.compiler.graph import Graph
from cellwright.compiler.hoist import Hoisted, hoist
from cellwright.compiler.inner_ops import ALL, ANY_LEAF
from cellwright.compiler.lower import lower
from cellwright.compiler.places import Place, Routine
from cellwright.compiler.simplify import copy_node


@dataclass(frozen=True)
class SingleStep:
    """`hoisted.outside` says which weights (and values made of weights alone) the routine reads."""

    hoisted: Hoisted
    routine: Routine


@lru_cache(maxsize=256)
def single_step(graph: Graph) -> SingleStep:
    """A cell's step as one routine, from the input and the old states to the new ones."""
    hoisted = hoist(graph, feeds=False)
    step = hoisted.step
    lowered = lower(step.nodes, step.returns)
    builder = Builder()
    place: dict[int, int] = {}
    for k, node in enumerate(lowered.nodes):
        place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
    stores = tuple(
        (_own(builder, place[lowered.place[k]]), Place(f".left {state.name}", "row"))
        for k, state in zip(step.returns, step.states, strict=True)
    )
    nodes = tuple(builder.nodes)
    loads = {k: _place(n.op, n.name) for k, n in enumerate(nodes) if n.op in ("input", "state", "parameter")}
    return SingleStep(hoisted, Routine("step", nodes, loads, stores))


def _place(op: str, name: str) -> Place:
    if op == "state":
        return Place(f".given {name}", "row")
    return Place(name, "fixed" if op == "parameter" else "row")


def _own(builder: Builder, k: int) -> int:
    """What is stored is a row's own work: not a leaf, a product or a rearrangement."""
    op = builder.nodes[k].op
    bare = op in ANY_LEAF or ALL[op].kind in ("product", "along", "arrange")
    return builder.add("copy", k) if bare else k
