"""Which of a cell's kernels runs a call: programs alone or sharing units, matrices held or read. Floor 2.

Each is costed by the card's pace (see `joint`); nothing is run to choose. One that failed is not chosen again
while another is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import torch

from cellwright.backends.call import Call
from cellwright.backends.cpu.outside import sizes_of
from cellwright.backends.triton.emit import stages_of_both
from cellwright.backends.triton.joint import Card, Joint, alone_step, joint_layout
from cellwright.backends.triton.launch import Kernel, KernelError, kernel
from cellwright.backends.triton.pace import card_of
from cellwright.backends.triton.sizes import holds, layout, matrix_bytes
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

    def failed(self, dtype: torch.dtype, sizes: Mapping[str, int]) -> KernelError | None:
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
    return _left(found, stored, sizes), sizes


def _left(found: tuple[Choice, ...], dtype: torch.dtype, sizes: Mapping[str, int]) -> Choice:
    """The first that has not failed. Where one failed for another reason than room, its twin, which reads the
    matrices instead of holding them, would too."""
    ruled_out: set[bool] = set()
    for choice in found:
        fact, joint = choice.failed(dtype, sizes), choice.kernel.program.joint
        if fact is None and joint not in ruled_out:
            return choice
        if fact is not None and not fact.room:
            ruled_out.add(joint)
    return found[0]


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
    kinds: list[tuple[float, Kernel, Mapping[str, Joint] | None]] = []
    for k in _alone(graph, record, sizes, dtype, card):
        us = sum(alone_step(k.program, n, sizes, batch, dtype, card) for n in _ways(k))
        kinds.append((float("inf") if too_wide(k, sizes) else us, k, None))
    if any(w.products for w in kinds[0][1].program.kernels.values()):
        for k, made in _joint(graph, record, sizes, batch, dtype, card):
            kinds.append((sum(j.microseconds for j in made.values()), k, made))
    costs: dict[str, float] = {}
    for us, _, joint in kinds:
        name = "alone" if joint is None else "sharing units"
        costs[name] = min(us, costs.get(name, us))
    order = sorted(kinds, key=lambda kind: kind[0])
    # Where sharing units fails whole rows are left, if they fit; where they are the best nothing better is.
    last = max(n for n, (_, _, joint) in enumerate(order) if joint is None)
    order = [kind for kind in order[: last + 1] if kind is order[0] or kind[0] < float("inf")]
    return tuple(Choice(k, joint, MappingProxyType(costs), card) for _, k, joint in order)


def _ways(k: Kernel) -> tuple[str, ...]:
    return tuple(k.program.kernels)


def _alone(
    graph: Graph, record: tuple[str, ...], sizes: dict[str, int], dtype: torch.dtype, card: Card
) -> list[Kernel]:
    """Matrices are held on the chip where they fit; where they do not after all they are read."""
    k = kernel(graph, record)
    read = kernel(graph, record, held=False)
    if not any(w.products for w in k.program.kernels.values()):
        return [k]
    return [k, read] if holds(k.program, sizes, dtype, card.chip) else [read]


def _joint(
    graph: Graph, record: tuple[str, ...], sizes: dict[str, int], batch: int, dtype: torch.dtype, card: Card
) -> Iterator[tuple[Kernel, Mapping[str, Joint]]]:
    """Holding matrices, and reading them; none where units cannot be shared."""
    if isinstance(stages_of_both(kernel(graph, record).program.base), str):
        return
    for held in (True, False):
        k = kernel(graph, record, held, True)
        made = {n: joint_layout(k.program, n, sizes, batch, dtype, card) for n in _ways(k)}
        whole = {n: j for n, j in made.items() if j is not None}
        if len(whole) == len(made):
            yield k, MappingProxyType(whole)


def too_wide(k: Kernel, sizes: Mapping[str, int]) -> str | None:
    """Why programs cannot hold whole rows, or None."""
    held = {n: layout(k.program, n, sizes, 1).share for n in _ways(k)}
    rows = [held[n] or d.evaluate(sizes) for n, w in k.program.kernels.items() for d, _ in w.dims]
    widest = max(rows, default=0)
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
