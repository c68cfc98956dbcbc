"""What a kernel is planned as: where values lie, and two routines, a step forward and a step back. Floor 1.

    step      [T, B, width]   a row per step and sequence: inputs, feeds, kept values
    ring      [chunk, B, width]   the same for the steps of one chunk: gradients that products read after it
    previous  [T, B, width]   a state before the step: its history one step earlier, or the initial state
    carry     [2, B, width]   the gradient of a state, handed from step to step on the way back
    row       [B, width]      values that cross from one loop of a step to another
    fixed     [width]         weights

Arrays of leaves bear their names; the others' names begin with a dot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cellwright.compiler.dims import ONE, ZERO, Dim
from cellwright.compiler.graph import Node


@dataclass(frozen=True)
class Place:
    """Where a value lies: an array, how its rows are found, and the offset in the row."""

    array: str
    kind: str
    offset: Dim = ZERO


@dataclass(frozen=True)
class OuterSum:
    """Gradients of matrices: the sum over all rows of outer(d, v), `op` says whether block by block.

    `d` is an offset in the gradients' array, `size` its columns, `width` those of v. `targets`: the matrices
    whose rows these are, from the top, with their rows. A matrix that is in several sums is alone in each;
    `first` is its first sum.
    """

    op: str
    d: Dim
    size: Dim
    v: Place
    width: Dim
    targets: tuple[tuple[str, Dim], ...]
    blocks: Dim = ONE
    first: bool = True


@dataclass(frozen=True)
class Routine:
    """What one step does: `loads` says where leaves lie, `stores` where results go, `sums` what is added up
    over all steps and rows (offset in the row of sums)."""

    name: str
    nodes: tuple[Node, ...]
    loads: dict[int, Place]
    stores: tuple[tuple[int, Place], ...]
    sums: tuple[tuple[int, Dim], ...] = ()


@dataclass(frozen=True)
class FeedBlock:
    """Feeds of one operand, side by side in one array; offsets in the order of `feeds`."""

    array: str
    feeds: tuple[int, ...]
    offsets: tuple[Dim, ...]
    width: Dim


@dataclass(frozen=True)
class Recurrence:
    """Both routines, and what the caller must know of their arrays.

    `kept`: width of the array of kept values that found no feed's place. `d`: width of the gradients' array,
    which products after each chunk of steps read; `d_of`: offset by feed; `sum_of`: offset in the sums by
    weight (or feed, for its bias); `outers`: the gradients of all matrices.
    """

    forward: Routine
    backward: Routine
    blocks: tuple[FeedBlock, ...]
    kept: Dim
    d: Dim
    sums: Dim
    d_of: dict[str, Dim] = field(default_factory=dict)
    sum_of: dict[str, Dim] = field(default_factory=dict)
    outers: tuple[OuterSum, ...] = ()
    widths: dict[str, Dim] = field(default_factory=dict)


def width(node: Node) -> Dim:
    """The elements of a vector; a scalar has one."""
    return node.shape[0] if node.shape else ONE


def sum_of_dims(dims: list[Dim]) -> Dim:
    """One size after the other."""
    return sum(dims, ZERO)
