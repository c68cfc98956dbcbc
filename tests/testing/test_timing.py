"""Turns, and what is kept of the times."""

from __future__ import annotations

import pytest

from cellwright.testing import timing
from cellwright.testing.timing import PER_TURN, Timing, in_turns


def test_turns_change_who_is_first_and_skip_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: None)
    found = in_turns({"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, 2 * PER_TURN)
    one = 1 + PER_TURN
    assert ran == ["a"] * one + ["b"] * one + ["b"] * one + ["a"] * one
    assert {name: t.count for name, t in found.items()} == {"a": 2 * PER_TURN, "b": 2 * PER_TURN}


def test_only_the_job_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def passes(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(timing.time, "sleep", passes)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    found = in_turns({"quick": lambda: passes(0.25), "slow": lambda: passes(2.0)}, 5)
    assert found["quick"] == Timing(250, 250, 250, 250, 6)
    assert found["slow"] == Timing(2000, 2000, 2000, 2000, 6)


def test_quartiles() -> None:
    found = Timing.of([0.005, 0.001, 0.003, 0.002, 0.004])
    assert (found.least, found.lower, found.median, found.upper, found.count) == (1, 2, 3, 4, 5)
    assert str(found) == "3 (2-4)"
    assert Timing.of([0.002]) == Timing(2, 2, 2, 2, 1)
    assert found.document() == {"least": 1.0, "lower": 2.0, "median": 3.0, "upper": 4.0, "count": 5}
