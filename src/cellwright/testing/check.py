"""Check a cell: its own text in float64 is the oracle, every backend is held to it. Floor 6.

    check_cell(cell)                every backend that takes the cell, or a CheckError with all that failed
    assert_close(got, expected)     two tensors at the tolerance of their dtype, from the one table below

A check that cannot fail shows nothing: where the gradient at the first step is dead, the cell is refused as
untestable rather than passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

import torch
from torch import Tensor

from cellwright.backends import eager
from cellwright.backends.call import Call, Outcome
from cellwright.compiler.plan import Plan
from cellwright.compiler.trace import Cell
from cellwright.errors import CellwrightError, SettingError
from cellwright.runtime.choose import BACKENDS, plan_of
from cellwright.testing.cases import CASES, LONG, Case, by_the_text, draw, everything, leaves


@dataclass(frozen=True)
class Tolerance:
    """How far a value may be from the float64 oracle, relative to the largest value of its tensor.

    `times_eager`: as a multiple of the reference backend's own error at that dtype; `ceiling`: and never more
    than this; `floor`: below this an error is noise.
    """

    times_eager: float
    ceiling: float
    floor: float


TOLERANCES: Mapping[torch.dtype, Tolerance] = {
    torch.float64: Tolerance(8.0, 1e-9, 1e-13),
    torch.float32: Tolerance(8.0, 1e-3, 2e-6),
}
# What kernels keep in float32 the reference rounds at every operation: their error is to be no larger, but
# the largest of some hundred rounding errors varies by chance. The floor is a few roundings of a result.
NARROW: Mapping[torch.dtype, Tolerance] = {
    torch.bfloat16: Tolerance(2.0, 0.5, 1.6e-2),
    torch.float16: Tolerance(2.0, 0.1, 2e-3),
}


def _tolerance(dtype: torch.dtype) -> Tolerance:
    return TOLERANCES[dtype] if dtype in TOLERANCES else NARROW[dtype]


class CheckError(CellwrightError, AssertionError):
    """A cell or a backend did not pass; the message lists every check that failed, one per line."""


class Backend(Protocol):
    """What a backend module offers."""

    def refuses(self, plan: Plan, call: Call) -> str | None:
        """Why it cannot run this call."""

    def run(self, plan: Plan, call: Call) -> Outcome:
        """Run it."""


@dataclass(frozen=True)
class Row:
    """One check: what was compared, its error, and what is allowed."""

    check: str
    backend: str
    error: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the error is within what is allowed; NaN is not."""
        return self.error <= self.allowed

    def __str__(self) -> str:
        mark = "ok  " if self.passed else "FAIL"
        return f"{mark} {self.backend:<8} {self.check:<44} error {self.error:.2e}, allowed {self.allowed:.2e}"


@dataclass(frozen=True)
class Report:
    """What was checked; prints as a table."""

    cell: str
    rows: tuple[Row, ...]
    refusals: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        skipped = [f"     {name:<8} does not run it: {why}" for name, why in self.refusals]
        return "\n".join([f"{self.cell}: {len(self.rows)} checks", *map(str, self.rows), *skipped])


def assert_close(got: Tensor, expected: Tensor) -> None:
    """Raise CheckError unless two tensors are equal to their dtype's tolerance.

    >>> assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    """
    if got.shape != expected.shape or got.dtype != expected.dtype:
        raise CheckError(
            f"got {got.dtype} {list(got.shape)}, expected {expected.dtype} {list(expected.shape)}"
        )
    tolerance = TOLERANCES[got.dtype]
    error, allowed = distance(got, expected.double()), tolerance.times_eager * tolerance.floor
    if not error <= allowed:
        raise CheckError(f"the tensors differ: relative error {error:.2e}, allowed {allowed:.2e}")


def check_cell(
    cell: Cell,
    *,
    backends: tuple[str, ...] | None = None,
    hidden: int | None = None,
    device: str = "cpu",
    dtypes: tuple[torch.dtype, ...] = tuple(TOLERANCES),
) -> Report:
    """Check a cell on every backend that takes it.

    The reference is compared with the cell's own text, sample by sample, values and gradients, and by
    gradcheck; the others with float64, their error held to a multiple of the reference's own at the same
    dtype. Sequences are ragged, strided, empty, cut anywhere, and 1,100 steps long; fifty optimiser steps are
    compared loss by loss.

    Args:
        cell: any cell.
        backends: names to check; all that take the cell when left out.
        hidden: H, for a cell whose sizes need a certain one (a multiple of its heads).
        device: where the other backends run; the reference is held to the text on the CPU.
        dtypes: in which types the other backends are checked; bfloat16 and float16, too.

    Returns:
        What was measured.

    Raises:
        CheckError: at least one check failed, or the cell's gradient vanishes before the first step.

    >>> import cellwright as cw
    >>> print(str(check_cell(cw.cells.elman, backends=("eager",))).splitlines()[0])
    elman: 10 checks
    """
    foreign = [str(d) for d in dtypes if d not in (*TOLERANCES, *NARROW)]
    if foreign or not dtypes:
        expected = ", ".join(map(str, (*TOLERANCES, *NARROW)))
        raise SettingError("no type to check in", got=", ".join(foreign) or "none", expected=expected)
    unknown = [name for name in backends or () if name not in BACKENDS]
    if unknown:
        raise SettingError("no such backend", got=", ".join(unknown), expected=", ".join(BACKENDS))
    rows = list(_check_reference(cell, hidden))
    refusals: list[tuple[str, str]] = []
    for name in backends or BACKENDS:
        if name != "eager":
            backend = import_module(f"cellwright.backends.{name}")
            taken, why = _taken(cell, backend, hidden, device, dtypes)
            refusals += [] if taken else [(name, str(why))]
            if taken:
                rows += check_backend(cell, backend, name, hidden, device=device, dtypes=dtypes)
    report = Report(cell.name, tuple(rows), tuple(refusals))
    failed = [str(row) for row in rows if not row.passed]
    if failed:
        raise CheckError("\n".join([f"{cell.name}: {len(failed)} of {len(rows)} checks failed", *failed]))
    return report


def check_backend(
    cell: Cell,
    backend: Backend,
    name: str,
    hidden: int | None = None,
    long: bool = True,
    device: str = "cpu",
    dtypes: tuple[torch.dtype, ...] = tuple(TOLERANCES),
) -> Iterator[Row]:
    """The rows of one backend against the float64 reference, in those of the types that it takes; `long` adds
    the sequence of 1,100 steps."""
    plan = plan_of(cell.graph)
    taken, _ = _taken(cell, backend, hidden, device, dtypes)
    for dtype in taken:
        label = str(dtype).removeprefix("torch.")
        for case in (*CASES, LONG) if long and dtype == torch.float32 else CASES:
            call = draw(cell, case, dtype, hidden, device=device)
            if backend.refuses(plan, call) is None:
                yield compare(cell, backend, name, call, f"{case.name}, {label}")
        yield _cut_anywhere(cell, backend, name, dtype, hidden, device)
    yield _fifty_steps(cell, backend, name, taken[0], hidden, device)


def _taken(
    cell: Cell, backend: Backend, hidden: int | None, device: str, dtypes: tuple[torch.dtype, ...]
) -> tuple[list[torch.dtype], str | None]:
    """The types that a backend takes there, and why it does not take the last that it refused."""
    plan, taken, why = plan_of(cell.graph), [], None
    for dtype in dtypes:
        refusal = backend.refuses(plan, draw(cell, CASES[0], dtype, hidden, device=device))
        why = refusal or why
        taken += [] if refusal else [dtype]
    return taken, why


def distance(got: Tensor, expected: Tensor) -> float:
    """The largest difference over the largest expected value; infinite where either is not a number."""
    if got.shape != expected.shape:
        return math.inf
    if got.numel() == 0:
        return 0.0
    scale = max(1e-3, float(expected.detach().abs().max()))
    error = float((got.detach().double() - expected.detach()).abs().max()) / scale
    return math.inf if math.isnan(error) else error


def _check_reference(cell: Cell, hidden: int | None) -> Iterator[Row]:
    """The reference backend against the text, in float64, then by gradcheck."""
    plan, tolerance = plan_of(cell.graph), TOLERANCES[torch.float64]
    for case in CASES:
        call = draw(cell, case, torch.float64, hidden)
        if case.batch == 0:
            out = eager.run(plan, call)
            yield Row(f"{case.name}, float64 against the text", "eager", float(out.y.numel()), 0.0)
            continue
        got, expected = everything(eager.run(plan, call), call), everything(by_the_text(cell, call), call)
        worst = max(distance(got[name], value) for name, value in expected.items())
        yield Row(f"{case.name}, float64 against the text", "eager", worst, 100 * tolerance.floor)
    for dtype in TOLERANCES:
        yield _cut_anywhere(cell, eager, "eager", dtype, hidden)
    yield _gradcheck(cell, hidden)


def _gradcheck(cell: Cell, hidden: int | None) -> Row:
    """Finite differences in float64 for the input, every state and every parameter."""
    call = draw(cell, Case("gradcheck", 3, 2, 2, 4, (3, 2)), torch.float64, hidden)
    _refuse_dead(cell, call)
    extra, states, weights = list(call.extra or {}), list(call.states), list(call.weights)

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip([*extra, *states, *weights], rest, strict=True))
        out = eager.run(
            plan_of(cell.graph),
            Call(
                x,
                {name: values[name] for name in states},
                {name: values[name] for name in weights},
                call.lengths,
                {name: values[name] for name in extra} or None,
            ),
        )
        return (out.y, *out.states.values())

    passed = torch.autograd.gradcheck(run, leaves(call), fast_mode=True, raise_exception=False)
    return Row("gradcheck of x, states and parameters", "eager", 0.0 if passed else 1.0, 0.0)


def _refuse_dead(cell: Cell, call: Call) -> None:
    """The last output must feel the first input, or comparing gradients through time means nothing."""
    y = eager.run(plan_of(cell.graph), call).y
    (early,) = torch.autograd.grad(y[-1].sum(), call.x, allow_unused=True, materialize_grads=True)
    if not float(early[0].abs().max()) > 1e-12:
        raise CheckError(
            f"{cell.name}: the output at the last step does not feel the input of the first: nothing through"
            " time can be checked; does the new state read the old one?"
        )


def compare(cell: Cell, backend: Backend, name: str, call: Call, label: str) -> Row:
    """One call: the backend's error against float64, allowed a multiple of the reference's own.

    The row is that of the value or gradient that comes nearest to failing.
    """
    plan, tolerance = plan_of(cell.graph), _tolerance(call.x.dtype)
    exact_call = _in_float64(call)
    exact = everything(eager.run(plan, exact_call), exact_call)
    own = everything(eager.run(plan, call), call)
    got = everything(backend.run(plan, call), call)
    worst = Row(label, name, 0.0, tolerance.floor)
    for key, value in exact.items():
        error, usual = distance(got[key], value), distance(own[key], value)
        allowed = min(tolerance.ceiling, max(tolerance.floor, tolerance.times_eager * usual))
        error = error if got[key].dtype == call.x.dtype else math.inf
        if error / allowed > worst.error / worst.allowed:
            worst = Row(f"{label}: {key}", name, error, allowed)
    return worst


def _in_float64(call: Call) -> Call:
    def wide(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {k: v.detach().double().requires_grad_() for k, v in values.items()}

    x = call.x.detach().double().requires_grad_()
    extra = None if call.extra is None else wide(call.extra)
    return Call(x, wide(call.states), wide(call.weights), call.lengths, extra)


def _cut_anywhere(
    cell: Cell,
    backend: Backend,
    name: str,
    dtype: torch.dtype,
    hidden: int | None,
    device: str = "cpu",
) -> Row:
    """A sequence cut in two, the state carried over, is the sequence."""
    plan, call = plan_of(cell.graph), draw(cell, Case("cut", 7, 3, 3, 8), dtype, hidden, device=device)
    whole, worst = backend.run(plan, call), 0.0
    for cut in range(1, 7):

        def some(begin: int, end: int, states: Mapping[str, Tensor]) -> Outcome:
            extra = None if call.extra is None else {k: v[begin:end] for k, v in call.extra.items()}
            return backend.run(plan, Call(call.x[begin:end], states, call.weights, None, extra))

        first = some(0, cut, call.states)
        second = some(cut, 7, first.states)
        pairs = [(torch.cat([first.y, second.y]), whole.y)]
        pairs += [(second.states[key], whole.states[key]) for key in whole.states]
        worst = max(worst, *(distance(a, b.double()) for a, b in pairs))
    return Row(f"cut anywhere, {str(dtype).removeprefix('torch.')}", name, worst, _tolerance(dtype).floor)


@dataclass
class _Descent:
    """Plain gradient descent on copies of a call's weights."""

    call: Call
    weights: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.weights = {k: v.detach().clone().requires_grad_() for k, v in self.call.weights.items()}

    def losses(self, backend: Backend, plan: Plan, goal: Tensor, steps: int) -> list[float]:
        found: list[float] = []
        for _ in range(steps):
            call = Call(self.call.x, self.call.states, self.weights, None, self.call.extra)
            loss = (backend.run(plan, call).y - goal).square().mean()
            slopes = torch.autograd.grad(
                loss, list(self.weights.values()), allow_unused=True, materialize_grads=True
            )
            with torch.no_grad():
                for weight, slope in zip(self.weights.values(), slopes, strict=True):
                    weight -= 0.05 * slope
            found.append(loss.item())
        return found


def _fifty_steps(
    cell: Cell, backend: Backend, name: str, dtype: torch.dtype, hidden: int | None, device: str
) -> Row:
    """Fifty steps of gradient descent, in float64 where it can: every loss that of the reference."""
    plan, call = plan_of(cell.graph), draw(cell, Case("descent", 8, 4, 3, 8), dtype, hidden, device=device)
    other = draw(cell, Case("goal", 8, 4, 3, 8), dtype, hidden, 7, device)
    goal = torch.tanh(eager.run(plan, other).y.detach())
    ours = _Descent(call).losses(backend, plan, goal, 50)
    theirs = _Descent(call).losses(eager, plan, goal, 50)
    apart = [abs(a - b) / max(abs(b), 1e-9) for a, b in zip(ours, theirs, strict=True)]
    worst = math.inf if any(map(math.isnan, apart)) else max(apart)
    allowed = 1e-9 if dtype == torch.float64 else _tolerance(dtype).ceiling
    return Row("fifty optimiser steps, loss by loss", name, worst, allowed)
