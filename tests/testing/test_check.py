"""check_cell passes what is right, and rejects every kind of wrong cell and wrong backend it is shown."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.call import Call, Outcome
from cellwright.compiler.plan import Plan
from cellwright.testing import CheckError, assert_close, check_backend, check_cell
from cellwright.testing.cases import CASES, by_the_text, draw

LIBRARY = {name: c.configure(P=3) if name == "lstm_projected" else c for name, c in cw.cells.all().items()}


@pytest.mark.parametrize("name", LIBRARY)
def test_every_cell_of_the_library_passes(name: str) -> None:
    report = check_cell(LIBRARY[name])
    assert all(row.passed for row in report.rows)
    assert {row.backend for row in report.rows} | {b for b, _ in report.refusals} >= {"eager", "stock"}


def test_a_cell_with_two_inputs_and_a_scalar_state() -> None:
    @cw.cell
    def gap(x, h, n: "[]", dt: "input []", *, W, U, b):
        h = cw.tanh(W @ x + U @ (h * cw.exp(-dt * dt)) + b)
        return h, 0.5 * n + cw.mean(h)

    check_cell(gap)


Wrong = Callable[[Plan, Call, Outcome], Outcome]


def backend(wrong: Wrong) -> Any:
    """The reference, with something done to it."""
    return SimpleNamespace(
        refuses=lambda plan, call: None, run=lambda plan, call: wrong(plan, call, eager.run(plan, call))
    )


class _WrongSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope * 1.001


def swapped_gates(plan: Plan, call: Call, out: Outcome) -> Outcome:
    names = {"i": "f", "f": "i"}
    weights = {k: call.weights[k[:2] + names.get(k[2:], k[2:])] for k in call.weights}
    return eager.run(plan, replace(call, weights=weights))


def cut_gradient(plan: Plan, call: Call, out: Outcome) -> Outcome:
    """Truncated where it must not be: the state is detached in the middle."""
    half = call.x.shape[0] // 2
    if call.lengths is not None or half == 0:
        return out
    first = eager.run(plan, replace(call, x=call.x[:half]))
    second = eager.run(
        plan, replace(call, x=call.x[half:], states={k: v.detach() for k, v in first.states.items()})
    )
    return Outcome(torch.cat([first.y, second.y]), second.states, {})


def unwritten(plan: Plan, call: Call, out: Outcome) -> Outcome:
    y = out.y.clone()
    if y.numel():
        y[-1, -1, -1] = float("nan")
    return Outcome(y, out.states, {})


_CALLS = iter(range(10**9))


WRONG: dict[str, Wrong] = {
    "a derivative that is 0.1 % too large": lambda p, c, o: Outcome(_WrongSlope.apply(o.y), o.states, {}),
    "off by one in time": lambda p, c, o: Outcome(o.y.roll(1, 0), o.states, {}),
    "swapped gates": swapped_gates,
    "a gradient cut in the middle": cut_gradient,
    "an output that was never written": unwritten,
    "lengths ignored": lambda p, c, o: eager.run(p, replace(c, lengths=None)),
    "the start state ignored": lambda p, c, o: eager.run(
        p, replace(c, states={k: v * 0 for k, v in c.states.items()})
    ),
    "states swapped": lambda p, c, o: Outcome(
        o.y, dict(zip(o.states, reversed(o.states.values()), strict=True)), {}
    ),
    "another dtype": lambda p, c, o: Outcome(o.y.double(), {k: v.double() for k, v in o.states.items()}, {}),
    "samples mixed up": lambda p, c, o: Outcome(o.y.flip(1), o.states, {}),
    "float32 noise": lambda p, c, o: Outcome(o.y * (1 + 1e-4), o.states, {}),
    "a race: another answer every other time": lambda p, c, o: Outcome(
        o.y + (1e-2 if next(_CALLS) % 2 else 0.0), o.states, {}
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_backends_are_rejected(what: str) -> None:
    rows = check_backend(cw.cells.lstm, backend(WRONG[what]), "wrong", long=False)
    assert any(not row.passed for row in rows)


def test_the_right_backend_is_not_rejected() -> None:
    rows = list(check_backend(cw.cells.lstm, backend(lambda p, c, o: o), "right", long=False))
    assert all(row.passed for row in rows), "\n".join(map(str, rows))


def test_a_cell_whose_text_and_graph_differ_is_rejected() -> None:
    """A text that depends on something outside: traced once as one thing, run later as another."""
    flag = {"on": True}

    @cw.cell
    def moody(x, h, *, W, U, b):
        return cw.tanh(W @ x + U @ h + b) if flag["on"] else cw.sigmoid(W @ x + U @ h + b)

    flag["on"] = False
    with pytest.raises(CheckError, match=r"moody: \d+ of \d+ checks failed"):
        check_cell(moody, backends=("eager",))


def test_a_dead_gradient_is_refused_not_passed() -> None:
    @cw.cell
    def forgetful(x, h, *, W, b):
        return cw.tanh(W @ x + b)

    with pytest.raises(CheckError, match="does not feel the input of the first"):
        check_cell(forgetful, backends=("eager",))


def test_the_oracle_is_the_text_not_the_graph() -> None:
    calls: list[int] = []

    @cw.cell
    def counted(x, h, *, W, U, b):
        calls.append(1)
        return cw.tanh(W @ x + U @ h + b)

    call = draw(counted, CASES[0], torch.float64)
    calls.clear()
    by_the_text(counted, call)
    assert len(calls) == call.x.shape[0] * call.x.shape[1]


def test_assert_close_raises() -> None:
    assert_close(torch.ones(3), torch.ones(3))
    for wrong in (
        torch.ones(3) + 1e-3,
        torch.ones(2),
        torch.ones(3, dtype=torch.float64),
        torch.full((3,), float("nan")),
    ):
        with pytest.raises(CheckError):
            assert_close(wrong, torch.ones(3))


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(cw.SettingError, match="no such backend: got cuda9"):
        check_cell(cw.cells.elman, backends=("cuda9",))


def test_narrow_types_where_they_are_asked_for() -> None:
    report = check_cell(cw.cells.elman, backends=("stock",), dtypes=(torch.bfloat16,))
    rows = [row for row in report.rows if row.backend == "stock"]
    assert len(rows) > 4 and all("bfloat16" in row.check or "fifty" in row.check for row in rows)
    with pytest.raises(
        cw.SettingError, match=r"no type to check in: got torch.int8, expected torch.float64, "
    ):
        check_cell(cw.cells.elman, dtypes=(torch.int8,))


def test_a_clipped_gradient_is_the_same_everywhere_and_no_derivative() -> None:
    @cw.cell
    def graves(x, h, *, W, U, b):
        return cw.tanh(cw.clip_gradient(W @ x + U @ h + b, 1e-3))

    with pytest.raises(CheckError) as refused:
        check_cell(graves, backends=("eager", "cpu"))
    assert [line.split("  ")[0] for line in str(refused.value).splitlines()[1:]] == ["FAIL eager"]
    assert "gradcheck of x" in str(refused.value)
