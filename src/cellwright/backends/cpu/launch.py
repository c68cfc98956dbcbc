"""Running an emitted program on tensors: the hoisted products, then the kernel. Floor 2.

All here is plain computation without autograd: `function` gives it derivatives.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from cellwright.backends.cpu.emit import NUMBERS, Entry, Program, emit
from cellwright.backends.cpu.names import field, word
from cellwright.backends.cpu.toolchain import library
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Graph
from cellwright.compiler.places import FeedBlock

_HERE = Path(__file__).parent
SMALL = 200_000


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
        self.panels = {"forward": built.forward_panels, "backward": built.backward_panels}
        for panels in self.panels.values():
            panels.restype = ctypes.c_int64
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
    return (_HERE / "vector.h").read_text() + (_HERE / "product.h").read_text()


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
    like = given.starts[0]
    sizes = sizes_of(k.program, given)
    feeds = tuple(feed_of(k.program, block, given) for block in k.program.recurrence.blocks)
    # What stands past a sequence's end meets a gradient of 0 in the products after the loop: a number, then.
    new = like.new_zeros if given.lengths is not None else like.new_empty
    count = steps if keep else min(steps, 2)
    histories = tuple(
        new((steps if n == 0 else count, batch, start.shape[-1])) for n, start in enumerate(given.starts)
    )
    kept = new((steps, batch, k.program.recurrence.kept.evaluate(sizes)) if keep else 0)
    last = tuple(torch.empty_like(s, memory_format=torch.contiguous_format) for s in given.starts)
    arrays = _common(k, given, feeds, histories, kept)
    arrays |= {f"{word(s)}_last": v for s, v in zip(k.states, last, strict=False)}
    _call(k, k.program.forward, arrays, given, sizes, keep)
    return histories[0], last, Kept(histories, feeds, kept)


def backward(
    k: Kernel, given: Given, saved: Kept, dy: Tensor, given_last: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """What the loop itself finds, from the gradients of y and of the last states: those of every feed (and of
    other products) [T, B, width], the sums over all rows, and those of the initial states."""
    made = k.program.recurrence
    steps, batch = extent(given)
    like, sizes = given.starts[0], sizes_of(k.program, given)
    new = like.new_zeros if given.lengths is not None else like.new_empty
    d = new((steps, batch, made.d.evaluate(sizes)))
    left = tuple(torch.empty_like(s, memory_format=torch.contiguous_format) for s in given.starts)
    threads, width = _threads(k, given, sizes), made.sums.evaluate(sizes)
    totals = torch.empty((threads, width), dtype=torch.float64)
    arrays = _common(k, given, saved.feeds, saved.histories, saved.kept)
    arrays |= {"d": d, "dy": dy.contiguous(), "totals": totals, "sums": like.new_empty((threads, width))}
    for name, from_later, to_start in zip(k.states, given_last, left, strict=False):
        arrays[f"given_{word(name)}"] = from_later.contiguous()
        arrays[f"left_{word(name)}"] = to_start
        arrays[f"carry_{word(name)}"] = like.new_empty((2, *to_start.shape))
    _call(k, k.program.backward, arrays, given, sizes, True)
    return d, totals.sum(0).to(like.dtype), left


def _common(
    k: Kernel, given: Given, feeds: tuple[Tensor, ...], histories: tuple[Tensor, ...], kept: Tensor
) -> dict[str, Tensor]:
    """Arrays that both ways read."""
    arrays = {field(b.array): v for b, v in zip(k.program.recurrence.blocks, feeds, strict=False)}
    arrays |= {word(n): v.contiguous() for n, v in zip(k.inputs, given.inputs, strict=False)}
    arrays |= {word(n): v.contiguous() for n, v in zip(k.weights, given.weights, strict=False)}
    arrays |= {f"{word(n)}_0": v.contiguous() for n, v in zip(k.states, given.starts, strict=False)}
    arrays |= {word(n): v for n, v in zip(k.states, histories, strict=False)}
    return arrays | {"kept": kept}


def _call(
    k: Kernel, entry: Entry, arrays: dict[str, Tensor], given: Given, sizes: dict[str, int], keep: bool
) -> None:
    steps, batch = extent(given)
    threads = _threads(k, given, sizes)
    arrays["scratch"] = given.starts[0].new_empty(batch * entry.scratch.evaluate(sizes))
    rows, lengths = _order(given, threads)
    ring = -1 if keep else 1
    numbers = (ctypes.c_int64 * (len(NUMBERS) + len(k.program.letters)))(
        steps, batch, ring, int(keep), threads, *(sizes[letter] for letter in k.program.letters)
    )
    pointers = (ctypes.c_void_p * (2 + len(entry.arrays)))()
    pointers[0], pointers[1] = rows.data_ptr(), None if lengths is None else lengths.data_ptr()
    arrays["panels"] = given.starts[0].new_empty(k.panels[entry.name](numbers, pointers))
    for place, name in enumerate(entry.arrays):
        pointers[place + 2] = arrays[name].data_ptr()
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


def feed_of(program: Program, block: FeedBlock, given: Given) -> Tensor:
    """All products of one operand at once: [T, B, K] -> [T, B, width]."""
    place = [b.array for b in program.recurrence.blocks].index(block.array)
    operand = given.operands[place]
    steps, batch, _ = operand.shape
    matrices = [given.matrices[f] for f in block.feeds]
    biases = [given.biases[f] for f in block.feeds]
    rows = operand.reshape(steps * batch, -1)
    if matrices[0].dim() == 3:
        feed = torch.einsum("npq,rnq->rnp", matrices[0], rows.reshape(-1, *matrices[0].shape[::2])).flatten(1)
        feed = feed if biases[0] is None else feed + biases[0]
    elif all(b is None for b in biases):
        feed = rows @ joined(matrices).T
    else:
        pairs = zip(biases, matrices, strict=True)
        whole = [m.new_zeros(m.shape[0]) if b is None else b for b, m in pairs]
        feed = torch.addmm(joined(whole), rows, joined(matrices).T)
    return feed.view(steps, batch, -1)


def joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat(tensors) if len(tensors) > 1 else tensors[0]
