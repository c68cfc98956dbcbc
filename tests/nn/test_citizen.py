"""Every option of a layer among torch's own machinery: compile, export, torch.func, penalties, autocast, DDP."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cellwright as cw

X = torch.randn(7, 3, 3, generator=torch.Generator().manual_seed(1))
RESET = torch.zeros(7, 3, dtype=torch.bool)
RESET[[3, 5], [1, 0]] = True
LENGTHS = torch.tensor([7, 2, 5])

# Parts that draw nothing at random, or draw with a share that leaves no choice, so that two runs can be compared.
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lengths, both ways": ({"bidirectional": True}, {"lengths": LENGTHS}),
    "resets": ({"bidirectional": True}, {"reset": RESET, "lengths": LENGTHS}),
    "trace": ({"num_layers": 2}, {"trace": True}),
    "segments": ({"checkpoint": 3}, {}),
    "merged": ({"num_layers": 2, "bidirectional": True, "merge": "mul"}, {}),
    "mixed": ({"cell": ["lstm", "gru"], "size": [4, 5]}, {}),
    "zoneout": ({"parts": lambda: [cw.nn.Zoneout({"h": 0.0, "c": 1.0}), cw.nn.StateDropout(0.0)]}, {}),
    "dropped weights": ({"parts": lambda: [cw.nn.DropConnect(0.0), cw.nn.LockedDropout(0.0)]}, {}),
    "between layers": (
        {"cell": "gru", "size": 3, "num_layers": 2}
        | {"parts": lambda: [cw.nn.Residual(), cw.nn.Highway(), cw.nn.LayerNorm()]},
        {},
    ),
    "learned start": ({"parts": lambda: [cw.nn.LearnedStart()]}, {"reset": RESET}),
    "clipped": ({"parts": lambda: [cw.nn.ClipGradient(0.1)], "checkpoint": 3}, {}),
    "packed weights": ({"kind": "LSTM", "num_layers": 2, "bidirectional": True, "batch_first": True}, {}),
    "projection": ({"kind": "LSTM", "proj_size": 2}, {}),
}
every_option = pytest.mark.parametrize("option", OPTIONS)


def layer_of(option: str, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(1)
    given = {k: v() if callable(v) else v for k, v in OPTIONS[option][0].items()}
    if "kind" in given:
        return getattr(cw.nn, given.pop("kind"))(3, 4, dtype=dtype, **given)
    return cw.nn.Recurrent(given.pop("cell", "lstm"), 3, given.pop("size", 4), dtype=dtype, **given)


def loss_of(output: Any) -> Tensor:
    """A number that everything a layer gives has a part in."""
    values = torch.utils._pytree.tree_flatten(output)[0]
    return sum((v.square().sum() for v in values), torch.zeros(()))


def slopes(loss: Tensor, layer: nn.Module, *others: Tensor) -> tuple[Tensor, ...]:
    leaves = [*layer.parameters(), *others]
    return torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch._dynamo.reset()


@pytest.mark.usefixtures("fresh_compiler")
@every_option
def test_compile_without_a_graph_break(option: str) -> None:
    layer, given = layer_of(option), OPTIONS[option][1]
    plain = copy.deepcopy(layer)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = X.clone().requires_grad_()
    got, expected = compiled(x, **given), plain(x, **given)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(slopes(loss_of(got), layer, x), slopes(loss_of(expected), plain, x))


@pytest.mark.usefixtures("fresh_compiler")
def test_random_parts_compile_too() -> None:
    parts = [cw.nn.Zoneout(0.3), cw.nn.StateDropout(0.3), cw.nn.DropConnect(0.3), cw.nn.LockedDropout(0.3)]
    layer = cw.nn.Recurrent("gru", 3, 4, 2, parts=parts, backend="eager")
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert not torch.equal(compiled(X)[0], compiled(X)[0])
    layer.eval()
    torch.testing.assert_close(compiled(X)[0], layer(X)[0])


@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_layer_trains_on_the_reference_as_well() -> None:
    layer = cw.nn.Recurrent("peephole", 3, 4, backend="eager")
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    found = slopes(loss_of(compiled(X)), layer)
    torch.testing.assert_close(found, slopes(loss_of(layer(X)), layer))
    assert all(g.abs().max() > 0 for g in found)


DYNAMIC = {"lengths": {0: "batch"}, "reset": {0: "time", 1: "batch"}, "trace": None}


@pytest.mark.usefixtures("fresh_compiler")
@every_option
def test_export_with_any_length_and_batch(option: str) -> None:
    layer, given = layer_of(option).eval(), OPTIONS[option][1]
    dims = {"time": torch.export.Dim("time", min=2), "batch": torch.export.Dim("batch", min=2)}
    name = "input" if isinstance(layer, cw.nn.LSTM) else "x"
    first, second = ("batch", "time") if layer.batch_first else ("time", "batch")
    shapes: dict[str, Any] = {name: {0: dims[first], 1: dims[second]}}
    for key in given:
        axes = DYNAMIC[key]
        shapes[key] = axes if axes is None else {axis: dims[which] for axis, which in axes.items()}
    program = torch.export.export(layer, (X,), given, dynamic_shapes=shapes)
    x = torch.randn(9, 5, 3)
    others = {"lengths": torch.tensor([9, 1, 3, 0, 2]), "reset": torch.rand(9, 5) > 0.7, "trace": True}
    chosen = {key: others[key] for key in given}
    torch.testing.assert_close(program.module()(x, **chosen), layer(x, **chosen))


@every_option
def test_gradients_per_sample(option: str) -> None:
    layer, given = layer_of(option, torch.float64), OPTIONS[option][1]
    # Lengths are looked at: a batch of one has its own. What is drawn at random leaves no choice here.
    given = {k: v for k, v in given.items() if k == "trace"}
    weights, x = dict(layer.named_parameters()), X.double()
    batch = 0 if layer.batch_first else 1

    def loss(weights: dict[str, Tensor], sample: Tensor) -> Tensor:
        return loss_of(torch.func.functional_call(layer, weights, (sample.unsqueeze(batch),), given))

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, batch), randomness="same")(weights, x)
    total = dict(zip(weights, slopes(loss_of(layer(x, **given)), layer), strict=True))
    torch.testing.assert_close({k: v.sum(0) for k, v in each.items()}, total)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
@every_option
def test_forward_mode(option: str) -> None:
    layer, given = layer_of(option, torch.float64), OPTIONS[option][1]
    x, tangent = X.double(), torch.ones_like(X).double()
    _, jvp = torch.func.jvp(lambda v: layer(v, **given)[0], (x,), (tangent,))
    ahead, behind = (layer(x + s * 1e-6 * tangent, **given)[0] for s in (1, -1))
    torch.testing.assert_close(jvp, (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8)


# Beyond the bound a clipped gradient is no gradient of anything: its own slope has nothing to be compared with.
@pytest.mark.parametrize("option", [o for o in OPTIONS if o != "clipped"])
def test_gradient_penalty(option: str) -> None:
    layer, given = layer_of(option, torch.float64), OPTIONS[option][1]
    x = X.double().requires_grad_()

    def penalty(x: Tensor) -> Tensor:
        (dx,) = torch.autograd.grad(loss_of(layer(x, **given)), x, create_graph=True)
        return dx.square().sum()

    (slope,) = torch.autograd.grad(penalty(x), x)
    step = torch.zeros_like(x)
    step[2, 1, 0] = 1e-5
    numeric = (penalty(x + step) - penalty(x - step)) / 2e-5
    torch.testing.assert_close(slope[2, 1, 0], numeric.detach(), rtol=1e-6, atol=1e-7)


@every_option
def test_backward_in_evaluation_mode(option: str) -> None:
    layer, given = layer_of(option, torch.float64).eval(), OPTIONS[option][1]
    x = X.double().requires_grad_()
    (slope,) = torch.autograd.grad(loss_of(layer(x, **given)), x)
    step = torch.zeros_like(x)
    step[1, 1, 0] = 1e-6
    with torch.no_grad():
        numeric = (loss_of(layer(x + step, **given)) - loss_of(layer(x - step, **given))) / 2e-6
    torch.testing.assert_close(slope[1, 1, 0], numeric, rtol=1e-6, atol=1e-8)


@every_option
def test_autocast_keeps_the_answer(option: str) -> None:
    layer, given = layer_of(option), OPTIONS[option][1]
    expected = loss_of(layer(X, **given))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = loss_of(layer(X, **given))
    torch.testing.assert_close(got.float(), expected, rtol=0.05, atol=0.05)
    assert all(g.isfinite().all() for g in slopes(got, layer))


def test_run_to_run_every_bit_is_the_same() -> None:
    found = []
    for _ in range(3):
        torch.manual_seed(5)
        parts = [
            cw.nn.Zoneout(0.2),
            cw.nn.StateDropout(0.2),
            cw.nn.DropConnect(0.2),
            cw.nn.LockedDropout(0.2),
        ]
        layer = cw.nn.Recurrent("lstm", 3, 8, 2, bidirectional=True, dropout=0.3, parts=parts)
        output = layer(X, lengths=LENGTHS)
        found.append([output[0], *slopes(loss_of(output), layer)])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.fixture
def one_process() -> Iterator[None]:
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize(
    "option", ["lengths, both ways", "zoneout", "between layers", "segments", "packed weights"]
)
def test_wrapped_for_several_processes(option: str) -> None:
    layer, given = layer_of(option), OPTIONS[option][1]
    plain = copy.deepcopy(layer)
    wrapped = nn.parallel.DistributedDataParallel(layer)
    loss_of(wrapped(X, **given)).backward()
    loss_of(plain(X, **given)).backward()
    for ours, alone in zip(layer.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, alone.grad)
    with cw.nn.carry_state(wrapped.module) if not layer.bidirectional else warnings.catch_warnings():
        wrapped(X, **given)
    assert not list(wrapped.buffers()), "no state that would be sent around"


@pytest.mark.usefixtures("one_process")
def test_sharded_over_several_processes() -> None:
    from torch.distributed.fsdp import fully_shard

    layer = layer_of("between layers")
    plain = copy.deepcopy(layer)
    fully_shard(layer, mesh=torch.distributed.device_mesh.init_device_mesh("cpu", (1,)))
    loss_of(layer(X)).backward()
    loss_of(plain(X)).backward()
    for ours, alone in zip(layer.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.full_tensor(), alone.grad)
