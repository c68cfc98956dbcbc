"""Programs that share a step's units, in Triton's interpreter: a launch for every stage of every step.

The same text meets between stages on a card (`test_card.py`); what is stored and read between them is the same.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

import pytest
import torch
from tests.backends.agreement import agree, as_double, call_of, poisoned, results

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends import triton as gpu
from cellwright.backends.triton import choice, joint, joint_launch, launch, sizes
from cellwright.backends.triton.choice import Choice, choice_of
from cellwright.backends.triton.pace import card_of, pace_file, read_pace, write_pace
from cellwright.backends.triton.stages import stages_of
from cellwright.compiler.hoist import hoist
from cellwright.compiler.routine import make_recurrence
from cellwright.runtime.choose import plan_of
from cellwright.testing.cases import Case, draw, everything
from cellwright.testing.random_cells import random_cell

pytestmark = [
    pytest.mark.usefixtures("interpreter"),
    pytest.mark.filterwarnings("ignore:(invalid value|divide by zero|overflow) encountered:RuntimeWarning"),
]
RAGGED = torch.tensor([3, 0, 2])
RESETS = torch.zeros(3, 3, dtype=torch.bool)
RESETS[0, 1] = RESETS[2, 0] = RESETS[1, 2] = True
CPU = torch.device("cpu")
LIBRARY = cw.cells.all()


def letters(units: int) -> tuple[tuple[str, int], ...]:
    return ("H", units), ("I", 3)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Units are shared, whatever that costs; with the parameter True matrices are held."""
    held = getattr(request, "param", False)

    def only(
        graph: object, record: tuple[str, ...], items: tuple, batch: int, dtype: torch.dtype, card: joint.Card
    ):
        k = launch.kernel(graph, record, held, True)
        made = {}
        for name, written in k.program.kernels.items():
            found = joint._layouts(k.program, written, dict(items), batch, dtype, card)
            made[name] = min((j for j in found if j.shares > 1), key=lambda j: j.shares)
        return (Choice(k, made, {"alone": 1.0, "sharing units": 2.0}, card),)

    monkeypatch.setattr(choice, "_choices", only)
    # Few units each: two programs of small layers.
    monkeypatch.setattr(joint, "SHARES", (3, 6, 12))


# A product of a product in a step, and with resets; products that make other sizes.
@pytest.mark.parametrize(
    ("name", "shared", "resets"),
    [("gru_v1", False, RESETS), ("lstm_projected", True, None)],
    ids=["read", "held"],
    indirect=["shared"],
)
def test_cells_with_lengths_and_resets(name: str, shared: None, resets: torch.Tensor | None) -> None:
    agree(name, lengths=RAGGED, resets=resets, on=gpu, T=3, B=3, H=6)


@pytest.mark.usefixtures("shared")
def test_sums_over_a_row_and_rearrangements() -> None:
    agree("lstm_layer_norm", on=gpu, T=2, B=2, H=6)


@pytest.mark.usefixtures("shared")
def test_sums_in_parts_and_of_whole_rows() -> None:
    """A mean with its variance and a largest value in parts (some programs have one unit, some none), and
    as a whole row, which saves a meeting, a sum over the states before the step."""

    @cw.cell
    def summed(x, h, *, W, U, p):
        v = U @ h + p * cw.sum(p * h)
        h = cw.tanh(cw.layer_norm(v, eps=0.1) * cw.max(cw.tanh(W @ x)) + W @ x)
        return h

    agree(summed, lengths=torch.tensor([2, 1]), on=gpu, T=2, B=2, H=5)
    made = make_recurrence(hoist(summed.graph)).forward
    found = stages_of(made)
    ops = [made.nodes[k].op for k in found.parts]
    assert sorted(ops) == ["max", "mean", "mean"]
    (variance,) = [k for k, mean in found.parts.items() if mean is not None]
    assert found.level[variance] == found.level[found.parts[variance]]


@pytest.mark.usefixtures("shared")
def test_blocks_read_only_what_they_need() -> None:
    agree(cw.cells.slstm.configure(heads=3), on=gpu, T=2, B=2, H=6)


@pytest.mark.usefixtures("shared")
def test_a_random_cell() -> None:
    cell = random_cell(Random(3))
    call = draw(cell, Case("random", 2, 3, 3, 6, (2, 0, 1)), torch.float64)
    plan = plan_of(cell.graph)
    expected = everything(eager.run(plan, call), call)
    got = poisoned(lambda: everything(gpu.run(plan, call), call))
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.usefixtures("shared")
def test_narrow_types_are_the_same_twice() -> None:
    graph, call = call_of("lstm", 3, 3, 3, 6, torch.bfloat16, None)
    exact, usual = results(eager, graph, as_double(call)), results(eager, graph, call)
    got, again = poisoned(lambda: results(gpu, graph, call)), results(gpu, graph, call)
    for key, value in exact.items():
        size = float(value.abs().max())
        error, own = (float((v[key].double() - value).abs().max()) / size for v in (got, usual))
        # The interpreter cuts a number to bfloat16 where a card rounds it: up to twice the error.
        assert error <= max(4 * own, 2e-2), f"{key}: error {error:.1e}, the reference's {own:.1e}"
        assert got[key].dtype == torch.bfloat16 and torch.equal(got[key], again[key])


def chosen(name: str, units: int, batch: int) -> Choice:
    layer = cw.nn.Recurrent(name, 3, units).bfloat16()
    call = layer.call(torch.zeros(4, batch, 3, dtype=torch.bfloat16))
    return choice_of(layer.running().graph, call)[0]


def test_small_layers_run_alone_and_large_ones_share_their_units() -> None:
    assert chosen("lstm", 64, 16).joint is None
    for name in ("lstm", "gru_v1", "lstm_layer_norm"):
        made = chosen(name, 768, 16)
        assert made.joint is not None and made.costs["alone"] > 10 * made.costs["sharing units"]
        assert all(16 < j.shares <= 132 for j in made.joint.values())


def test_no_more_programs_wait_for_each_other_than_the_card_has_processors() -> None:
    for batch in (1, 100, 5000):
        found = chosen("peephole", 768, batch).joint
        assert found is not None
        for made in found.values():
            assert made.blocks * made.shares <= 132 and made.rows * made.blocks >= min(batch, 16)


def test_a_running_sum_keeps_rows_whole_and_too_wide_ones_are_refused() -> None:
    @cw.cell
    def ordered(x, h, *, W, U):
        h = cw.tanh(W @ x + U @ cw.cumsum(h))
        return h

    layer = cw.nn.Recurrent(ordered, 3, 1025)
    call = layer.call(torch.zeros(2, 1, 3))
    assert choice_of(layer.running().graph, call)[0].joint is None
    assert "rows of at most 1024 units, and one has 1025" in str(gpu.refuses(plan_of(ordered.graph), call))
    wide = cw.nn.Recurrent("peephole", 3, 1025)
    assert gpu.refuses(plan_of(wide.running().graph), wide.call(torch.zeros(2, 1, 3))) is None


def test_explain_says_what_was_compared() -> None:
    layer = cw.nn.Recurrent("peephole", 3, 768, backend="triton")
    said = cw.explain(layer, torch.zeros(4, 16, 3))
    assert "1/48 of the units, which meet 1 + 1 times a step; matrices read anew at every step" in said
    assert "a meeting 1.3 us, 80 GB/s and 2.0 TFLOP/s by one processor, assumed" in said


def test_the_pace_of_a_card_is_kept(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path))
    file, pace = pace_file("NVIDIA H100 80GB HBM3"), joint.Pace(1.1, 95.5, 2.5, True)
    assert read_pace(file) is None
    write_pace(file, pace)
    assert read_pace(file) == pace and "measured on this card" in str(pace)
    file.write_text('{"meet": 0, "read": 1, "multiply": "x"}')
    assert read_pace(file) is None
    assert card_of(CPU).pace is joint.ASSUMED


def test_long_sequences_are_launched_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meetings are counted in 32 bits: every row block takes every step once, in order."""
    monkeypatch.setattr(joint_launch, "STEPS", 4)
    layout = chosen("peephole", 768, 100).joint["forward"]
    layout = replace(layout, rows=16, blocks=3)
    found = list(joint_launch.launches(layout, 9, 7, range(2), False))
    assert [(first, count) for _, first, count, _, _ in found[::3]] == [(0, 4), (4, 4), (8, 1)]
    assert [(grid[0], block) for grid, _, _, block, _ in found[:3]] == [(3, 0), (3, 3), (1, 6)]
    assert len(found) == 9 and all(grid[1] == layout.shares for grid, *_ in found)


def test_heads_of_a_wide_layer_have_programs_of_their_own() -> None:
    """Rows of 2,048 units, and no program has more than 128 of them."""
    cell = cw.cells.slstm.configure(heads=16)
    made = choice._choices(cell.graph, (), letters(2048), 16, torch.bfloat16, card_of(CPU))[0]
    assert made.joint is None and 0 < made.costs["alone"] < made.costs["sharing units"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_held_matrices_make_no_long_code_and_leave_room(dtype: torch.dtype) -> None:
    """Of float32 a product is three, half as deep: 768 of them were 26 KiB of spills and 16 s to compile."""
    for name, units in product(("peephole", "mgu", "lstm_layer_norm", "slstm"), (64, 256, 768)):
        graph = LIBRARY[name].graph
        made = choice._choices(graph, (), letters(units), 16, dtype, card_of(CPU))[0]
        for way, written in made.kernel.program.kernels.items():
            if made.joint is None or not made.kernel.program.held:
                continue
            j, words = made.joint[way], dict(written.dims)
            tiles = [(j.wholes[words[read]], j.pads[words[out]]) for read, out in written.tiles]
            assert sizes.unrolled(j.rows, tiles, j.warps, dtype) <= 128, (name, units)
    # By hand: four matrices of [256, 16], two tiles of 16 x 8 in each, which four warps have at once.
    assert sizes.unrolled(16, 4 * [(256, 16)], 4, torch.float32) == 4 * (256 // 8) * 3
    assert sizes.unrolled(16, 4 * [(256, 16)], 4, torch.bfloat16) == 4 * (256 // 16)


def test_after_a_failure_rows_stay_whole() -> None:
    """A launch that the driver refuses is said once; what is left runs from then on."""
    graph, call = call_of("mgu", 2, 2, 3, 768, torch.float32, None)
    first = choice_of(graph, call)[0]
    assert first.joint is not None
    sizes = choice_of(graph, call)[1]
    first.kernel.failed[(torch.float32, tuple(sizes.values()))] = launch.KernelError("too many programs")
    try:
        assert choice_of(graph, call)[0].joint is None
    finally:
        first.kernel.failed.clear()
