"""Running an emitted program on tensors. Floor 2.

All here is plain computation without autograd: `function` gives it derivatives. Nothing here imports Triton
but the emitted module itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from cellwright.backends.cpu.launch import Given, Kept
from cellwright.backends.cpu.widths import Widths, widths
from cellwright.backends.eager import batched
from cellwright.backends.triton import joint_launch, scan
from cellwright.backends.triton.emit import Program, emit
from cellwright.backends.triton.joint import Joint
from cellwright.backends.triton.names import field, word
from cellwright.backends.triton.sizes import layout, on_chip, threads
from cellwright.backends.triton.source import interpreted, module
from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.places import FeedBlock


class KernelError(Exception):
    """A bare fact: why a kernel could not be launched, and where its text is. `room`: it asks for more of a
    processor than there is, so that a smaller one of the same cell may still run."""

    def __init__(self, said: str, room: bool = False) -> None:
        super().__init__(said)
        self.room = room


class Kernel:
    """A program for one cell; its module is loaded when first asked for."""

    def __init__(self, graph: Graph, record: tuple[str, ...], held: bool, joint: bool) -> None:
        self.program, self.graph, self.record = emit(graph, record, held, joint), graph, record
        hoisted = self.program.base.hoisted
        self.inputs = [o.name for o in hoisted.outside if o.kind == "input"]
        self.weights = [o.name for o in hoisted.outside if o.kind == "parameter"]
        self.states = [n.name for n in hoisted.step.states]
        self.feeds = [f.name for f in hoisted.feeds]
        # Why it is not tried again, by type and sizes.
        self.failed: dict[tuple[torch.dtype, tuple[int, ...]], KernelError] = {}

    def give_up(self, how: How, fact: KernelError) -> None:
        """Say once that the reference takes over: everything still works, more slowly."""
        self.failed[(how.dtype, tuple(how.sizes.values()))] = fact
        warnings.warn(f"cellwright runs `{self.graph.name}` without its GPU kernel: {fact}", stacklevel=5)

    @property
    def module(self) -> ModuleType:
        """The emitted text as a module: importing it imports Triton."""
        return module(self.program.text, word(self.graph.name))


def kernel(graph: Graph, record: tuple[str, ...] = (), held: bool = True, joint: bool = False) -> Kernel:
    """The program of a graph, made once. `record`, `held`, `joint`: see `emit`."""
    return _kernel(graph, record, held, joint)


@lru_cache(maxsize=256)
def _kernel(graph: Graph, record: tuple[str, ...], held: bool, joint: bool) -> Kernel:
    return Kernel(graph, record, held, joint)


@dataclass(frozen=True)
class How:
    """One call: the letters' sizes, the type of stored values and that of products' operands, how products of
    float32 are done, parts of time and the steps of each; the layout of each kernel whose programs share the
    units."""

    sizes: Mapping[str, int]
    widths: Widths
    dtype: torch.dtype
    held: torch.dtype
    precision: str
    steps: int
    batch: int
    parts: int
    span: int
    joint: Mapping[str, Joint] | None = None

    @property
    def real(self) -> torch.dtype:
        """The type that states and sums are kept in."""
        return torch.float64 if self.dtype == torch.float64 else torch.float32


def how_of(
    k: Kernel,
    given: Given,
    sizes: Mapping[str, int],
    half: torch.dtype | None = None,
    joint: Mapping[str, Joint] | None = None,
) -> How:
    """How a call is run. `half`: see `Call`; `joint`: see `How`."""
    timed = given.operands[0] if given.operands else given.inputs[0]
    steps, batch = timed.shape[:2]
    parts, span = scan.parts(k.program, sizes, steps, batch, timed.device)
    single = timed.dtype == torch.float32 and _tf32_is_allowed()
    # Three products of tf32 parts leave an error of 2^-22; one in plain float32 has no tensor cores and,
    # unrolled, takes the compiler half a minute at 64 units.
    precision = "tf32" if single else "ieee" if interpreted() else "tf32x3"
    held = half if half is not None and timed.dtype == torch.float32 else timed.dtype
    found = widths(k.program.base, sizes)
    return How(sizes, found, timed.dtype, held, precision, steps, batch, parts, span, joint)


def _tf32_is_allowed() -> bool:
    """Whether torch's own products of float32 on a card may be one of tf32. Its older setting cannot be read
    any more where the newer one (torch 2.9) was used."""
    newer = getattr(torch.backends.cuda.matmul, "fp32_precision", None)
    return torch.get_float32_matmul_precision() != "highest" if newer is None else newer == "tf32"


@dataclass(frozen=True)
class Ran:
    """y [T, B, size], the last states [B, size], recorded values [T, B, size], what the way back needs.

    `through`: of a scan, how much of each carried state goes through each part, [parts, B, size].
    """

    y: Tensor
    last: tuple[Tensor, ...]
    seen: tuple[Tensor, ...]
    kept: Kept
    through: tuple[Tensor, ...] = ()


def forward(k: Kernel, given: Given, how: How, keep: bool) -> Ran:
    """Run over all steps; with `keep` the way back can follow."""
    like, shape = given.starts[0], (how.steps, how.batch)
    w = how.widths
    y = like.new_empty((*shape, w.states[0]))
    histories = [like.new_empty((*shape, size) if keep else 0, dtype=how.real) for size in w.states[1:]]
    kept = like.new_empty((*shape, w.kept) if keep else 0)
    feeds = tuple(_feed(k.program, block, given, how) for block in k.program.made.blocks)
    last = [like.new_empty((how.batch, size)) for size in w.states]
    seen = [like.new_empty((*shape, size)) for size in w.seen]
    arrays = _common(k, given, how, feeds, [y, *histories], kept)
    arrays |= {f".last {n}": v for n, v in zip(k.states, last, strict=True)}
    arrays |= {f".seen {n}": v for n, v in zip(k.record, seen, strict=True)}
    starts = {n: v.to(how.real).contiguous() for n, v in zip(k.states, given.starts, strict=True)}
    through: dict[str, Tensor] = {}
    if how.parts > 1:
        starts, through = _starts(k, given, how, arrays, starts)
    arrays |= {f".start {n}": v for n, v in starts.items()}
    if how.joint:
        arrays |= joint_launch.handed(k.program, "forward", starts, how.held, how.real)
        _run_joint(k, "forward", arrays, given, how, keep)
        last = [arrays[f".now {n}"][how.steps % 2].to(like.dtype) for n in k.states]
    else:
        _run(k, "forward", arrays, given, how, {"KEEP": keep, "ENDS": False})
    saved = Kept((y, *histories), feeds if keep else tuple(like.new_empty(0) for _ in feeds), kept)
    return Ran(y, tuple(last), tuple(seen), saved, tuple(through.values()))


def _starts(
    k: Kernel, given: Given, how: How, arrays: dict[str, Tensor], starts: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What stands before every part, [parts, B, size]: each part alone first, then one after the other."""
    own = {n: starts[n].new_empty((how.parts, *starts[n].shape)) for n in _carried(k)}
    through = {n: torch.empty_like(v) for n, v in own.items()}
    more = {f".end {n}": v for n, v in own.items()} | {f".through {n}": v for n, v in through.items()}
    more |= {f".start {n}": v for n, v in starts.items()}
    _run(k, "forward", arrays | more, given, how, {"KEEP": False, "ENDS": True})
    found = {}
    for n, v in starts.items():
        # Of a state that nobody reads only the first matters: a sequence of no step gives it back.
        rest = v.new_zeros((how.parts - 1, *v.shape))
        found[n] = _joined(k, own[n], through[n], v, False) if n in own else torch.cat([v[None], rest])
    return found, through


def _joined(k: Kernel, own: Tensor, through: Tensor, first: Tensor, last_first: bool) -> Tensor:
    found = torch.empty_like(own)
    count, lanes = first.numel(), 128
    arguments = {
        "own_ptr": own, "through_ptr": through, "start_ptr": first, "found_ptr": found,
        "PARTS": own.shape[0], "N": count, "LAST_FIRST": last_first, "LANES": lanes,
    }  # fmt: skip
    with torch.cuda.device_of(own):  # type: ignore[no-untyped-call]
        start(k.module.joined, (-(-count // lanes), 1, 1), arguments, 4)
    return found


def _carried(k: Kernel) -> tuple[str, ...]:
    assert not isinstance(k.program.linear, str)
    return tuple(name for name, _ in k.program.linear.carried)


@dataclass(frozen=True)
class Found:
    """What the kernel's way back gives: the gradients' array [T, B, width], those of inputs, of the first and
    the fresh states, and the sums."""

    d: Tensor
    inputs: dict[str, Tensor]
    sums: Tensor
    starts: tuple[Tensor, ...]
    fresh: tuple[Tensor, ...]


def backward(
    k: Kernel,
    given: Given,
    how: How,
    saved: Ran,
    seeds: tuple[Tensor, tuple[Tensor, ...]],
) -> Found:
    """From the gradients of y and of the last states (`seeds`) to those of one step after the other."""
    like, w = given.starts[0], how.widths
    arrays = _common(k, given, how, saved.kept.feeds, list(saved.kept.histories), saved.kept.kept)
    arrays |= {f".start {n}": v.contiguous() for n, v in zip(k.states, given.starts, strict=True)}
    arrays |= {".d": like.new_empty((how.steps, how.batch, w.d)), ".dy": seeds[0].contiguous()}
    arrays |= {f".given {n}": v.contiguous() for n, v in zip(k.states, seeds[1], strict=True)}
    inputs = {n: torch.zeros_like(v) for n, v in zip(k.inputs, given.inputs, strict=True)}
    arrays |= {f".d {n}": v for n, v in inputs.items()}
    rows = how.joint["backward"].rows if how.joint else 0
    slots = -(-how.batch // (rows or layout(k.program, "backward", how.sizes, how.batch).rows)) * how.parts
    total = k.program.total.evaluate(how.sizes)
    arrays[".totals"] = like.new_zeros((slots, total), dtype=how.real)
    sizes = dict(zip(k.states, w.states, strict=True))
    left = {n: like.new_empty((how.parts, how.batch, s), dtype=how.real) for n, s in sizes.items()}
    fresh = {n: like.new_zeros((how.parts, how.batch, s), dtype=how.real) for n, s in sizes.items()}
    arrays |= {f".left {n}": v for n, v in left.items()} | {f".left_fresh {n}": v for n, v in fresh.items()}
    if how.parts > 1:
        arrays |= _incoming(k, given, how, arrays, left, saved.through)
    if how.joint:
        last = {n: v.to(how.real) for n, v in zip(k.states, seeds[1], strict=True)}
        arrays |= joint_launch.handed(k.program, "backward", last, how.held, how.real)
        _run_joint(k, "backward", arrays, given, how, True)
        left = {n: arrays[f".now {n}"][how.steps % 2][None] for n in k.states}
    else:
        _run(k, "backward", arrays, given, how, {"KEEP": True, "ENDS": False, "SCANNED": how.parts > 1})
    return Found(
        arrays[".d"],
        inputs,
        arrays[".totals"].sum(0),
        tuple(v[0].to(like.dtype) for v in left.values()),
        tuple(v.sum(0).to(like.dtype) for v in fresh.values()) if given.fresh else (),
    )


def _incoming(
    k: Kernel,
    given: Given,
    how: How,
    arrays: dict[str, Tensor],
    left: dict[str, Tensor],
    through: tuple[Tensor, ...],
) -> dict[str, Tensor]:
    """The gradient that every part receives from the parts after it, [parts, B, size]."""
    own = {n: torch.empty_like(v) for n, v in left.items()}
    parts = {f".left {n}": v for n, v in own.items()}
    _run(k, "backward", arrays | parts, given, how, {"KEEP": True, "ENDS": True, "SCANNED": False})
    # As much of a gradient goes back through a part as of the state goes forward.
    ways = dict(zip(_carried(k), through, strict=True))
    return {
        f".incoming {n}": _joined(k, v, ways[n], torch.zeros_like(v[0]), True)
        if n in ways
        else torch.zeros_like(v)
        for n, v in own.items()
    }


def _feed(program: Program, block: FeedBlock, given: Given, how: How) -> Tensor:
    """All products of one operand at once: [T, B, K] -> [T, B, width]."""
    operand = given.operands[[b.array for b in program.made.blocks].index(block.array)].to(how.held)
    matrices = [given.matrices[f].to(how.held) for f in block.feeds]
    biases = [given.biases[f] for f in block.feeds]
    whole = [m.new_zeros(m.shape[0]) if b is None else b for b, m in zip(biases, matrices, strict=True)]
    bias = None if all(b is None for b in biases) else torch.cat(whole).to(how.held)
    if matrices[0].dim() == 3:
        feed: Tensor = batched(Node("blocks", (), ()), (matrices[0], operand))
        feed = feed if bias is None else feed + bias
    else:
        feed = linear(operand, torch.cat(matrices), bias)
    return feed.to(how.dtype).contiguous()


def _common(
    k: Kernel, given: Given, how: How, feeds: tuple[Tensor, ...], histories: list[Tensor], kept: Tensor
) -> dict[str, Tensor]:
    """Arrays that both ways read."""
    arrays = {b.array: v for b, v in zip(k.program.made.blocks, feeds, strict=True)} | {".kept": kept}
    arrays |= dict(zip(k.states, histories, strict=True))
    arrays |= {n: v.contiguous() for n, v in zip(k.inputs, given.inputs, strict=True)}
    arrays |= {n: v.contiguous() for n, v in zip(k.weights, given.weights, strict=True)}
    if given.fresh:
        arrays |= {f".fresh {n}": v.contiguous() for n, v in zip(k.states, given.fresh, strict=True)}
    return arrays


def _run(
    k: Kernel, name: str, arrays: Mapping[str, Tensor], given: Given, how: How, flags: dict[str, bool]
) -> None:
    written, made = k.program.kernels[name], layout(k.program, name, how.sizes, how.batch)
    none = given.starts[0]
    rooms = {r: none.new_empty((how.batch, d.evaluate(how.sizes)), dtype=how.held) for r, d in written.rooms}
    pads = {f"P_{w}": size for w, size in made.pads.items()}
    arguments = _arguments(k, name, {**arrays, **rooms}, given, how) | pads | flags
    arguments |= {"ROWS": made.rows, "SHARE": made.share, "DEPTH": made.depth, "STEPS": how.span}
    arguments |= {"T": how.steps, "B": how.batch}
    grid = (-(-how.batch // made.rows), made.shares, how.parts)
    warps, stages = threads(k.program, name, how.sizes, made, how.held, on_chip(none.device))
    # Triton launches on the current device, which need not be the tensors'.
    with torch.cuda.device_of(none):  # type: ignore[no-untyped-call]
        start(getattr(k.module, name), grid, arguments, warps, stages)


def _run_joint(
    k: Kernel, name: str, arrays: Mapping[str, Tensor], given: Given, how: How, keep: bool
) -> None:
    """The same where programs share the units; in the interpreter, one after the other, none may wait."""
    assert how.joint is not None
    written, made, like = k.program.kernels[name], how.joint[name], given.starts[0]
    sizes = {**how.sizes, "SHARES": made.shares}
    own = joint_launch.rooms(written, arrays, like, (how.held, how.real), how.batch, sizes)
    arguments = _arguments(k, name, {**arrays, **own}, given, how) | joint_launch.constants(made)
    launched = partial(start, getattr(k.module, name))
    with torch.cuda.device_of(like):  # type: ignore[no-untyped-call]
        joint_launch.run(
            *(written, made, arguments | {"KEEP": keep}, like, how.steps, how.batch),
            *(interpreted(), launched),
        )


def _arguments(k: Kernel, name: str, arrays: Mapping[str, Tensor], given: Given, how: How) -> dict[str, Any]:
    """What every kernel of a call is told."""
    import triton.language as tl  # the one import of Triton but the emitted text's

    none = given.starts[0]
    pointers = {f"{field(a)}_ptr": _aligned(arrays.get(a, none)) for a in k.program.kernels[name].arrays}
    held, narrow = _TYPES[how.held], how.held in (torch.float16, torch.bfloat16)
    resets = none if given.resets is None else given.resets.contiguous().view(torch.uint8)
    return {
        **pointers,
        **{letter: how.sizes[letter] for letter in k.program.base.letters},
        "lengths_ptr": _aligned(none if given.lengths is None else given.lengths),
        "resets_ptr": _aligned(resets),
        "REAL": tl.float64 if how.dtype == torch.float64 else tl.float32,
        "HELD": getattr(tl, held),
        # The interpreter multiplies the bits of 16-bit numbers.
        "DOT": tl.float32 if narrow and interpreted() else getattr(tl, held),
        "PRECISION": how.precision,
        "RAGGED": given.lengths is not None, "RESETS": given.resets is not None,
    }  # fmt: skip


def _aligned(v: Tensor) -> Tensor:
    """A tensor as it is, or copied to where a new one would lie. Triton compiles a kernel anew for every
    pattern of addresses that are multiples of 16, and views of packed weights begin anywhere. What a kernel
    writes is new."""
    return v if v.data_ptr() % 16 == 0 else v.clone()


def start(
    kernel: Any,
    grid: tuple[int, int, int],
    arguments: dict[str, Any],
    warps: int,
    stages: int = 3,
    together: bool = False,
) -> None:
    """Launch one kernel; the interpreter knows no warps. `stages`: turns of a loop under way at once;
    `together`: its programs wait for each other, so all are on the card at once, or the driver refuses."""
    options: dict[str, Any] = {"num_warps": warps, "num_stages": stages}
    options |= {"launch_cooperative_grid": True} if together else {}
    try:
        kernel[grid](**arguments, **({} if interpreted() else options))
    except torch.OutOfMemoryError:
        raise
    except Exception as fact:
        # Triton's compiler, ptxas and the driver raise errors of many kinds.
        said = next((line for line in reversed(str(fact).splitlines()) if line.strip()), repr(fact))
        file = kernel.fn.__code__.co_filename
        room = type(fact).__name__ == "OutOfResources"
        raise KernelError(f"its kernel does not run ({file}): {said.strip()}", room) from fact


_TYPES = {
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.float32: "float32",
    torch.float64: "float64",
}
