"""The emitted kernels against the reference: every cell, both types, awkward sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.backends.agreement import agree, call_of

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.cpu import backend as cpu
from cellwright.backends.cpu import launch
from cellwright.runtime.choose import plan_of

LIBRARY = cw.cells.all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", LIBRARY)
def test_every_cell(name: str, dtype: torch.dtype) -> None:
    agree(name, dtype)
    agree(name, dtype, T=1, B=1, H=4)
    agree(name, dtype, T=40, B=9, H=32, I=5)
    agree(name, dtype, T=5, B=7, H=17, I=1)


@pytest.mark.parametrize("name", LIBRARY)
def test_ragged_lengths(name: str) -> None:
    agree(name, lengths=torch.tensor([5, 0, 6, 1]), B=4)


@pytest.mark.parametrize("name", LIBRARY)
def test_sequences_that_begin_anew(name: str) -> None:
    resets = torch.zeros(9, 4, dtype=torch.bool)
    resets[0, 1] = resets[3, 1] = resets[4, 1] = resets[8, 0] = resets[5, 3] = True
    agree(name, resets=resets, T=9, B=4)
    agree(name, resets=resets, lengths=torch.tensor([9, 4, 0, 6]), T=9, B=4)


@pytest.mark.parametrize("name", ["lstm", "gru", "elman", "rhn", "slstm", "lstm_layer_norm", "mingru"])
def test_threads_that_share_units(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads at one row, and at rows of unequal lengths: each computes its units and waits for the other."""
    monkeypatch.setattr(launch, "SMALL", 0)
    monkeypatch.setattr(launch, "LARGE", 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        agree(name, T=9, B=1, H=20)
        agree(name, T=12, B=5, H=33, lengths=torch.tensor([5, 0, 12, 1, 7]))
        agree(name, torch.float32, T=40, B=6, H=32)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", LIBRARY)
def test_gate_values_are_the_reference_s(name: str) -> None:
    graph, call = call_of(name, 7, 3, 3, 6, torch.float64, torch.tensor([7, 2, 5]))
    call = replace(call, record=tuple(graph.named))
    plan = plan_of(graph, call.record)
    with torch.no_grad():
        assert cpu.refuses(plan, call) is None
        got, wanted = cpu.run(plan, call), eager.run(plan, call)
    mask = call.mask()
    assert mask is not None
    assert list(got.recorded) == list(wanted.recorded) == list(graph.named)
    for key, value in wanted.recorded.items():
        torch.testing.assert_close(got.recorded[key] * mask, value * mask, rtol=1e-11, atol=1e-12)
    assert "derivatives" in str(cpu.refuses(plan, call))


def test_a_part_of_a_state_in_a_product() -> None:
    """Random cells found it: the operand of the product lay nowhere, and dU was what happened to lie there."""

    @cw.cell
    def half(x, h, *, W, U: [H, H / 2], b):
        h = 0.5 * h + cw.tanh(W @ x + U @ cw.part(h, 0, 2) + b)
        return h

    agree(half)
    agree(half, lengths=torch.tensor([5, 0, 6, 1]), B=4)
