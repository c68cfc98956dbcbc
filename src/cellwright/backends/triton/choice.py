"""Which of a cell's kernels runs a call: programs alone or sharing units, matrices held or read. Floor 2.

Each is costed by the card's pace (see `joint`); nothing is run to choose. One that failed is not chosen again
while another is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import torch

from cellwright.backends.call import Call
from cellwright.backends.cpu.outside import sizes_of
from cellwright.backends.triton.emit import stages_of_both
from cellwright.backends.triton.joint import Card, Joint, alone_step, joint_layout
from cellwright.backends.triton.launch import Kernel, kernel
from cellwright.backends.triton.pace import card_of
from cellwright.backends.triton.sizes import layout, matrix_bytes
from cellwright.compiler.graph import Graph

# Of a wider row with products the registers of a processor hold no accumulator for every gate.
WIDEST = 1024


@dataclass(frozen=True)
class Choice:
    """The kernels, the layout of each where units are shared, what was compared (microseconds of a step, both
    ways), and why not otherwise."""

    kernel: Kernel
    joint: Mapping[str, Joint] | None
    costs: Mapping[str, float]
    card: Card

    def failed(self, dtype: torch.dtype, sizes: Mapping[str, int]) -> str | None:
        """Why it is not tried again."""
        return self.kernel.failed.get((dtype, tuple(sizes.values())))

    def __str__(self) -> str:
        """For `explain`: which was taken, at what estimates."""
        if len(self.costs) < 2:
            return ""
        each = ", ".join(f"{name} {us:.1f}" for name, us in self.costs.items() if us != float("inf"))
        return f"a step forward and back is estimated at (us): {each}; {self.card.pace}"


def choice_of(graph: Graph, call: Call) -> tuple[Choice, dict[str, int]]:
    """The choice for a call, and the letters' sizes."""
    first = kernel(graph, call.record)
    sizes = sizes_of(first.program.base, call)
    dtype, stored = call.half or call.x.dtype, call.x.dtype
    card = card_of(call.x.device)
    found = _choices(graph, call.record, tuple(sizes.items()), call.x.shape[1], dtype, card)
    return next((c for c in found if c.failed(stored, sizes) is None), found[0]), sizes


@lru_cache(maxsize=512)
def _choices(
    graph: Graph,
    record: tuple[str, ...],
    items: tuple[tuple[str, int], ...],
    batch: int,
    dtype: torch.dtype,
    card: Card,
) -> tuple[Choice, ...]:
    """The cheapest first, then what is left if it fails."""
    sizes = dict(items)
    alone = _alone(graph, record, sizes, dtype, card)
    costs = {"alone": sum(alone_step(alone.program, n, sizes, batch, dtype, card) for n in _ways(alone))}
    if too_wide(alone, sizes):
        costs["alone"] = float("inf")
    kinds: dict[str, tuple[Kernel, Mapping[str, Joint] | None]] = {"alone": (alone, None)}
    if any(w.products for w in alone.program.kernels.values()):
        shared = _joint(graph, record, sizes, batch, dtype, card)
        if shared is not None:
            kinds["sharing units"] = shared
            costs["sharing units"] = sum(j.microseconds for j in shared[1].values())
    order = sorted(kinds, key=costs.__getitem__)
    # Where sharing units fails whole rows are left, if they fit; where they are the best nothing better is.
    order = [n for n in order[: order.index("alone") + 1] if n == order[0] or costs[n] < float("inf")]
    return tuple(Choice(*kinds[name], MappingProxyType(costs), card) for name in order)


def _ways(k: Kernel) -> tuple[str, ...]:
    return tuple(k.program.kernels)


def _alone(
    graph: Graph, record: tuple[str, ...], sizes: dict[str, int], dtype: torch.dtype, card: Card
) -> Kernel:
    """Matrices are held on the chip where they fit."""
    k = kernel(graph, record)
    return k if matrix_bytes(k.program, sizes, dtype) <= card.chip else kernel(graph, record, held=False)


def _joint(
    graph: Graph, record: tuple[str, ...], sizes: dict[str, int], batch: int, dtype: torch.dtype, card: Card
) -> tuple[Kernel, Mapping[str, Joint]] | None:
    """The cheaper of holding matrices and reading them, or None where units cannot be shared."""
    if isinstance(stages_of_both(kernel(graph, record).program.base), str):
        return None
    found = []
    for held in (True, False):
        k = kernel(graph, record, held, True)
        made = {n: joint_layout(k.program, n, sizes, batch, dtype, card) for n in _ways(k)}
        whole = {n: j for n, j in made.items() if j is not None}
        if len(whole) == len(made):
            found.append((k, MappingProxyType(whole)))
    return min(found, key=lambda f: sum(j.microseconds for j in f[1].values()), default=None)


def too_wide(k: Kernel, sizes: Mapping[str, int]) -> str | None:
    """Why programs cannot hold whole rows, or None."""
    widest = max((dim.evaluate(sizes) for w in k.program.kernels.values() for dim, _ in w.dims), default=0)
    if widest > WIDEST and any(w.products for w in k.program.kernels.values()):
        return f"its kernels hold rows of at most {WIDEST} units, and one has {widest}"
    return None


def laid_out(choice: Choice, sizes: Mapping[str, int], call: Call) -> str:
    """How the forward kernel lies on the card, and where its matrices are."""
    k, batch = choice.kernel, call.x.shape[1]
    size = matrix_bytes(k.program, sizes, call.half or call.x.dtype) >> 10
    where = "held on the chip" if k.program.held else "read anew at every step"
    if choice.joint is None:
        made = layout(k.program, "forward", sizes, batch)
        count = -(-batch // made.rows) * made.shares
        room = f"(it has room for {choice.card.chip >> 10:,})"
        return f"{count} programs of {made.rows} rows, matrices of {size:,} KiB {where} {room}"
    joint = choice.joint["forward"]
    count = -(-batch // joint.rows) * joint.shares
    meetings = [w.stages.meetings for w in k.program.kernels.values() if w.stages is not None]
    times = " + ".join(map(str, meetings))
    return (
        f"{count} programs of {joint.rows} rows and 1/{joint.shares} of the units, which meet {times} times "
        f"a step; matrices {where}"
    )
