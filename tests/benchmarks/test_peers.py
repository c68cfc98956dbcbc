"""The peers of the kernels' benchmarks compute what our cells compute, at small shapes; nothing is timed."""

from __future__ import annotations

import pytest
import torch
from benchmarks.kernels.loops import LOOPS, loop
from benchmarks.kernels.own import CELLS, MINE
from benchmarks.kernels.rows import ROOT

from cellwright.testing import CheckError
from cellwright.testing.speed import Contestant, Sizes, check, ours, prepare

SMALL = Sizes(5, 3, 2, 4)


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_there_is_a_loop_for_every_cell() -> None:
    assert {name.rpartition(":")[2] for name in CELLS} | {"lstm"} == set(LOOPS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", [*CELLS, "lstm"])
def test_the_loop_is_the_cell(name: str, dtype: torch.dtype) -> None:
    contest = prepare(name, SMALL, dtype)
    _, row = check(contest, [loop(contest)])
    assert row.passed
    for mine, theirs in zip(ours(contest).step(), loop(contest).step(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*CELLS, "lstm"])
def test_the_scan_is_the_cell(name: str) -> None:
    pytest.importorskip("jax", reason="JAX is a requirement of the benchmarks only")
    from benchmarks.kernels.scans import scan

    contest = prepare(name, SMALL, torch.float32)
    check(contest, [scan(contest)])


def test_a_loop_with_swapped_gates_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    contest = prepare("lstm", SMALL, torch.float64)
    right = loop(contest)
    contest.layer.load_state_dict({k: v.flip(0) for k, v in contest.layer.state_dict().items()})
    with pytest.raises(CheckError, match="torch loop computes something else"):
        check(contest, [right])


def test_work_of_another_kind_is_not_compared() -> None:
    contest = prepare(MINE, SMALL, torch.float64)
    check(contest, [Contestant("sleeper", lambda: None, None)])
