"""The emitted text of one step: readable, with the equations at the top, weights packed beside it."""

from __future__ import annotations

import pytest
import torch

import cellwright as cw
from cellwright.backends.cpu.step import emit_step, step_kernel

LIBRARY = cw.cells.all()
SIZES = {"H": 6, "I": 3}


@pytest.mark.parametrize("name", LIBRARY)
def test_every_step_says_its_equations_and_takes_its_states(name: str) -> None:
    cell = cw.cells.get(name)
    program = emit_step(cell.graph)
    head = [line.removeprefix("// ") for line in program.text.splitlines() if line.startswith("//")]
    assert head[0] == f"{cell.name}: one step."
    assert set(cw.show(cell).splitlines()) <= set(head)
    assert program.states == tuple(n.name for n in cell.graph.states) and program.inputs[0] == "x"
    assert program.text.count('extern "C"') == 2


def test_the_lstm_is_one_pass_over_its_weights() -> None:
    """Gates are computed from the products while those are in registers: one stage, no scratch."""
    program = emit_step(cw.cells.lstm.graph)
    assert program.text.count("row_product<") == 1 and "row_product<4>" in program.text
    assert program.scratch.evaluate(SIZES) == 0


def test_weights_are_packed_into_the_same_memory_again() -> None:
    kernel = step_kernel(cw.cells.gru.graph, torch.float64)
    layer = cw.nn.Recurrent("gru", 3, 6, dtype=torch.float64)
    memory = kernel.pack(layer.weights(0), SIZES)
    first = memory.clone()
    assert kernel.pack(layer.weights(0), SIZES, memory) is memory and torch.equal(memory, first)
    with torch.no_grad():
        layer.weights(0)["U_r"][2, 3] += 1
    assert (kernel.pack(layer.weights(0), SIZES, memory) != first).any()


def test_weights_of_another_type_or_stride_are_brought_to_the_kernels() -> None:
    kernel = step_kernel(cw.cells.gru.graph, torch.float64)
    named = {n: w.detach() for n, w in cw.nn.Recurrent("gru", 3, 6, dtype=torch.float64).weights(0).items()}
    plain = kernel.pack(named, SIZES)
    turned = {n: w.t().contiguous().t() if w.ndim == 2 else w for n, w in named.items()}
    assert not turned["U_r"].is_contiguous()
    again = kernel.pack(turned, SIZES)
    # The struct at the front holds addresses of its own memory.
    assert torch.equal(plain[512:], again[512:])
