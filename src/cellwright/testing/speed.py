"""How fast a cell trains beside its peers: checked first, then timed in turns. Floor 6.

    measure("lstm", SIZES[0])     one training step against torch.nn's layer with the same weights
    measure("slstm", SIZES[0])    ... against the reference, a loop over time in torch: torch has no sLSTM

A cell that fails the check is never timed: its speed would mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from cellwright import cells
from cellwright.compiler.trace import Cell
from cellwright.description import describe
from cellwright.errors import SettingError, UserError
from cellwright.nn import GRU, LSTM, RNN, Recurrent
from cellwright.nn.layer import Layer
from cellwright.runtime.choose import choose, plan_of
from cellwright.testing.check import TOLERANCES, CheckError, Row, compare, distance
from cellwright.testing.timing import Timing, in_turns

OURS = "cellwright"
# torch's three layers, and ours that takes their weights.
LAYERS: Mapping[str, tuple[type[Layer], type[nn.Module]]] = {
    "lstm": (LSTM, nn.LSTM), "gru": (GRU, nn.GRU), "elman": (RNN, nn.RNN),
}  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """T steps, B sequences, I inputs, H units; written `T,B,I,H`."""

    T: int
    B: int
    I: int
    H: int

    @classmethod
    def parse(cls, text: str) -> Sizes:
        """From text.

        Raises:
            SettingError: not four whole numbers of at least 1.

        >>> Sizes.parse("100,32,64,128")
        Sizes(T=100, B=32, I=64, H=128)
        """
        if not re.fullmatch(r"\s*[1-9]\d*(\s*,\s*[1-9]\d*){3}\s*", text, re.ASCII):
            raise SettingError(
                "a shape is four whole numbers of at least 1",
                got=text,
                expected="T,B,I,H such as 100,32,64,128",
            )
        return cls(*(int(part) for part in text.split(",")))

    def __str__(self) -> str:
        return f"{self.T},{self.B},{self.I},{self.H}"


SIZES = tuple(
    Sizes.parse(text)
    for text in (
        "100,32,64,128", "100,64,128,256", "200,32,256,512", "784,32,1,128", "50,20,200,200", "35,20,650,650",
        "1000,8,32,64", "24,256,7,64",
    )
)  # fmt: skip
# Those whose step takes some tens of milliseconds at the most.
QUICK = tuple(size for size in SIZES if size.T * size.B * size.H**2 < 10**8)


@dataclass(frozen=True)
class Contestant:
    """One training step by somebody: forward, and back to x and every weight.

    `values` makes (y, dx) as tensors out of what `step` returns, for the check; None for one that does other
    work and runs for comparison only.
    """

    name: str
    step: Callable[[], Any]
    values: Callable[[Any], tuple[Tensor, Tensor]] | None = lambda found: found


@dataclass(frozen=True)
class Contest:
    """What all work on: our layer, x [T, B, I], the gradient dy of y that is handed back, and what the cell
    reads beside x, [T, B, size] by name."""

    cell: Cell
    sizes: Sizes
    layer: Layer
    x: Tensor
    dy: Tensor
    inputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class Measured:
    """What one measurement found; `times` by contestant, ours first."""

    cell: str
    sizes: Sizes
    dtype: str
    threads: int
    backend: str
    check: Row
    multiply_adds: int
    times: dict[str, Timing]

    def ratio(self, peer: str) -> float:
        """How many times as fast as a peer we are, by the medians."""
        return self.times[peer].median / self.times[OURS].median

    def document(self) -> dict[str, Any]:
        """As it is written to JSON; times in milliseconds, `multiply_adds` of one step of one sequence."""
        times = {name: timing.document() for name, timing in self.times.items()}
        check = {"worst": self.check.check, "error": self.check.error, "allowed": self.check.allowed}
        plain = {"cell": self.cell, **asdict(self.sizes), "dtype": self.dtype, "threads": self.threads}
        ratios = {peer: round(self.ratio(peer), 3) for peer in self.times if peer != OURS}
        more = {"backend": self.backend, "multiply_adds": self.multiply_adds, "check": check}
        return {**plain, **more, "ms": times, "times_as_fast_as": ratios}


Peers = Callable[[Contest], Sequence[Contestant]]


def measure(
    name: str,
    sizes: Sizes,
    *,
    dtype: torch.dtype = torch.float32,
    repetitions: int = 30,
    peers: Peers | None = None,
) -> Measured:
    """Check a cell at a size, then time one training step of it beside its peers.

    Args:
        name: a cell, as `cells.get` takes it.
        sizes: T, B, I and H.
        dtype: float32 or float64.
        repetitions: how many times each contestant is timed.
        peers: who else runs; torch.nn's layer where it has one, else the reference.

    Raises:
        CellError: no such cell.
        SettingError: sizes that do not fit the cell, a setting out of range.
        CheckError: our values or gradients are wrong, or a peer computes something else.
    """
    check_settings(name, sizes, dtype, repetitions)
    contest = prepare(name, sizes, dtype)
    contestants = [ours(contest), *(peers or stock_or_reference)(contest)]
    backend, row = check(contest, contestants)
    times = in_turns({one.name: one.step for one in contestants}, repetitions)
    return Measured(
        name,
        sizes,
        str(dtype).removeprefix("torch."),
        torch.get_num_threads(),
        backend,
        row,
        describe(contest.layer).multiply_adds,
        times,
    )


def check_settings(name: str, sizes: Sizes, dtype: torch.dtype, repetitions: int) -> None:
    """Refuse what `measure` would refuse, before anything is computed."""
    if repetitions < 1:
        raise SettingError(f"repetitions must be at least 1, got {repetitions}")
    if dtype not in TOLERANCES:
        raise SettingError("no such dtype here", got=dtype, expected=", ".join(map(str, TOLERANCES)))
    with torch.random.fork_rng(devices=[]):
        layer_of(name, sizes, dtype)


def prepare(name: str, sizes: Sizes, dtype: torch.dtype) -> Contest:
    """A layer with weights drawn as torch draws them, x and dy; always the same numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = layer_of(name, sizes, dtype)
        x = torch.randn(sizes.T, sizes.B, sizes.I, dtype=dtype)
        dy = torch.randn(sizes.T, sizes.B, layer.output_size, dtype=dtype)
        widths = {n.name: [d.evaluate(layer.sizes()) for d in n.shape] for n in layer.cell.graph.inputs[1:]}
        inputs = {
            name: torch.randn(sizes.T, sizes.B, *(width or [1]), dtype=dtype)
            for name, width in widths.items()
        }
    return Contest(layer.cell, sizes, layer, x, dy, inputs)


def layer_of(name: str, sizes: Sizes, dtype: torch.dtype) -> Layer:
    """The drop-in where torch.nn has such a layer, else `Recurrent`."""
    if name in LAYERS:
        return LAYERS[name][0](sizes.I, sizes.H, dtype=dtype)  # type: ignore[call-arg, arg-type]
    cell = cells.get(name)
    try:
        return Recurrent(cell, sizes.I, sizes.H, init="uniform", dtype=dtype)
    except UserError:
        raise
    except ValueError as fact:
        raise SettingError("the cell does not fit this shape", where=f"{name} at {sizes}", got=fact) from None


def ours(contest: Contest) -> Contestant:
    """Our layer."""
    return module(OURS, contest.layer, contest)


def stock_or_reference(contest: Contest) -> list[Contestant]:
    """torch.nn's layer with our weights, or our equations on the reference backend."""
    theirs = next((theirs for mine, theirs in LAYERS.values() if type(contest.layer) is mine), None)
    if theirs is None:
        return [reference(contest)]
    peer = theirs(contest.sizes.I, contest.sizes.H, dtype=contest.x.dtype)
    peer.load_state_dict(contest.layer.state_dict())
    return [module("torch.nn", peer, contest)]


def reference(contest: Contest) -> Contestant:
    """The same layer on the reference backend: a loop over time in torch."""
    sizes = contest.sizes
    layer = Recurrent(contest.cell, sizes.I, sizes.H, backend="eager", dtype=contest.x.dtype)
    layer.load_state_dict({f"{k}_l0": v for k, v in contest.layer.weights(0).items()})
    return module("reference", layer, contest)


def module(name: str, layer: nn.Module, contest: Contest) -> Contestant:
    """A training step of a torch module that gives (y, ...) for x."""
    x, weights = contest.x.clone().requires_grad_(), list(layer.parameters())

    def step() -> tuple[Tensor, Tensor]:
        for leaf in (x, *weights):
            leaf.grad = None
        y = (layer(x, inputs=contest.inputs) if contest.inputs else layer(x))[0]
        y.backward(contest.dy)
        assert x.grad is not None
        return y.detach(), x.grad

    return Contestant(name, step)


def check(contest: Contest, contestants: Sequence[Contestant]) -> tuple[str, Row]:
    """The backend that runs our layer, and its worst value or gradient against float64.

    Raises:
        CheckError: beyond the table of tolerances, or a contestant's y or dx is not ours.
    """
    where = f"{contest.cell.name} at {contest.sizes}"
    call = contest.layer.call(contest.x.clone().requires_grad_(), inputs=contest.inputs)
    states = {k: v.clone().requires_grad_() for k, v in call.states.items()}
    extra = {k: v.clone().requires_grad_() for k, v in contest.inputs.items()}
    call = replace(call, states=states, extra=extra or None)
    backend = choose(plan_of(contest.cell.graph), call, contest.layer.backend).name
    row = compare(contest.cell, import_module(f"cellwright.backends.{backend}"), backend, call, where)
    if not row.passed:
        raise CheckError(f"wrong, so not timed: {row}")
    expected, ceiling = ours(contest).step(), TOLERANCES[contest.x.dtype].ceiling
    for one in contestants:
        if one.values is None:
            continue
        pairs = zip(one.values(one.step()), expected, strict=True)
        worst = max(distance(a, b.double()) for a, b in pairs)
        if not worst <= ceiling:
            raise CheckError(
                f"{where}: {one.name} computes something else, so nothing is timed:"
                f" its y or dx is {worst:.1e} away"
            )
    return backend, row
