"""The compiled step against the cells' own text: every cell, random ones, stacks, blocks of rows, chosen rows."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from tests.backends.agreement import poisoned
from torch import Tensor

import cellwright as cw
from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu import chain as chains
from cellwright.backends.cpu import door as doors
from cellwright.backends.cpu.chain import Carried, Chain
from cellwright.backends.cpu.toolchain import ToolchainError
from cellwright.compiler.trace import Cell
from cellwright.stream.stack import watched
from cellwright.testing.cases import Case, by_the_text, draw
from cellwright.testing.random_cells import cell_of, random_cells

LIBRARY = cw.cells.all()
PLAIN, PRIME = Case("plain", 5, 3, 4, 8), Case("prime sizes", 4, 5, 3, 17)
CLOSE = {torch.float64: {"rtol": 1e-11, "atol": 1e-12}, torch.float32: {"rtol": 1e-4, "atol": 1e-5}}


def carried_of(cell: Cell, call: Call, hidden: int, threads: int = 1) -> Carried:
    chain = Chain([(cell.graph, {"H": hidden, "I": call.x.shape[-1]})], call.x.dtype)
    chain.pack([call.weights])
    return Carried(chain, [{n: v.detach().clone() for n, v in call.states.items()}], threads)


def steps_of(carried: Carried, call: Call) -> Outcome:
    """What the chain makes of a whole call, step by step."""
    outputs = []
    for t, x in enumerate(call.x.detach()):
        y = x.new_empty(len(x), carried.chain.output_width)
        carried.push([x, *(v[t].detach().contiguous() for v in (call.extra or {}).values())], y)
        outputs.append(y)
    return Outcome(torch.stack(outputs), dict(carried.states[0]), {})


def same(got: Outcome, wanted: Outcome, dtype: torch.dtype = torch.float64) -> None:
    torch.testing.assert_close(got.y, wanted.y.detach().to(dtype), **CLOSE[dtype])
    for name, value in wanted.states.items():
        torch.testing.assert_close(got.states[name], value.detach().to(dtype), **CLOSE[dtype])


@pytest.mark.parametrize("case", [PLAIN, PRIME], ids=lambda case: case.name)
@pytest.mark.parametrize("name", LIBRARY)
def test_every_cell_steps_as_its_text_says(name: str, case: Case) -> None:
    cell = cw.cells.get(name)
    call = draw(cell, case, torch.float64)
    same(poisoned(lambda: steps_of(carried_of(cell, call, case.hidden), call)), by_the_text(cell, call))


@pytest.mark.parametrize("name", ["lstm", "gru", "lstm_layer_norm", "slstm"])
def test_float32_is_the_same_to_its_own_digits(name: str) -> None:
    cell = cw.cells.get(name)
    call = draw(cell, PRIME, torch.float64)
    single = draw(cell, PRIME, torch.float32)
    same(steps_of(carried_of(cell, single, 17), single), by_the_text(cell, call), torch.float32)


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=("explicit", "generate"),
    suppress_health_check=list(HealthCheck),
)
@given(random_cells())
def test_random_cells_step_as_the_interpreter_says(cell: Cell) -> None:
    """With further inputs, scalar states, hyper-parameters, joined and block-diagonal matrices."""
    call = draw(cell, Case("random", 3, 4, 3, 6), torch.float64)
    same(poisoned(lambda: steps_of(carried_of(cell, call, 6), call)), by_the_text(Cell(cell.graph), call))


@pytest.mark.parametrize("threads", [1, 3])
def test_many_rows_go_block_by_block_and_thread_by_thread(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "LONGEST", 16)
    monkeypatch.setattr(chains, "SMALL", 1)
    call = draw(cw.cells.lstm, Case("many", 3, 107, 3, 9), torch.float64)
    carried = carried_of(cw.cells.lstm, call, 9, threads)
    assert carried._struct.block == 16 and carried._struct.parts == threads
    same(poisoned(lambda: steps_of(carried, call)), by_the_text(cw.cells.lstm, call))


def test_chosen_rows_step_and_the_others_stay() -> None:
    call = draw(cw.cells.peephole, Case("chosen", 1, 7, 3, 6), torch.float64)
    carried = carried_of(cw.cells.peephole, call, 6)
    chosen = torch.tensor([5, 0, 2])
    part = Call(call.x[:, chosen], {n: v[chosen] for n, v in call.states.items()}, call.weights)
    wanted = by_the_text(cw.cells.peephole, part)
    y = call.x.new_empty(3, 6)
    poisoned(lambda: carried.push([part.x[0].detach()], y, chosen))
    same(Outcome(y[None], {n: v[chosen] for n, v in carried.states[0].items()}, {}), wanted)
    for name, value in carried.states[0].items():
        others = [1, 3, 4, 6]
        assert torch.equal(value[others], call.states[name][others])


def stacked(dtype: torch.dtype = torch.float64, layers: int = 3) -> tuple[Any, Chain]:
    layer = cw.nn.Recurrent(cw.cells.lstm_projected.configure(P=5), 4, 7, num_layers=layers, dtype=dtype)
    chain = Chain([(layer.cell.graph, layer.sizes(l)) for l in range(layers)], dtype)
    chain.pack([layer.weights(l) for l in range(layers)])
    return layer, chain


def states_of(layer: Any, batch: int) -> list[dict[str, Tensor]]:
    start = layer.start(batch, next(layer.parameters()))
    return [{n: v[l].detach().clone() for n, v in start.items()} for l in range(layer.num_layers)]


def test_a_stack_is_one_call() -> None:
    layer, chain = stacked()
    x = torch.randn(6, 5, 4, dtype=torch.float64)
    carried = Carried(chain, states_of(layer, 5), 1)
    y = [x.new_empty(5, chain.output_width) for _ in x]
    for x_t, y_t in zip(x, y, strict=True):
        carried.push([x_t], y_t)
    torch.testing.assert_close(torch.stack(y), layer(x)[0].detach(), **CLOSE[torch.float64])
    assert carried.steps == 6


def test_packing_anew_takes_the_place_of_the_old_weights() -> None:
    layer, chain = stacked(layers=1)
    carried = Carried(chain, states_of(layer, 2), 1)
    before = [m.data_ptr() for m in chain.memory if m is not None]
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(-0.5)
    chain.pack([layer.weights(0)])
    assert before == [m.data_ptr() for m in chain.memory if m is not None]
    x, y = torch.randn(2, 4, dtype=torch.float64), torch.empty(2, 5, dtype=torch.float64)
    carried.push([x], y)
    torch.testing.assert_close(y, layer(x[None])[0][0].detach(), **CLOSE[torch.float64])


def door_of(single: bool = True, dtype: torch.dtype = torch.float64, batch: int = 1) -> tuple[Any, Any, Any]:
    """Always the same weights."""
    torch.manual_seed(2)
    layer, chain = stacked(dtype, layers=1)
    carried = Carried(chain, states_of(layer, batch), 1)
    door = carried.door(single, watched(layer))
    if door is None:
        pytest.skip("Python's headers are not on this machine")
    return layer, carried, door


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_door_answers_in_kind(dtype: torch.dtype) -> None:
    layer, _, door = door_of(dtype=dtype)
    _, other = stacked(dtype, layers=1)
    x = torch.randn(3, 4, dtype=dtype)
    wanted = layer(x)[0].detach()
    first, second, third = door(x[0], None), door(x[1].numpy(), None), torch.empty_like(wanted[2])
    assert type(first) is Tensor and type(second) is np.ndarray and door(x[2], third) is third
    for got, y in zip((first, torch.from_numpy(second), third), wanted, strict=True):
        torch.testing.assert_close(got, y, **CLOSE[dtype])
    assert not first.requires_grad and first.is_contiguous() and other is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_door_brings_steps_to_its_type(dtype: torch.dtype) -> None:
    layer, _, door = door_of(dtype=dtype)
    other = torch.float64 if dtype == torch.float32 else torch.float32
    x = torch.randn(3, 4, dtype=other)
    wanted = layer(x.to(dtype))[0].detach()
    steps = [x[0], x[1].numpy(), [float(v) for v in x[2]]]
    for step, y in zip(steps, wanted, strict=True):
        got = door(step, None, None)
        assert type(got) is (np.ndarray if isinstance(step, np.ndarray) else Tensor)
        torch.testing.assert_close(torch.as_tensor(got), y, **CLOSE[dtype])
    assert door([1, 2.5, -3, 0], None, None) is not NotImplemented


def test_a_door_takes_chosen_rows() -> None:
    _, carried, door = door_of(single=False, batch=5)
    alone = [door_of()[2] for _ in range(5)]
    make = torch.Generator().manual_seed(3)
    chosen: list[Any] = [[4, 0], [-1], torch.tensor([1, 2, 3]), np.array([2, -5]), 3, -4, []]
    chosen += [torch.tensor([True, False, True, False, False]), np.array([False, True, True, True, True])]
    for rows in chosen:
        which = torch.arange(5)[rows] if not isinstance(rows, int) else torch.tensor([rows % 5])
        x = torch.randn(len(which), 4, dtype=torch.float64, generator=make)
        step = x[0].numpy() if isinstance(rows, int) else x
        y = torch.as_tensor(door(step, None, rows)).reshape(len(which), 5)
        for k, x_t, y_t in zip(which.tolist(), x, y, strict=True):
            torch.testing.assert_close(alone[k](x_t, None, None), y_t, **CLOSE[torch.float64])
    assert carried.steps == len(chosen)


def test_what_a_door_gives_out_is_no_longer_its_own() -> None:
    _, _, door = door_of()
    x = torch.randn(4, dtype=torch.float64)
    tensor, array = door(x, None), door(x.numpy(), None)
    kept = tensor.clone(), array.copy()
    for _ in range(5):
        door(x, None), door(x.numpy(), None)
    assert torch.equal(tensor, kept[0]) and np.array_equal(array, kept[1])
    tensor.add_(1)
    assert tensor.view(-1)[0] != kept[0][0]


def test_a_door_does_nothing_where_there_is_more_to_do() -> None:
    _, carried, door = door_of(batch=2, single=False)
    x = torch.randn(2, 4, dtype=torch.float64)
    before = {n: v.clone() for n, v in carried.states[0].items()}
    y = torch.empty(2, carried.chain.output_width, dtype=torch.float64)
    narrow = torch.empty(2, 9, dtype=torch.float64)[:, : y.shape[1]]
    read_only = y.numpy().copy()
    read_only.flags.writeable = False
    for step, out in [
        (x.half(), None),
        (x.long(), None),
        (x.numpy().astype(np.int64), None),
        (x.numpy().astype(np.float16), None),
        (x.numpy().astype(">f8"), None),
        (x[None], None),
        (torch.tensor(1.0), None),
        (x.tolist()[0], None),
        (x[0], None),
        (x[:, :3], None),
        (torch.randn(4, 2, dtype=torch.float64).T, None),
        (x.tolist(), None),
        (None, None),
        (torch.nn.Parameter(x), None),
        (x, y[0]),
        (x, y.float()),
        (x, narrow),
        (x, read_only),
        (x, "out"),
        (x, x[:, : y.shape[1]]),
    ]:
        assert door(step, out, None) is NotImplemented
    for rows in (
        2,
        -3,
        10**30,
        True,
        [0, 0],
        [0, 2],
        [0.0],
        [True],
        (0, 1),
        "0",
        torch.tensor([0, 5]),
        np.zeros(2),
    ):
        assert door(x[0] if isinstance(rows, int) else x, None, rows) is NotImplemented
    for rows in (
        torch.tensor([True]),
        torch.tensor([True, False]),
        np.array([0, -2]),
        torch.tensor([[0], [1]]),
    ):
        assert door(x, None, rows) is NotImplemented
    assert door() is NotImplemented
    assert carried.steps == 0
    assert all(torch.equal(v, before[n]) for n, v in carried.states[0].items())


@pytest.mark.parametrize("change", ["in place", "moved", "replaced"])
def test_a_door_notices_other_weights(change: str) -> None:
    layer, _, door = door_of()
    x = torch.randn(4, dtype=torch.float64)
    assert door(x, None) is not NotImplemented
    last = list(layer.parameters())[-1]
    if change == "in place":
        with torch.no_grad():
            last[0] += 1
    elif change == "moved":
        layer.float().double()
    else:
        layer.b_o_l0 = torch.nn.Parameter(layer.b_o_l0.detach())
    assert door(x, None) is NotImplemented


def test_a_door_keeps_what_it_points_to() -> None:
    layer, carried, door = door_of()
    x = torch.randn(4, dtype=torch.float64)
    wanted = layer(x[None])[0][0].detach()
    del layer, carried
    rubbish = [torch.full((1000,), float("nan")) for _ in range(50)]
    torch.testing.assert_close(door(x, None), wanted, **CLOSE[torch.float64])
    assert len(rubbish) == 50


def test_pushes_of_several_threads_do_not_meet() -> None:
    """The interpreter's lock is let go in large steps: a push that finds another one under way does nothing."""
    layer = cw.nn.Recurrent("lstm", 64, 128)
    chain = Chain([(layer.cell.graph, layer.sizes(0))], torch.float32)
    chain.pack([layer.weights(0)])
    carried = Carried(chain, states_of(layer, 1), 1)
    door = carried.door(True, [])
    if door is None:
        pytest.skip("Python's headers are not on this machine")
    x, taken = torch.randn(64), []

    def run() -> None:
        taken.append(sum(door(x, None) is not NotImplemented for _ in range(300)))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one = Carried(chain, states_of(layer, 1), 1)
    y = torch.empty(1, 128)
    for _ in range(sum(taken)):
        one.push([x[None]], y)
    assert carried.steps == sum(taken) and torch.equal(one.states[0]["c"], carried.states[0]["c"])


def test_a_cell_with_too_many_values_is_refused() -> None:
    names = [f"s{k}" for k in range(17)]
    source = (
        f"def wide(x, {', '.join(names)}, *, W):\n    h = tanh(W @ x)\n    return {', '.join(['h'] * 17)}\n"
    )
    cell = cell_of("@cell\n" + source.replace("def wide", "def drawn"))
    with pytest.raises(ToolchainError, match="16 inputs and states at most"):
        Chain([(cell.graph, {"H": 2, "I": 2})], torch.float64)


@pytest.mark.parametrize("counter", [True, False])
def test_a_door_counts_by_either_reader(counter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not counter:
        monkeypatch.setattr(doors, "_counter", lambda: 0)
    elif not doors._counter():
        pytest.skip("this build of torch does not offer its reader of versions")
    layer, _, door = door_of()
    x = torch.randn(4, dtype=torch.float64)
    assert door(x, None) is not NotImplemented
    with torch.no_grad():
        layer.b_f_l0[2] += 0
    assert door(x, None) is NotImplemented


def test_weights_of_inference_mode_do_not_count_and_are_let_through() -> None:
    with torch.inference_mode():
        layer = cw.nn.Recurrent("gru", 3, 4)
        stream = cw.Stream(layer)
        wanted = layer(torch.ones(2, 3))[0]
    y = [stream.push(torch.ones(3)) for _ in range(2)]
    torch.testing.assert_close(torch.stack(y), wanted.clone(), **CLOSE[torch.float32])


def test_a_door_holds_on_to_nothing() -> None:
    """Whatever it answers, the counts of references are afterwards what they were."""
    layer, carried, door = door_of()
    x = torch.randn(4, dtype=torch.float64)
    array, out, into = x.numpy(), torch.empty(5, dtype=torch.float64), np.empty(5)
    held = (x, array, out, into, None, NotImplemented, np.dtype(np.float64), door, *layer.parameters())

    def push() -> None:
        door(x, None), door(array, None), door(x, out), door(array, into)
        door(x[:2], None), door(None, None), door(x, x), door(x, array)

    push()
    before = [sys.getrefcount(v) for v in held]
    for _ in range(2000):
        push()
    after = [sys.getrefcount(v) for v in held]
    assert all(abs(b - a) < 20 for a, b in zip(before, after, strict=True))
    assert carried.steps == 4 * 2001
