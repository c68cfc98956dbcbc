"""`cellwright inspect`: a page for a run of every task, and one line for every mistake."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.cli.conftest import TINY


def data_of(text: str) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("task", ["classify", "forecast", "generate"])
def test_a_page_of_every_task(call, run, task: str, tmp_path) -> None:
    folder = run(task)
    material = {"classify": "a good day", "forecast": TINY["forecast"][0], "generate": "the"}[task]
    said = call("inspect", str(folder), material)
    assert said.code == 0, said.err
    assert said.out == f"page  {folder / 'inside.html'}\n"
    found = data_of((folder / "inside.html").read_text(encoding="utf-8"))
    assert (
        found["length"] == len(found["steps"]) and f"input: {found['length']} steps; the network " in said.err
    )
    other = tmp_path / "other.html"
    quiet = call("inspect", str(folder), material, "--html", str(other), "--quiet", "--beside", str(folder))
    assert (quiet.code, quiet.err) == (0, "")
    beside = data_of(other.read_text(encoding="utf-8"))["beside"]
    assert beside[1]["name"] == str(folder) and beside[1]["states"] == beside[0]["states"]


def test_one_line_for_each_mistake(call, run) -> None:
    folder = str(run("classify"))
    assert call("inspect").err.startswith("error: ")
    assert "no such run folder" in call("inspect", "nowhere", "a text").err
    assert call("inspect", folder, "a text", "--layer", "4").err == (
        "error: no such layer (--layer): got 4, expected 1 to 1\n"
    )
    assert "no such file (gone.csv)" in call("inspect", folder, "gone.csv").err
    assert "no such row" in call("inspect", folder, "a text", "--row", "2").err
    Path("other.csv").write_text("a,b\n1,2\n3,4\n")
    for place in (folder, str(run("forecast"))):
        said = call("inspect", place, "other.csv")
        assert (said.code, said.err.count("\n")) == (2, 1) and said.err.startswith("error: ")
    for wrong in (["--layer", "0"], ["--row", "x"]):
        said = call("inspect", folder, "a text", *wrong)
        assert said.code == 2 and said.err.count("\n") == 1
