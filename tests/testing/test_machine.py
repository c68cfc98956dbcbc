"""What a number was measured on."""

from __future__ import annotations

import json
import sys

import pytest

from cellwright.testing.machine import first_line, load, machine, versions


def test_facts_are_json_and_name_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    found = machine()
    assert json.loads(json.dumps(found)) == found
    assert found["cpu"] and found["processors"] >= 1
    assert found["variables"]["OMP_WAIT_POLICY"] == "passive"
    assert versions()["python"] == sys.version.split()[0]
    assert "no-such-package" not in versions("no-such-package")
    assert load() is None or load() >= 0


def test_a_program_that_does_not_run() -> None:
    assert first_line("/nowhere/c++").startswith("but it does not run: ")
    assert first_line(sys.executable).startswith("Python 3.")
