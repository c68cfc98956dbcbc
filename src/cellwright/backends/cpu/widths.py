"""The sizes of a kernel's arrays as numbers, worked out once for each set of sizes. Floor 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from torch import Tensor

from cellwright.backends.cpu.emit import Program
from cellwright.compiler.dims import Dim


@dataclass(frozen=True)
class Outer:
    """A sum of outer products: its gradient [rows, columns], the place of the first sum into the same
    gradient, the matrices' names and their rows."""

    rows: int
    columns: int
    first: int
    names: tuple[str, ...]
    pieces: tuple[int, ...]


@dataclass(frozen=True)
class Widths:
    """Reals per row of every array; `work`: multiply-adds per step and sequence; `sums`: the vectors whose
    gradients lie side by side, and their sizes; `letters`: the sizes as the kernel is told them."""

    letters: tuple[int, ...]
    states: tuple[int, ...]
    seen: tuple[int, ...]
    feeds: tuple[int, ...]
    kept: int
    d: int
    total: int
    sums: tuple[tuple[str, ...], tuple[int, ...]]
    scratch: Mapping[str, int]
    outers: tuple[Outer, ...]
    work: int


def widths(program: Program, sizes: Mapping[str, int]) -> Widths:
    """Every width, from the letters' values."""
    made = program.recurrence

    def number(dim: Dim) -> int:
        return dim.evaluate(sizes)

    first: dict[tuple[tuple[str, Dim], ...], int] = {}
    outers = []
    for k, o in enumerate(made.outers):
        if o.first:
            first[o.targets] = k
        columns = number(o.width) // number(o.blocks)
        names, pieces = zip(*((name, number(rows)) for name, rows in o.targets), strict=True)
        outers.append(Outer(number(o.size), columns, first[o.targets], names, pieces))
    ends = [*(number(start) for start in made.sum_of.values()), number(made.sums)]
    return Widths(
        tuple(sizes[letter] for letter in program.letters),
        tuple(number(made.widths[n.name]) for n in program.hoisted.step.states),
        tuple(number(size) for name, size in made.widths.items() if name.startswith(".seen")),
        tuple(number(b.width) for b in made.blocks),
        number(made.kept),
        number(made.d),
        number(made.sums),
        (tuple(made.sum_of), tuple(end - start for start, end in pairwise(ends))),
        {e.name: number(e.scratch) for e in program.entries},
        tuple(outers),
        sum(o.rows * o.columns for o in outers),
    )


@dataclass(frozen=True)
class Source:
    """Where a letter's value stands: axis -`axis` of a tensor is `factor` times it."""

    letter: str
    tensor: int
    axis: int
    factor: Fraction


def sources(shapes: Iterable[tuple[Dim, ...]]) -> tuple[Source, ...]:
    """The first place of every letter among tensors of these shapes, counted from the last axis."""
    found: dict[str, Source] = {}
    for k, shape in enumerate(shapes):
        for axis, dim in enumerate(reversed(shape), start=1):
            if len(dim.terms) == 1 and dim.terms[0][0] and dim.terms[0][0] not in found:
                letter, factor = dim.terms[0]
                found[letter] = Source(letter, k, axis, factor)
    return tuple(found.values())


def read_sizes(
    found: tuple[Source, ...], letters: tuple[str, ...], tensor: Callable[[int], Tensor]
) -> dict[str, int]:
    """The letters' values; one that no tensor tells is 0."""
    sizes = dict.fromkeys(letters, 0)
    for s in found:
        size = tensor(s.tensor).shape[-s.axis]
        sizes[s.letter] = size if s.factor == 1 else int(size / s.factor)
    return sizes
