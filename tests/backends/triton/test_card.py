"""What needs a card: the same conformance at real sizes, cuDNN's path, a captured step, compiled kernels."""

from __future__ import annotations

import pytest
import torch
from tests.backends.agreement import as_double, call_of, poisoned, results

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends import triton as gpu
from cellwright.backends.call import Call
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


def test_a_step_captured_in_a_graph() -> None:
    """What a live stream on the card replays: one step, the state written where it was read."""
    layer = cw.nn.Recurrent("peephole", 8, 32).cuda()
    x, state = torch.zeros(1, 1, 8, device="cuda"), None
    with torch.no_grad():
        y, state = layer(x)
        warm = torch.cuda.Stream()
        with torch.cuda.stream(warm):
            layer(x, state)
        torch.cuda.current_stream().wait_stream(warm)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            y, new = layer(x, state)
            for name, value in state.items():
                value.copy_(new[name])
        for value in state.values():
            value.zero_()
        inputs, outputs = torch.randn(20, 1, 8, device="cuda"), []
        for row in inputs:
            x.copy_(row)
            graph.replay()
            outputs.append(y.clone())
        torch.testing.assert_close(torch.cat(outputs), layer(inputs)[0], rtol=1e-4, atol=1e-5)
