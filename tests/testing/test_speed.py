"""Measuring: what is wrong is never timed, peers compute the same, a row says what it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.call import Outcome
from cellwright.description import describe
from cellwright.testing import CheckError, check, speed
from cellwright.testing.speed import (
    LAYERS,
    OURS,
    QUICK,
    SIZES,
    Contest,
    Contestant,
    Sizes,
    check_settings,
    measure,
    module,
    prepare,
    reference,
    stock_or_reference,
)  # fmt: skip

TINY = Sizes(3, 2, 2, 4)


@pytest.mark.parametrize(("name", "peer"), [*((n, "torch.nn") for n in LAYERS), ("slstm", "reference")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_one_measurement(name: str, peer: str, dtype: torch.dtype) -> None:
    found = measure(name, TINY, dtype=dtype, repetitions=4)
    assert list(found.times) == [OURS, peer]
    assert all(timing.count == 6 for timing in found.times.values())
    for timing in found.times.values():
        assert 0 < timing.least <= timing.lower <= timing.median <= timing.upper
    assert found.ratio(peer) == found.times[peer].median / found.times[OURS].median
    assert found.check.passed and found.backend == "cpu"
    row = json.loads(json.dumps(found.document()))
    assert [row[key] for key in "TBIH"] == [3, 2, 2, 4]
    assert row["multiply_adds"] == describe(name, units=4, inputs=2).multiply_adds
    assert row["times_as_fast_as"][peer] == pytest.approx(found.ratio(peer), abs=1e-3)


def test_every_peer_computes_what_we_compute() -> None:
    for name in cw.cells.all():
        contest = prepare(name, TINY, torch.float64)
        for peer in (*stock_or_reference(contest), reference(contest)):
            y, dx = peer.values(peer.step())
            mine, my_dx = module(OURS, contest.layer, contest).step()
            torch.testing.assert_close(y, mine, rtol=1e-9, atol=1e-11)
            torch.testing.assert_close(dx, my_dx, rtol=1e-9, atol=1e-11)


def test_a_cell_that_reads_more_than_x(tmp_path) -> None:
    (tmp_path / "mine.py").write_text(
        "from cellwright import cell, exp, tanh\n@cell\n"
        'def gap(x, h, dt: "input []", u: "input [H]", *, W, U):\n'
        "    h = tanh(W @ x + exp(-dt * dt) * (U @ h) + u)\n    return h\n"
    )
    name = f"{tmp_path / 'mine.py'}:gap"
    contest = prepare(name, TINY, torch.float64)
    assert {k: tuple(v.shape) for k, v in contest.inputs.items()} == {"dt": (3, 2, 1), "u": (3, 2, 4)}
    assert measure(name, TINY, repetitions=1).check.passed


def test_a_step_leaves_the_gradients_of_one_step() -> None:
    contest = prepare("gru", TINY, torch.float64)
    one = module(OURS, contest.layer, contest)
    one.step()
    once = [p.grad.clone() for p in contest.layer.parameters()]
    one.step()
    for p, g in zip(contest.layer.parameters(), once, strict=True):
        torch.testing.assert_close(p.grad, g, rtol=0, atol=0)


@pytest.fixture
def nothing_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("what is wrong was timed")

    monkeypatch.setattr(speed, "in_turns", refuse)


@pytest.mark.usefixtures("nothing_timed")
def test_a_wrong_kernel_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(plan, call) -> Outcome:
        out = eager.run(plan, call)
        return Outcome(out.y * 1.001, out.states, {})

    wrong = SimpleNamespace(refuses=lambda plan, call: None, run=run)
    monkeypatch.setattr(speed, "import_module", lambda name: wrong)
    with pytest.raises(CheckError, match=r"wrong, so not timed: FAIL cpu .* lstm at 3,2,2,4: "):
        measure("lstm", TINY)


@pytest.mark.usefixtures("nothing_timed")
def test_a_peer_that_computes_something_else_is_not_timed() -> None:
    def peers(contest: Contest) -> Sequence[Contestant]:
        return [Contestant("half", lambda: (torch.zeros(3, 2, 4), contest.x))]

    with pytest.raises(CheckError, match="lstm at 3,2,2,4: half computes something else"):
        measure("lstm", TINY, peers=peers)


def test_the_numbers_of_others_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    check_settings("slstm", TINY, torch.float32, 1)
    first = prepare("lstm", TINY, torch.float32)
    torch.testing.assert_close(torch.rand(2), expected, rtol=0, atol=0)
    torch.testing.assert_close(prepare("lstm", TINY, torch.float32).x, first.x, rtol=0, atol=0)


def test_shapes() -> None:
    assert len(SIZES) == 8 and set(QUICK) < set(SIZES)
    assert Sizes.parse(" 1, 2,3 ,4") == Sizes(1, 2, 3, 4)
    assert [Sizes.parse(str(size)) for size in SIZES] == list(SIZES)
    for text in (
        "",
        "1,2,3",
        "1,2,3,4,5",
        "0,1,1,1",
        "1,2,3,-4",
        "a,b,c,d",
        "1;2;3;4",
        "1,2,3,4\n5",
        "１,2,3,4",
    ):
        with pytest.raises(cw.SettingError, match="a shape is four whole numbers"):
            Sizes.parse(text)


def test_a_dtype_without_a_tolerance_is_refused() -> None:
    assert torch.float16 not in check.TOLERANCES
    with pytest.raises(
        cw.SettingError, match=r"no such dtype here: got torch.float16, expected torch.float64"
    ):
        measure("lstm", TINY, dtype=torch.float16)
