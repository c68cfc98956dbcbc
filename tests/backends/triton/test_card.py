"""What needs a card: the same conformance at real sizes, cuDNN's path, programs that meet, a recorded step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.backends.agreement import as_double, call_of, poisoned, results

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends import triton as gpu
from cellwright.backends.call import Call
from cellwright.backends.triton.choice import choice_of
from cellwright.backends.triton.joint import ASSUMED
from cellwright.backends.triton.pace import card_of
from cellwright.runtime.choose import plan_of

LIBRARY = cw.cells.all()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU that torch can use"),
]
FLOORS = {torch.float32: 2e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}


def on_card(call: Call) -> Call:
    def there(values: dict | None) -> dict | None:
        return None if values is None else {k: v.detach().cuda().requires_grad_() for k, v in values.items()}

    x = call.x.detach().cuda().requires_grad_()
    lengths = None if call.lengths is None else call.lengths.cuda()
    resets = None if call.resets is None else call.resets.cuda()
    return Call(x, there(call.states), there(call.weights), lengths, resets=resets, fresh=there(call.fresh))


def agree(cell: cw.Cell | str, dtype: torch.dtype, T: int, B: int, H: int, **more: torch.Tensor) -> None:
    """No further from float64 than 4 times the reference on the card; the same bits twice."""
    graph, call = call_of(cell, T, B, 7, H, dtype, more.get("lengths"), resets=more.get("resets"))
    exact = results(eager, graph, as_double(call))
    call = on_card(call)
    assert gpu.refuses(plan_of(graph), call) is None
    usual, got = results(eager, graph, call), poisoned(lambda: results(gpu, graph, call))
    again = results(gpu, graph, call)
    for name, value in exact.items():
        size = float(value.abs().max()) + 1e-30
        error, own = (float((v[name].cpu().double() - value).abs().max()) / size for v in (got, usual))
        assert error <= max(4 * own, FLOORS[dtype]), f"{name}: error {error:.1e}, the reference's {own:.1e}"
        assert torch.equal(got[name], again[name]), name


@pytest.mark.parametrize("name", LIBRARY)
def test_check_cell(name: str) -> None:
    report = cw.testing.check_cell(LIBRARY[name], backends=("triton",), device="cuda")
    assert any(row.backend == "triton" for row in report.rows), report.refusals


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("name", ["elman", "lstm", "gru_v1", "lstm_layer_norm", "mingru", "slstm"])
def test_check_cell_in_narrow_types(name: str, dtype: torch.dtype) -> None:
    report = cw.testing.check_cell(LIBRARY[name], backends=("triton",), device="cuda", dtypes=(dtype,))
    assert any(row.backend == "triton" for row in report.rows), report.refusals


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16], ids=["fp32", "bf16", "fp16"]
)
@pytest.mark.parametrize("name", ["lstm", "gru", "gru_v1", "lstm_layer_norm", "minlstm", "lstm_projected"])
def test_types_and_sizes(name: str, dtype: torch.dtype) -> None:
    agree(name, dtype, 33, 5, 48)
    agree(name, dtype, 16, 40, 64, lengths=torch.arange(40) % 17)


@pytest.mark.parametrize("width", [32, 64, 128])
def test_blocks(width: int) -> None:
    agree(cw.cells.slstm.configure(heads=3), torch.bfloat16, 40, 16, 3 * width)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", ["peephole", "gru_v1", "lstm_layer_norm", "lstm_projected", "slstm"])
def test_programs_that_share_the_units(name: str, dtype: torch.dtype) -> None:
    """A wide layer's programs meet at every step; with more rows than they hold at once, batch after batch."""
    cell = cw.cells.slstm.configure(heads=1) if name == "slstm" else name
    for T, B in ((24, 5), (3, 900)):
        graph, call = call_of(cell, T, B, 7, 640, dtype, None)
        assert choice_of(graph, on_card(call))[0].joint is not None
        agree(cell, dtype, T, B, 640)
    resets = torch.rand(24, 5, generator=torch.Generator().manual_seed(0)) < 0.2
    agree(cell, dtype, 24, 5, 640, lengths=torch.tensor([24, 0, 1, 13, 23]), resets=resets)


def test_many_meetings_in_a_row() -> None:
    """Programs that lost each other would hang, or give other bits."""
    layer = cw.nn.Recurrent("gru_v1", 8, 768).cuda().bfloat16()
    x = torch.randn(4096, 16, 8, device="cuda", dtype=torch.bfloat16)
    with torch.no_grad():
        first = layer(x)[0]
        for _ in range(3):
            assert torch.equal(layer(x)[0], first)


def test_the_pace_of_this_card_is_measured_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cellwright.backends.triton import pace

    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path))
    pace._card.cache_clear()
    found = card_of(torch.device("cuda")).pace
    assert found is not ASSUMED and found.measured
    assert 0.3 < found.meet < 20 and 5 < found.read < 500 and 0.1 < found.multiply < 20, str(found)
    assert pace.read_pace(pace.pace_file(torch.cuda.get_device_name())) == found
    pace._card.cache_clear()


def test_weights_and_input_on_other_devices_are_the_users_mistake() -> None:
    layer = cw.nn.Recurrent("mgu", 3, 4).cuda()
    with pytest.raises(cw.ShapeError, match="on another device than the weights: got cpu, expected cuda:0"):
        layer(torch.zeros(3, 2, 3))


def test_more_memory_than_the_card_has_is_refused_before_anything_runs() -> None:
    layer, batch = cw.nn.Recurrent("peephole", 8, 256).cuda(), 4096
    free = torch.cuda.mem_get_info()[0]
    steps = 2 * free // (batch * 256 * 4 * 4)
    x = torch.zeros(1, batch, 8, device="cuda").expand(steps, batch, 8)
    with pytest.raises(cw.RoomError, match=r"peephole over [\d,]+ steps.*a batch of at most \d+"):
        layer(x)


def test_resets() -> None:
    resets = torch.rand(50, 9, generator=torch.Generator().manual_seed(0)) < 0.1
    agree("gru_v1", torch.float32, 50, 9, 32, resets=resets)
    agree("mingru", torch.float32, 700, 2, 32, resets=torch.rand(700, 2) < 0.01)


def test_a_long_scan_is_the_step_form() -> None:
    graph, call = call_of("mingru", 4096, 1, 4, 64, torch.float32, None)
    call = on_card(call)
    assert "scanned in" in "\n".join(gpu.notes(plan_of(graph), call))
    agree("mingru", torch.float32, 4096, 1, 64)


def test_stock_cells_are_cudnns_until_more_is_asked() -> None:
    layer, x = cw.nn.LSTM(8, 16).cuda(), torch.randn(5, 3, 8, device="cuda")
    assert cw.explain(layer, x).startswith("runs on: stock\n  not cpu: ")
    layer(x)[0].sum().backward()
    resets = torch.zeros(5, 3, dtype=torch.bool, device="cuda")
    fresh = {name: torch.zeros(3, 16, device="cuda") for name in ("h", "c")}
    call = Call(x, fresh, layer.weights(0), resets=resets, fresh=fresh)
    from cellwright.runtime.choose import choose

    assert choose(plan_of(cw.cells.lstm.graph), call).name == "triton"


@pytest.mark.parametrize("name", ["peephole", "gru_v1", "mingru", "lstm"])
def test_a_streams_step_is_recorded_once_and_replayed(name: str) -> None:
    layer = cw.nn.Recurrent(name, 8, 32, num_layers=2).cuda()
    for lead in ((), (3,)):
        stream, x = cw.Stream(layer), torch.randn(20, *lead, 8, device="cuda")
        pushed = torch.stack([stream.push(x_t) for x_t in x])
        y, state = layer.eval()(x if lead else x[:, None])
        torch.testing.assert_close(pushed, y if lead else y[:, 0], rtol=1e-4, atol=1e-5)
        assert stream.explain().startswith("runs on: a recorded step (CUDA graph)")
        last = stream.state["h"]
        torch.testing.assert_close(last, state["h"] if lead else state["h"][:, 0], rtol=1e-4, atol=1e-5)


def test_a_wide_stream_meets_within_its_recorded_step() -> None:
    layer = cw.nn.Recurrent("peephole", 8, 768).cuda()
    stream, x = cw.Stream(layer), torch.randn(20, 8, device="cuda")
    pushed = torch.stack([stream.push(x_t) for x_t in x])
    torch.testing.assert_close(pushed, layer.eval()(x)[0], rtol=1e-3, atol=1e-4)


def test_a_stream_whose_weights_change_is_recorded_anew() -> None:
    layer, x = cw.nn.Recurrent("peephole", 8, 32).cuda(), torch.randn(8, device="cuda")
    stream = cw.Stream(layer)
    before = stream.push(x)
    with torch.no_grad():
        layer.weights(0)["W_g"].mul_(2)
    stream.reset()
    after = stream.push(x)
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, layer.eval()(x[None])[0][0], rtol=1e-4, atol=1e-5)
