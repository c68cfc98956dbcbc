"""The emitted Triton against the reference, in Triton's interpreter: values, states, every gradient, poisoned memory.

All sizes are small: the interpreter takes a millisecond per operation. `test_card.py` has them at real sizes.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch
from tests.backends.agreement import agree, as_double, call_of, poisoned, results
from tests.backends.test_eager import zoo

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends import triton as gpu
from cellwright.backends.triton import scan, sizes
from cellwright.backends.triton.launch import how_of, kernel
from cellwright.runtime.choose import plan_of
from cellwright.testing.cases import Case, draw, everything
from cellwright.testing.random_cells import random_cell

pytestmark = [
    pytest.mark.usefixtures("interpreter"),
    # The interpreter computes what lies past a row's end too.
    pytest.mark.filterwarnings("ignore:(invalid value|divide by zero|overflow) encountered:RuntimeWarning"),
]
RAGGED = torch.tensor([4, 0, 2, 3])
RESETS = torch.zeros(4, 4, dtype=torch.bool)
RESETS[0, 1] = RESETS[2, 0] = RESETS[3, 3] = RESETS[1, 2] = True


# A product, a product of a product, matrices of other shapes, sums over a row, blocks, several states.
@pytest.mark.parametrize(
    "name", ["lstm", "gru_v1", "lstm_projected", "gru_layer_norm", "slstm", "qrnn", "rhn"]
)
def test_cells_with_lengths_and_resets(name: str) -> None:
    agree(name, lengths=RAGGED, resets=RESETS, on=gpu, T=4, B=4, H=6)


def test_a_whole_batch_in_float32() -> None:
    agree("gru", torch.float32, on=gpu, T=3, B=3, H=16)


def test_every_operation() -> None:
    call = draw(zoo, Case("zoo", 2, 2, 4, 5), torch.float64)
    plan = plan_of(zoo.graph)
    expected, got = (
        everything(eager.run(plan, call), call),
        poisoned(lambda: everything(gpu.run(plan, call), call)),
    )
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize("seed", [3, 11])
def test_random_cells(seed: int) -> None:
    cell = random_cell(Random(seed))
    call = draw(cell, Case("random", 3, 3, 3, 6, (3, 0, 2)), torch.float64)
    plan = plan_of(cell.graph)
    expected, got = (
        everything(eager.run(plan, call), call),
        poisoned(lambda: everything(gpu.run(plan, call), call)),
    )
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize(
    ("dtype", "floor"), [(torch.bfloat16, 8e-3), (torch.float16, 1e-3)], ids=["bf16", "fp16"]
)
@pytest.mark.parametrize("name", ["lstm", "mingru"])
def test_narrow_types_are_near_float64_and_the_same_twice(
    name: str, dtype: torch.dtype, floor: float
) -> None:
    graph, call = call_of(name, 4, 3, 3, 6, dtype, None)
    exact, usual = results(eager, graph, as_double(call)), results(eager, graph, call)
    got, again = poisoned(lambda: results(gpu, graph, call)), results(gpu, graph, call)
    for key, value in exact.items():
        size = float(value.abs().max())
        error, own = (float((v[key].double() - value).abs().max()) / size for v in (got, usual))
        assert error <= max(4 * own, floor), f"{key}: error {error:.1e}, the reference's {own:.1e}"
        assert got[key].dtype == dtype and torch.equal(got[key], again[key])


def test_blocks_have_programs_of_their_own() -> None:
    cell = cw.cells.slstm.configure(heads=3)
    agree(cell, lengths=RAGGED, on=gpu, T=4, B=4, H=6)
    k = kernel(cell.graph)
    assert [sizes.layout(k.program, name, {"H": 6, "I": 3}, 4).shares for name in k.program.kernels] == [3, 3]


def test_blocks_beside_a_sum_over_the_row_are_one_matrix() -> None:
    @cw.cell
    def mixed(x, h, *, W, R: [2, H / 2, H / 2]):
        h = cw.layer_norm(cw.tanh(W @ x + cw.blocks(R, h)), eps=0.1)
        return h

    agree(mixed, on=gpu, T=3, B=2, H=6)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card on whose chip no matrix fits."""
    monkeypatch.setattr(sizes, "on_chip", lambda _: 0)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("name", ["lstm", "gru_v1"])
def test_matrices_that_do_not_fit_are_read_at_every_step(name: str) -> None:
    graph, call = call_of(name, 2, 2, 3, 18, torch.float32, None)
    assert "read anew at every step" in gpu.notes(plan_of(graph), call)[1]
    agree(name, lengths=RAGGED, resets=RESETS, on=gpu, T=4, B=4, H=18)


@pytest.mark.usefixtures("full")
def test_blocks_that_do_not_fit() -> None:
    @cw.cell
    def mixed(x, h, *, W, R: [2, H / 2, H / 2]):
        h = cw.layer_norm(cw.tanh(W @ x + cw.blocks(R, h)), eps=0.1)
        return h

    agree(mixed, on=gpu, T=2, B=2, H=18)
    agree(cw.cells.slstm.configure(heads=3), on=gpu, T=2, B=2, H=18)


def test_units_are_shared_where_none_reads_another() -> None:
    agree("indrnn", lengths=torch.tensor([3, 0]), on=gpu, T=3, B=2, H=131)


def test_gate_values_are_the_reference_s() -> None:
    graph, call = call_of("lstm", 4, 4, 3, 6, torch.float64, RAGGED)
    call = replace(call, record=tuple(graph.named))
    plan = plan_of(graph, call.record)
    assert "derivatives" in str(gpu.refuses(plan, call))
    with torch.no_grad():
        assert gpu.refuses(plan, call) is None
        got, wanted = gpu.run(plan, call), eager.run(plan, call)
    for key, value in wanted.recorded.items():
        torch.testing.assert_close(got.recorded[key], value, rtol=1e-11, atol=1e-12)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is cut into parts of two or three steps."""
    monkeypatch.setattr(scan, "LEAST_STEPS", 2)
    monkeypatch.setattr(scan, "processors", lambda _: 8)


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("name", ["minlstm", "qrnn"])
def test_a_scan_is_the_step_form(name: str) -> None:
    """With any initial state, its gradient, lengths and sequences that begin anew."""
    agree(name, on=gpu, T=7, B=2)
    resets = torch.zeros(9, 4, dtype=torch.bool)
    resets[0, 1] = resets[2, 1] = resets[3, 0] = resets[8, 3] = True
    agree(name, lengths=torch.tensor([9, 0, 4, 5]), resets=resets, on=gpu, T=9, B=4)


@pytest.mark.usefixtures("cut")
def test_a_users_own_linear_cell_is_scanned() -> None:
    @cw.cell
    def leaky(x, h, k, *, W, b, a: []):
        k = 0.9 * k + cw.tanh(W @ x + b)
        h = cw.where(W @ x < 0.3, a * h + cw.tanh(W @ x), -h)
        return h, k

    agree(leaky, on=gpu, T=7, B=2)
    graph, call = call_of(leaky, 7, 2, 3, 6, torch.float64, None)
    k = kernel(graph)
    given = gpu.backend.given_of(k.program.base, call)
    assert how_of(k, given, {"H": 6, "I": 3}).parts == 3
    assert "scanned in 3 parts" in "\n".join(gpu.notes(plan_of(graph), call))


def test_a_second_derivative_is_the_reference_s() -> None:
    graph, call = call_of("gru", 3, 2, 3, 4, torch.float64, None)
    plan = plan_of(graph)

    def twice(backend: object) -> torch.Tensor:
        (dx,) = torch.autograd.grad(backend.run(plan, call).y.square().sum(), call.x, create_graph=True)
        return torch.autograd.grad(dx.square().sum(), call.weights["U_n"])[0]

    torch.testing.assert_close(twice(gpu), twice(eager), rtol=1e-10, atol=1e-12)


def test_autocast_rounds_what_products_read_and_nothing_else() -> None:
    layer, x = cw.nn.Recurrent("mgu", 5, 8, backend="triton"), torch.randn(4, 2, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)[0]
    plain = layer(x)[0]
    assert y.dtype == torch.float32 and not torch.equal(y, plain)
    torch.testing.assert_close(y, plain, rtol=0.02, atol=0.02)
    dx, expected = (torch.autograd.grad(v.sum(), x)[0] for v in (y, plain))
    torch.testing.assert_close(dx, expected, rtol=0.05, atol=0.02)
