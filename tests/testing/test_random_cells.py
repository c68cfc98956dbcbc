"""Random legal cells: the reference equals the text, prints trace back, files load back."""

from random import Random
from typing import Any

import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import cellwright as cw
from cellwright.backends import eager
from cellwright.compiler.ops import OPS
from cellwright.compiler.plan import make_plan
from cellwright.compiler.save import cell_from_json, graph_to_json
from cellwright.testing.cases import Case, by_the_text, draw, everything
from cellwright.testing.random_cells import cell_of, random_source

RAGGED = Case("random", 4, 3, 3, 6, (4, 0, 2))
QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@QUICK
@given(st.randoms(use_true_random=False))
def test_the_reference_is_the_text(random: Any) -> None:
    source = random_source(random)
    note(source)
    made = cell_of(source)
    call = draw(made, RAGGED, torch.float64)
    got = everything(eager.run(make_plan(made.graph), call), call)
    for name, value in everything(by_the_text(made, call), call).items():
        torch.testing.assert_close(
            got[name], value, rtol=1e-9, atol=1e-11, msg=f"{name} differs for\n{source}"
        )


@QUICK
@given(st.randoms(use_true_random=False))
def test_prints_and_files_give_the_graph_back(random: Any) -> None:
    source = random_source(random)
    note(source)
    made = cell_of(source)
    scope: dict[str, Any] = {}
    exec(cw.show(made, "graph"), scope)
    assert scope["drawn"].graph.fingerprint == made.graph.fingerprint
    assert cell_from_json(graph_to_json(made.graph)).graph == made.graph
    latex = cw.show(made, "latex")
    assert latex.count(r"\left") == latex.count(r"\right")


def test_the_drawn_cells_use_every_operation() -> None:
    random = Random(0)
    used = {node.op for _ in range(400) for node in cell_of(random_source(random)).graph.nodes}
    assert set(OPS) - used <= {"equal", "less_equal"}
