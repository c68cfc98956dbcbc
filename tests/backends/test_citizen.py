"""The kernels among torch's own machinery: higher derivatives, functional transforms, compile, export, autocast."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch

import cellwright as cw

CELLS = ("lstm", "gru_v1", "lstm_layer_norm", "slstm")


def layer_of(name: str, backend: str | None = None, dtype: torch.dtype = torch.float64) -> cw.nn.Recurrent:
    torch.manual_seed(1)
    return cw.nn.Recurrent(name, 3, 4, backend=backend, dtype=dtype)


def input_of(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(2), dtype=dtype)


@pytest.mark.parametrize("name", CELLS)
def test_double_backward(name: str) -> None:
    found = []
    for backend in ("cpu", "eager"):
        layer, x = layer_of(name, backend), input_of().requires_grad_()
        y, state = layer(x)
        (dx,) = torch.autograd.grad(y.sin().sum() + state["h"].sum(), x, create_graph=True)
        penalty = (dx**2).sum()
        found.append(torch.autograd.grad(penalty, [x, *layer.parameters()], allow_unused=True))
    for mine, reference in zip(*found, strict=False):
        if reference is not None:
            torch.testing.assert_close(mine, reference, rtol=1e-8, atol=1e-10)


def test_gradgradcheck() -> None:
    layer, x = layer_of("gru", "cpu"), input_of()[:2].requires_grad_()
    assert torch.autograd.gradgradcheck(lambda v: layer(v)[0], (x,))


@pytest.mark.parametrize("name", CELLS)
def test_gradients_per_sample(name: str) -> None:
    layer, x = layer_of(name), input_of()
    weights = dict(layer.named_parameters())

    def loss(weights: dict[str, torch.Tensor], sample: torch.Tensor) -> torch.Tensor:
        y, _ = torch.func.functional_call(layer, weights, (sample.unsqueeze(1),))
        return (y**2).sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 1))(weights, x)
    total = {k: v.sum(0) for k, v in each.items()}
    (layer(x)[0] ** 2).sum().backward()
    for k, v in weights.items():
        torch.testing.assert_close(total[k], v.grad, rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_forward_mode() -> None:
    layer, x = layer_of("lstm"), input_of()
    tangent = torch.ones_like(x)
    _, jvp = torch.func.jvp(lambda v: layer(v)[0], (x,), (tangent,))
    step = 1e-6
    numeric = (layer(x + step * tangent)[0] - layer(x - step * tangent)[0]) / (2 * step)
    torch.testing.assert_close(jvp, numeric, rtol=1e-6, atol=1e-8)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, tangent)
        y, _ = layer(dual)
        torch.testing.assert_close(torch.autograd.forward_ad.unpack_dual(y).tangent, jvp)


@pytest.mark.parametrize("name", CELLS)
def test_compile_without_a_graph_break(name: str) -> None:
    layer, x = layer_of(name, dtype=torch.float32), input_of(torch.float32)
    plain = copy.deepcopy(layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
        y, state = compiled(x)
        (y.sum() + state["h"].sum()).backward()
    y_plain, state_plain = plain(x)
    (y_plain.sum() + state_plain["h"].sum()).backward()
    torch.testing.assert_close(y, y_plain)
    for mine, usual in zip(layer.parameters(), plain.parameters(), strict=False):
        torch.testing.assert_close(mine.grad, usual.grad)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x)[0], y_plain)
    torch._dynamo.reset()


def test_export_with_any_length_and_batch() -> None:
    layer = layer_of("gru", dtype=torch.float32).eval()
    time, batch = torch.export.Dim("time", min=1), torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            layer, (input_of(torch.float32),), dynamic_shapes={"x": {0: time, 1: batch}}
        )
    x = torch.randn(9, 7, 3)
    torch.testing.assert_close(program.module()(x)[0], layer(x)[0])


def test_autocast_computes_in_float32() -> None:
    layer, x = layer_of("lstm", dtype=torch.float32), input_of(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = layer(x)
    torch.testing.assert_close(y, layer(x)[0])


def test_no_grad_keeps_nothing_and_agrees() -> None:
    for name in CELLS:
        layer, x = layer_of(name), input_of()
        with torch.no_grad():
            y, state = layer(x)
        assert not y.requires_grad
        torch.testing.assert_close(y, layer(x)[0])
        torch.testing.assert_close(state, layer(x)[1])


def test_backward_twice_with_the_graph_retained() -> None:
    layer, x = layer_of("lstm"), input_of().requires_grad_()
    loss = layer(x)[0].sum()
    first = torch.autograd.grad(loss, x, retain_graph=True)[0]
    torch.testing.assert_close(torch.autograd.grad(loss, x)[0], first, rtol=0, atol=0)


def test_a_changed_output_is_noticed_before_the_way_back() -> None:
    layer, x = layer_of("lstm"), input_of().requires_grad_()
    y, _ = layer(x)
    with torch.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
