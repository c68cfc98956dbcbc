"""Whether programs can share a row's units: none reads another's, or only its own block's. Floor 2."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.compiler.dims import Dim
from cellwright.compiler.inner_ops import ALL, ANY_LEAF
from cellwright.compiler.places import Routine
from cellwright.compiler.simplify import read_by


@dataclass(frozen=True)
class Split:
    """The one size of every vector, and the number of blocks it falls into (None: into any pieces)."""

    dim: Dim
    blocks: int | None


def split_of(routine: Routine) -> Split | None:
    """How the units of a routine may be shared, or None.

    >>> from cellwright import cells
    >>> from cellwright.compiler.hoist import hoist
    >>> from cellwright.compiler.routine import make_recurrence
    >>> split_of(make_recurrence(hoist(cells.mingru.graph)).forward)
    Split(dim=Dim(terms=(('H', Fraction(1, 1)),)), blocks=None)
    >>> split_of(make_recurrence(hoist(cells.gru.graph)).forward) is None
    True
    """
    roots = [k for k, _ in (*routine.stores, *routine.sums)]
    dims: set[Dim] = set()
    blocks: set[int] = set()
    for k in read_by(routine.nodes, roots):
        node = routine.nodes[k]
        if node.op == "blocks":
            count, high, wide = routine.nodes[node.operands[0]].shape
            if high != wide:
                return None
            blocks.add(int(dict(count.terms)[""]))
        elif node.op not in ANY_LEAF and ALL[node.op].kind != "pointwise" and len(node.shape) < 2:
            return None
        if len(node.shape) == 1:
            dims.add(node.shape[0])
    alone = any(routine.nodes[k].shape == () for k in roots)
    if len(dims) != 1 or len(blocks) > 1 or alone:
        return None
    return Split(dims.pop(), blocks.pop() if blocks else None)
