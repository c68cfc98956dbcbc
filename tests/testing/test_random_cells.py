"""Random legal cells: the reference equals the text, prints trace back, files load back."""

import subprocess
import sys
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings

import cellwright as cw
from cellwright.backends import eager
from cellwright.compiler.ops import OPS
from cellwright.compiler.plan import make_plan
from cellwright.compiler.save import cell_from_json, graph_to_json
from cellwright.compiler.trace import Cell
from cellwright.testing.cases import Case, by_the_text, draw, everything
from cellwright.testing.random_cells import cell_of, random_cell, random_cells, random_source

RAGGED = Case("random", 4, 3, 3, 6, (4, 0, 2))
QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@QUICK
@given(random_cells())
def test_the_reference_is_the_text(made: Cell) -> None:
    call = draw(made, RAGGED, torch.float64)
    got = everything(eager.run(make_plan(made.graph), call), call)
    for name, value in everything(by_the_text(made, call), call).items():
        torch.testing.assert_close(got[name], value, rtol=1e-9, atol=1e-11, msg=f"{name} differs")


@QUICK
@given(random_cells())
def test_prints_and_files_give_the_graph_back(made: Cell) -> None:
    scope: dict[str, Any] = {}
    exec(cw.show(made, "graph"), scope)
    assert scope["drawn"].graph.fingerprint == made.graph.fingerprint
    assert cell_from_json(graph_to_json(made.graph)).graph == made.graph
    latex = cw.show(made, "latex")
    assert latex.count(r"\left") == latex.count(r"\right")


def test_the_drawn_cells_cover_the_language() -> None:
    random = Random(0)
    graphs = [random_cell(random).graph for _ in range(400)]
    assert {node.op for graph in graphs for node in graph.nodes} >= set(OPS)
    assert {len(graph.states) for graph in graphs} == {1, 2, 3, 4, 5}
    assert {len(graph.inputs) for graph in graphs} == {1, 2}
    assert {name for graph in graphs for name, _ in graph.hyper} == {"rank", "heads", "eps"}
    shapes = {str(d) for graph in graphs for n in (*graph.states, *graph.inputs) for d in n.shape or ("[]",)}
    assert shapes == {"[]", "H", "2*H", "I"}


def test_every_parameter_reaches_a_result() -> None:
    random = Random(1)
    for _ in range(100):
        source = random_source(random)
        made = cell_of(source)
        call = draw(made, Case("alive", 3, 2, 3, 6), torch.float64)
        slopes = everything(eager.run(make_plan(made.graph), call), call)
        dead = [name for name in call.weights if not slopes[f"d{name}"].any()]
        assert not dead, source


def test_cells_without_hypothesis() -> None:
    """The strategy alone needs it: the library's users draw from Python's own Random."""
    check = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from random import Random\n"
        "from cellwright.testing.random_cells import random_cell, random_cells\n"
        "random_cell(Random(0))\n"
        "try: random_cells()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("SettingError random cells as a strategy need Hypothesis; pip install")


def test_a_failing_cell_is_shrunk_to_a_small_one() -> None:
    found: list[Cell] = []

    @settings(QUICK, database=None, max_examples=400)
    @given(random_cells())
    def no_sine(made: Cell) -> None:
        if any(node.op == "sin" for node in made.graph.nodes):
            found.append(made)
            raise AssertionError("a sine")

    with pytest.raises(AssertionError, match="a sine"):
        no_sine()
    assert len(found[-1].graph.states) == 1
    assert len(found[-1].graph.nodes) < 40
