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

from cellwright.backends.cpu.emit import Entry, Program, emit
from cellwright.backends.cpu.loops import NUMBERS
from cellwright.backends.cpu.memory import BLOCKS
from cellwright.backends.cpu.names import field, word
from cellwright.backends.cpu.toolchain import library
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Graph

_HERE = Path(__file__).parent
SMALL = 200_000
# The rows of a chunk per thread. Forward, the feeds should stay in the second cache; back, each chunk adds to
# every gradient of a matrix once, which must not weigh.
FORWARD_ROWS = 64
BACKWARD_ROWS = 256


@dataclass(frozen=True)
class Given:
    """The tensors of one call, in the program's order.

    operands: [T, B, K] per feed block; matrices and biases per feed; inputs [T, B, size] and weights that the
    step reads itself; starts [B, size] per state; lengths [B] int64 or None.
    """

    operands: tuple[Tensor, ...]
    matrices: tuple[Tensor, ...]
    biases: tuple[Tensor | None, ...]
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    starts: tuple[Tensor, ...]
    lengths: Tensor | None


@dataclass(frozen=True)
class Kept:
    """What the way back needs: histories of the states [T, B, size] (the first is y), feeds, other values."""

    histories: tuple[Tensor, ...]
    feeds: tuple[Tensor, ...]
    kept: Tensor


class Kernel:
    """A built program for one type of numbers."""

    def __init__(self, graph: Graph, dtype: torch.dtype) -> None:
        self.program = emit(graph)
        self.dtype = dtype
        defines = ("-DDOUBLE",) if dtype == torch.float64 else ()
        built = library(_prelude() + self.program.text, word(graph.name), defines)
        self.forward, self.backward = built.forward, built.backward
        self.needs = {"forward": built.forward_needs, "backward": built.backward_needs}
        self.run = _pool().run
        step = self.program.hoisted.step
        self.nodes = {(n.op, n.name): n for n in step.nodes}
        self.inputs = [o.name for o in self.program.hoisted.outside if o.kind == "input"]
        self.weights = [o.name for o in self.program.hoisted.outside if o.kind == "parameter"]
        self.states = [n.name for n in step.states]


@lru_cache(maxsize=256)
def kernel(graph: Graph, dtype: torch.dtype) -> Kernel:
    """The built program of a graph; ToolchainError when it cannot be built."""
    return Kernel(graph, dtype)


@lru_cache(maxsize=1)
def _prelude() -> str:
    return "".join((_HERE / name).read_text() for name in ("vector.h", "product.h", "gradient.h"))


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


def forward(k: Kernel, given: Given, keep: bool) -> tuple[Tensor, tuple[Tensor, ...], Kept]:
    """y [T, B, size], the last states [B, size], and what the way back needs."""
    steps, batch = extent(given)
    sizes, like = sizes_of(k.program, given), given.starts[0]
    made = k.program.recurrence
    ragged = given.lengths is not None
    chunk = _chunk(steps, batch, FORWARD_ROWS * _threads(k, given, sizes))
    count = steps if keep else min(steps, 2)
    # What stands past a sequence's end is a number: y is 0 there.
    histories = tuple(
        _new((steps if n == 0 else count, batch, start.shape[-1]), like, ragged and n == 0)
        for n, start in enumerate(given.starts)
    )
    held = steps if keep else min(chunk, steps)
    feeds = tuple(_new((held, batch, b.width.evaluate(sizes)), like) for b in made.blocks)
    kept = _new((steps, batch, made.kept.evaluate(sizes)) if keep else (0,), like)
    last = tuple(torch.empty_like(s, memory_format=torch.contiguous_format) for s in given.starts)
    arrays = _common(k, given, feeds, histories, kept)
    arrays |= {f"{word(s)}_last": v for s, v in zip(k.states, last, strict=False)}
    _call(k, k.program.forward, arrays, given, sizes, (chunk, keep))
    nothing = tuple(like.new_empty(0) for _ in feeds)
    return histories[0], last, Kept(histories, feeds if keep else nothing, kept)


@dataclass(frozen=True)
class Found:
    """What the way back gives; None where it was not wanted. `outers`: [size, width] in the program's order;
    `sums`: gradients of vectors side by side; `inputs`: by name."""

    operands: tuple[Tensor | None, ...]
    outers: tuple[Tensor | None, ...]
    inputs: dict[str, Tensor]
    sums: Tensor
    starts: tuple[Tensor, ...]


def backward(
    k: Kernel,
    given: Given,
    saved: Kept,
    seeds: tuple[Tensor, tuple[Tensor, ...]],
    wanted: tuple[Sequence[bool], Sequence[bool]],
) -> Found:
    """From the gradients of y and of the last states (`seeds`) to all others; `wanted`: which operands' and
    which sums of outer products."""
    made = k.program.recurrence
    steps, batch = extent(given)
    like, sizes = given.starts[0], sizes_of(k.program, given)
    ragged, threads = given.lengths is not None, _threads(k, given, sizes)
    left = tuple(torch.empty_like(s, memory_format=torch.contiguous_format) for s in given.starts)
    operands = tuple(
        _new(tuple(v.shape), like, ragged) if w else None
        for v, w in zip(given.operands, wanted[0], strict=True)
    )
    outers = _outers(k, sizes, like, wanted[1])
    plain = dict(zip(k.inputs, given.inputs, strict=False))
    inputs = {n: _new(tuple(v.shape), like, ragged) for n, v in plain.items()}
    totals = torch.empty((threads, made.sums.evaluate(sizes)), dtype=torch.float64)
    chunk = _chunk(steps, batch, BACKWARD_ROWS * threads)
    arrays = _common(k, given, saved.feeds, saved.histories, saved.kept)
    arrays |= {"d": _new((chunk, batch, made.d.evaluate(sizes)), like), "dy": seeds[0].contiguous()}
    arrays |= {"totals": totals, "sums": like.new_empty(totals.shape)}
    arrays |= {f"d_operand_{n}": v for n, v in enumerate(operands)}
    arrays |= {f"outer_{n}": v for n, v in enumerate(outers)}
    arrays |= {field(f".d {n}"): v for n, v in inputs.items()}
    for name, from_later, to_start in zip(k.states, seeds[1], left, strict=False):
        arrays[f"given_{word(name)}"] = from_later.contiguous()
        arrays[f"left_{word(name)}"] = to_start
        arrays[f"carry_{word(name)}"] = like.new_empty((2, *to_start.shape))
    _call(k, k.program.backward, arrays, given, sizes, (chunk, True))
    return Found(operands, outers, inputs, totals.sum(0).to(like.dtype), left)


def _outers(
    k: Kernel, sizes: dict[str, int], like: Tensor, wanted: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """Where the gradients of matrices go: the later sums of one matrix share the first one's."""
    found: list[Tensor | None] = []
    place: dict[tuple[tuple[str, Dim], ...], Tensor | None] = {}
    for outer, want in zip(k.program.recurrence.outers, wanted, strict=True):
        if outer.first:
            rows, columns = outer.size.evaluate(sizes), outer.width.evaluate(sizes)
            columns //= outer.blocks.evaluate(sizes)
            place[outer.targets] = like.new_empty((rows, columns)) if want else None
        found.append(place[outer.targets])
    return tuple(found)


def _new(shape: tuple[int, ...], like: Tensor, zero: bool = False) -> Tensor:
    made = BLOCKS.take(shape, like.dtype)
    return made.zero_() if zero else made


def _chunk(steps: int, batch: int, rows: int) -> int:
    """How many steps go together, a power of two: about so many rows in all."""
    chunk = 1
    while chunk * batch < rows and chunk < steps:
        chunk *= 2
    return chunk


def _common(
    k: Kernel, given: Given, feeds: tuple[Tensor, ...], histories: tuple[Tensor, ...], kept: Tensor
) -> dict[str, Tensor | None]:
    """Arrays that both ways read."""
    arrays = {field(b.array): v for b, v in zip(k.program.recurrence.blocks, feeds, strict=False)}
    arrays |= {f"operand_{n}": v.contiguous() for n, v in enumerate(given.operands)}
    arrays |= {f"matrix_{n}": v.contiguous() for n, v in enumerate(given.matrices)}
    arrays |= {f"bias_{n}": v.contiguous() for n, v in enumerate(given.biases) if v is not None}
    arrays |= {word(n): v.contiguous() for n, v in zip(k.inputs, given.inputs, strict=False)}
    arrays |= {word(n): v.contiguous() for n, v in zip(k.weights, given.weights, strict=False)}
    arrays |= {f"{word(n)}_0": v.contiguous() for n, v in zip(k.states, given.starts, strict=False)}
    arrays |= {word(n): v for n, v in zip(k.states, histories, strict=False)}
    return {**arrays, "kept": kept}


def _call(
    k: Kernel,
    entry: Entry,
    arrays: dict[str, Tensor | None],
    given: Given,
    sizes: dict[str, int],
    how: tuple[int, bool],
) -> None:
    """`how`: steps per chunk, and whether what the way back needs is kept."""
    steps, batch = extent(given)
    (chunk, keep), like = how, given.starts[0]
    threads = _threads(k, given, sizes)
    rows, lengths = _order(given, threads)
    numbers = (ctypes.c_int64 * (len(NUMBERS) + len(k.program.letters)))(
        *(steps, batch, -1 if keep else 1, int(keep), threads, chunk, -1 if keep else chunk - 1),
        *(sizes[letter] for letter in k.program.letters),
    )
    pointers = (ctypes.c_void_p * (2 + len(entry.arrays)))()
    pointers[0], pointers[1] = rows.data_ptr(), None if lengths is None else lengths.data_ptr()
    needs = (ctypes.c_int64 * 3)()
    k.needs[entry.name](numbers, pointers, needs)
    arrays["scratch"] = like.new_empty(batch * entry.scratch.evaluate(sizes))
    arrays["panels"] = _new((needs[0],), like)
    arrays["piles"], arrays["room"] = _new((threads * needs[1],), like), _new((threads * needs[2],), like)
    arrays["marks"] = torch.empty(chunk * batch, dtype=torch.int32)
    for place, name in enumerate(entry.arrays):
        value = arrays[name]
        pointers[place + 2] = None if value is None else value.data_ptr()
    (k.forward if entry.name == "forward" else k.backward)(numbers, pointers, k.run)


def extent(given: Given) -> tuple[int, int]:
    timed = given.operands[0] if given.operands else given.inputs[0]
    return timed.shape[0], timed.shape[1]


def _order(given: Given, threads: int) -> tuple[Tensor, Tensor | None]:
    """The rows as threads take them, each its longest first."""
    batch = given.starts[0].shape[0]
    if given.lengths is None:
        return torch.arange(batch, dtype=torch.int32), None
    order = given.lengths.argsort(descending=True, stable=True).to(torch.int32)
    bounds = [batch * part // threads for part in range(threads + 1)]
    pieces = _dealt(order, bounds) if threads > 1 else [order]
    return torch.cat(pieces), given.lengths.contiguous()


def _dealt(order: Tensor, bounds: list[int]) -> list[Tensor]:
    """Long and short sequences shared out evenly: thread p gets every n-th, and the counts of `bounds`."""
    threads = len(bounds) - 1
    hands: list[list[int]] = [[] for _ in range(threads)]
    room = [bounds[p + 1] - bounds[p] for p in range(threads)]
    turn = 0
    for row in order.tolist():
        while len(hands[turn % threads]) == room[turn % threads]:
            turn += 1
        hands[turn % threads].append(row)
        turn += 1
    return [torch.tensor(hand, dtype=torch.int32) for hand in hands]


def _threads(k: Kernel, given: Given, sizes: dict[str, int]) -> int:
    steps, batch = extent(given)
    work = steps * batch * max(1, sum(w.numel() for w in given.weights))
    return 1 if work < SMALL else max(1, min(torch.get_num_threads(), batch))


def sizes_of(program: Program, given: Given) -> dict[str, int]:
    """The letters' values, from the tensors' shapes."""
    sizes: dict[str, int] = {}
    step = program.hoisted.step
    seen: list[tuple[Dim, int]] = []
    for node, start in zip(step.states, given.starts, strict=False):
        seen += zip(node.shape, start.shape[-1:], strict=False)
    graph = program.hoisted.graph
    for block, operand in zip(program.recurrence.blocks, given.operands, strict=False):
        node = graph.nodes[program.hoisted.feeds[block.feeds[0]].operand]
        seen += zip(node.shape, operand.shape[-1:], strict=False)
    for feed, matrix in zip(program.hoisted.feeds, given.matrices, strict=False):
        seen += zip(graph.nodes[feed.matrix].shape, matrix.shape, strict=False)
    outside = [
        graph.nodes[o.position]
        for kind in ("input", "parameter")
        for o in program.hoisted.outside
        if o.kind == kind
    ]
    for node, value in zip(outside, (*given.inputs, *given.weights), strict=False):
        seen += zip(reversed(node.shape), reversed(value.shape), strict=False)
    for dim, size in seen:
        if len(dim.terms) == 1 and dim.terms[0][0]:
            letter, factor = dim.terms[0]
            sizes.setdefault(letter, int(size / factor))
    return sizes | {letter: 0 for letter in program.letters if letter not in sizes}
