"""The emitted kernel against the interpreter and the reference, on random cells, in float64."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from tests.backends.agreement import poisoned

from cellwright.backends import eager
from cellwright.backends.cpu import backend as cpu
from cellwright.compiler.trace import Cell
from cellwright.runtime.choose import plan_of
from cellwright.testing.cases import Case, by_the_text, draw, everything
from cellwright.testing.random_cells import random_cells

RAGGED = Case("random", 4, 3, 3, 6, (4, 0, 2))


# Shrinking would compile a kernel at every try: a failing cell is printed as it was drawn.
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=("explicit", "generate"),
    suppress_health_check=list(HealthCheck),
)
@given(random_cells())
def test_kernel_interpreter_and_reference_agree(cell: Cell) -> None:
    plan, call = plan_of(cell.graph), draw(cell, RAGGED, torch.float64)
    assert cpu.refuses(plan, call) is None
    got = poisoned(lambda: everything(cpu.run(plan, call), call))
    # A cell without its function is its graph, which the interpreter runs node by node.
    interpreted = everything(by_the_text(Cell(cell.graph), call), call)
    reference = everything(eager.run(plan, call), call)
    for name, value in got.items():
        torch.testing.assert_close(
            value, interpreted[name], rtol=1e-9, atol=1e-11, msg=f"{name}: interpreter"
        )
        torch.testing.assert_close(value, reference[name], rtol=1e-9, atol=1e-11, msg=f"{name}: reference")
