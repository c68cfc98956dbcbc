"""Running an emitted program on tensors. Floor 2.

All here is plain computation without autograd: `function` gives it derivatives.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from cellwright.backends.cpu.emit import emit
from cellwright.backends.cpu.memory import BLOCKS
from cellwright.backends.cpu.names import field, word
from cellwright.backends.cpu.rows import order
from cellwright.backends.cpu.toolchain import library
from cellwright.backends.cpu.ways import Run, Way
from cellwright.backends.cpu.widths import Widths, read_sizes, sources, widths
from cellwright.compiler.graph import Graph

_HERE = Path(__file__).parent
SMALL = 200_000
# The rows of a chunk per thread. Forward, the feeds should stay in the second cache; back, each chunk adds to
# every gradient of a matrix once, which must not weigh.
FORWARD_ROWS = 64
BACKWARD_ROWS = 256
# Weights of this many bytes would be read past one thread's second cache at every step: when its rows are
# fewer than this, threads share the units and wait for each other. On 2 cores with 512 kB each that took 0.82
# of the time at (50, 8, 1024, 1024), 0.8 at one row, 1.0 at (35, 20, 650, 650), 1.04 at (200, 32, 256, 512);
# and a thread that somebody keeps from running holds up the others.
LARGE = 2 << 20
TOGETHER_ROWS = 8


@dataclass(frozen=True)
class Given:
    """The tensors of one call, in the program's order.

    operands: [T, B, K] per feed block; matrices and biases per feed; inputs [T, B, size] and weights that the
    step reads itself; starts [B, size] per state; lengths [B] int64 or None; resets [T, B] bool or None, and
    with them a fresh [B, size] per state (else none).
    """

    operands: tuple[Tensor, ...]
    matrices: tuple[Tensor, ...]
    biases: tuple[Tensor | None, ...]
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    starts: tuple[Tensor, ...]
    fresh: tuple[Tensor, ...]
    lengths: Tensor | None
    resets: Tensor | None


@dataclass(frozen=True)
class Kept:
    """What the way back needs: histories of the states [T, B, size] (the first is y), feeds, other values."""

    histories: tuple[Tensor, ...]
    feeds: tuple[Tensor, ...]
    kept: Tensor


class Kernel:
    """A built program for one type of numbers; `defines`: further macros, see `toolchain.bfloat16_macros`."""

    def __init__(
        self, graph: Graph, dtype: torch.dtype, record: tuple[str, ...], defines: tuple[str, ...]
    ) -> None:
        self.program = emit(graph, record)
        self.dtype, self.record = dtype, record
        defines = ("-DDOUBLE",) if dtype == torch.float64 else defines
        built = library(_prelude() + self.program.text, word(graph.name), defines)
        self.team = _pool().run, _pool().run_together
        hoisted = self.program.hoisted
        self.inputs = [o.name for o in hoisted.outside if o.kind == "input"]
        self.weights = [o.name for o in hoisted.outside if o.kind == "parameter"]
        self.states = [n.name for n in hoisted.step.states]
        self.feeds = [f.name for f in hoisted.feeds]
        nodes = hoisted.graph.nodes
        blocks = self.program.recurrence.blocks
        self._shapes = sources(
            [
                *(n.shape for n in hoisted.step.states),
                *(nodes[hoisted.feeds[b.feeds[0]].operand].shape for b in blocks),
                *(nodes[f.matrix].shape for f in hoisted.feeds),
                *(
                    nodes[o.position].shape
                    for kind in ("input", "parameter")
                    for o in hoisted.outside
                    if o.kind == kind
                ),
            ]
        )
        names = _Names(self)
        self.ways = {
            e.name: Way(e.name, built, e.arrays, names.forward if e.name == "forward" else names.backward)
            for e in self.program.entries
        }
        self._widths: dict[tuple[int, ...], Widths] = {}

    def widths(self, given: Given) -> Widths:
        """The widths of all arrays for these tensors."""
        tensors = (*given.starts, *given.operands, *given.matrices, *given.inputs, *given.weights)
        sizes = read_sizes(self._shapes, self.program.letters, tensors.__getitem__)
        key = tuple(sizes.values())
        if key not in self._widths:
            self._widths[key] = widths(self.program, sizes)
        return self._widths[key]


class _Names:
    """What the arrays of a program are called, in the order in which both ways hand them over."""

    def __init__(self, k: Kernel) -> None:
        made = k.program.recurrence
        blocks, feeds, states = range(len(made.blocks)), range(len(k.feeds)), [word(n) for n in k.states]
        common = [
            "kept",
            *(field(b.array) for b in made.blocks),
            *states,
            *(f"operand_{n}" for n in blocks),
            *(f"matrix_{n}" for n in feeds),
            *(f"bias_{n}" for n in feeds),
            *(word(n) for n in (*k.inputs, *k.weights)),
            *(f"{name}_0" for name in states),
            *(f"{name}_fresh" for name in states),
        ]
        self.forward = [
            *common,
            *(f"{name}_last" for name in states),
            *(field(f".seen {n}") for n in k.record),
        ]
        self.backward = [
            *common,
            *("d", "dy", "totals", "sums"),
            *(f"d_operand_{n}" for n in blocks),
            *(f"outer_{n}" for n in range(len(made.outers))),
            *(field(f".d {n}") for n in k.inputs),
            *(f"{end}_{name}" for end in ("left", "given", "carry", "left_fresh") for name in states),
        ]


@lru_cache(maxsize=256)
def kernel(
    graph: Graph, dtype: torch.dtype, record: tuple[str, ...] = (), defines: tuple[str, ...] = ()
) -> Kernel:
    """The built program of a graph; ToolchainError when it cannot be built. `record`: see `emit`."""
    return Kernel(graph, dtype, record, defines)


@lru_cache(maxsize=1)
def _prelude() -> str:
    return "".join((_HERE / name).read_text() for name in ("vector.h", "half.h", "product.h", "gradient.h"))


@lru_cache(maxsize=1)
def _pool() -> ctypes.CDLL:
    """The threads. torch's own OpenMP team does the work where it can be found (GNU's entry, which LLVM's and
    Intel's runtimes offer too)."""
    pool = library((_HERE / "pool.cpp").read_text(), "pool")
    process = ctypes.CDLL(None)
    names = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
    if all(hasattr(process, name) for name in names):
        pool.use_team(*(getattr(process, name) for name in names))
    return pool


def run_of(given: Given, w: Widths) -> Run:
    """The cut of a call: see FORWARD_ROWS."""
    timed = given.operands[0] if given.operands else given.inputs[0]
    steps, batch = timed.shape[0], timed.shape[1]
    threads = 1 if steps * batch * w.work < SMALL else max(1, torch.get_num_threads())
    together = threads > 1 and _together(batch, threads, w, given.starts[0].element_size())
    threads = threads if together else min(threads, batch)
    alone = 1 if together else threads
    return Run(
        *(steps, batch, threads, together),
        _chunk(steps, batch, FORWARD_ROWS * alone),
        _chunk(steps, batch, BACKWARD_ROWS * alone),
    )


def _together(batch: int, threads: int, w: Widths, size: int) -> bool:
    """Whether threads share units rather than rows."""
    few = batch < threads * TOGETHER_ROWS
    return few and w.work * size >= LARGE


def _chunk(steps: int, batch: int, rows: int) -> int:
    """How many steps go together, a power of two: about so many rows in all."""
    chunk = 1
    while chunk * batch < rows and chunk < steps:
        chunk *= 2
    return chunk


@dataclass(frozen=True)
class Results:
    """y [T, B, size], the last states [B, size], what the way back needs, recorded values [T, B, size]."""

    y: Tensor
    last: tuple[Tensor, ...]
    kept: Kept
    seen: tuple[Tensor, ...]


def forward(k: Kernel, given: Given, keep: bool, into: Tensor | None = None) -> Results:
    """Run over all steps; with `keep` the way back can follow. `into`: where y is written."""
    w = k.widths(given)
    run, like, ragged = run_of(given, w), given.starts[0], given.lengths is not None
    steps, batch = run.steps, run.batch
    count = steps if keep else min(steps, 2)
    # What stands past a sequence's end is a number: y is 0 there.
    y = _new((steps, batch, w.states[0]), like) if into is None else into
    if ragged:
        y.zero_()
    histories = (y, *(_new((count, batch, size), like) for size in w.states[1:]))
    held = steps if keep else min(run.forward, steps)
    feeds = tuple(_new((held, batch, size), like) for size in w.feeds)
    kept = _new((steps, batch, w.kept) if keep else (0,), like)
    last = tuple(like.new_empty((batch, size)) for size in w.states)
    seen = tuple(_new((steps, batch, size), like, ragged) for size in w.seen)
    _call(
        k.ways["forward"], k, given, (*_common(given, feeds, histories, kept), *last, *seen), (run, w, keep)
    )
    saved = Kept(histories, feeds if keep else tuple(like.new_empty(0) for _ in feeds), kept)
    return Results(y, last, saved, seen)


@dataclass(frozen=True)
class Found:
    """What the way back gives; None where it was not wanted. `outers`: [rows, columns] in the program's
    order; `sums`: gradients of vectors side by side."""

    operands: tuple[Tensor | None, ...]
    outers: tuple[Tensor | None, ...]
    inputs: tuple[Tensor, ...]
    sums: Tensor
    starts: tuple[Tensor, ...]
    fresh: tuple[Tensor, ...]


def backward(
    k: Kernel,
    given: Given,
    w: Widths,
    saved: Kept,
    seeds: tuple[Tensor, tuple[Tensor, ...]],
    wanted: tuple[Sequence[bool], Sequence[bool]],
) -> Found:
    """From the gradients of y and of the last states (`seeds`) to all others; `wanted`: which operands' and
    which sums of outer products; `w`: the widths for what is given."""
    run, like, ragged = run_of(given, w), given.starts[0], given.lengths is not None
    left = tuple(like.new_empty((run.batch, size)) for size in w.states)
    operands = tuple(
        _new(tuple(v.shape), like, ragged) if want else None
        for v, want in zip(given.operands, wanted[0], strict=True)
    )
    outers: list[Tensor | None] = []
    for n, (o, want) in enumerate(zip(w.outers, wanted[1], strict=True)):
        own = _new((o.rows, o.columns), like) if want and o.first == n else None
        outers.append(own if o.first == n else outers[o.first])
    inputs = tuple(_new(tuple(v.shape), like, ragged) for v in given.inputs)
    fresh = tuple(like.new_zeros((run.batch, v.shape[-1])) for v in given.fresh)
    totals = torch.empty((run.threads, w.total), dtype=torch.float64)
    d, sums = _new((run.backward, run.batch, w.d), like), like.new_empty(totals.shape)
    carries = (like.new_empty((2, run.batch, size)) for size in w.states)
    values = (
        *_common(given, saved.feeds, saved.histories, saved.kept),
        *(d, _row_major(seeds[0]), totals, sums, *operands, *outers, *inputs),
        *(*left, *(_row_major(v) for v in seeds[1]), *carries, *(fresh or [None] * len(left))),
    )
    _call(k.ways["backward"], k, given, values, (run, w, True))
    found = (totals[0] if run.threads == 1 else totals.sum(0)).to(like.dtype)
    return Found(operands, tuple(outers), inputs, found, left, fresh)


def _new(shape: tuple[int, ...], like: Tensor, zero: bool = False) -> Tensor:
    made = BLOCKS.take(shape, like.dtype)
    return made.zero_() if zero else made


def _row_major(v: Tensor) -> Tensor:
    return v if v.is_contiguous() else _new(tuple(v.shape), v).copy_(v)


def _common(
    given: Given, feeds: tuple[Tensor, ...], histories: tuple[Tensor, ...], kept: Tensor
) -> list[Tensor | None]:
    """Arrays that both ways read."""
    read = (*given.operands, *given.matrices, *given.biases, *given.inputs, *given.weights, *given.starts)
    fresh = given.fresh or [None] * len(given.starts)
    rows = (None if v is None else _row_major(v) for v in (*read, *fresh))
    return [kept, *feeds, *histories, *rows]


def _call(
    way: Way,
    k: Kernel,
    given: Given,
    values: Sequence[Tensor | None],
    how: tuple[Run, Widths, bool],
) -> None:
    """`how`: the cut, the widths, and whether what the way back needs is kept."""
    run, like = how[0], given.starts[0]
    rows, lengths = order(given.lengths, run.batch, 1 if run.together else run.threads)
    resets = None if given.resets is None else given.resets.contiguous()
    way.run(way.layout(*how), (rows, lengths, resets), values, like, (*k.team, run.together))
