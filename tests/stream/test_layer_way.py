"""Many streams, chosen ones, outputs in place, further inputs, weights that change: by both ways alike."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.call import Call
from cellwright.runtime.choose import plan_of
from cellwright.stream import Stream

WAYS = (None, "eager")
CLOSE = {"rtol": 1e-12, "atol": 1e-13}


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def layer_of(way: str | None = None, name: str = "lstm", layers: int = 2) -> Any:
    return cw.nn.Recurrent(name, 3, 5, num_layers=layers, backend=way, dtype=torch.float64)


def test_the_ways_say_which_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Stream(layer_of()).explain() == "runs on: the compiled step"
    assert (
        "not the compiled step: the layer is to run on the backend eager"
        in Stream(layer_of("eager")).explain()
    )
    half = cw.nn.Recurrent("gru", 3, 4).bfloat16()
    assert "compute in float32 or float64" in Stream(half).explain()
    assert Stream(half).push(torch.ones(3)).dtype == torch.bfloat16
    monkeypatch.setenv("CELLWRIGHT_BACKEND", "eager")
    assert "backend eager" in Stream(layer_of()).explain()


def test_without_a_compiler_the_layer_itself_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from cellwright.backends.cpu import step, toolchain

    monkeypatch.setattr(toolchain, "find_compiler", lambda: None)
    monkeypatch.setattr(step, "step_kernel", step.step_kernel.__wrapped__)
    monkeypatch.setattr("cellwright.backends.cpu.chain.step_kernel", step.step_kernel)
    layer = layer_of("eager", "ligru")
    layer.backend = None
    stream = Stream(layer)
    assert "no C++ compiler was found" in stream.explain()


@pytest.mark.parametrize("way", WAYS)
def test_chosen_streams_step_alone(way: str | None) -> None:
    """Streams that tick at different times, against a stream each."""
    layer = layer_of(way)
    many, alone = Stream(layer, streams=4), [Stream(layer) for _ in range(4)]
    make = torch.Generator().manual_seed(5)
    for turn in range(30):
        mask = torch.rand(4, generator=make) < 0.5
        rows: Any = [mask, mask.nonzero()[:, 0], mask.nonzero()[:, 0].tolist(), mask.numpy()][turn % 4]
        x = random(int(mask.sum()), 3, seed=turn)
        y = many.push(x, rows=rows)
        assert y.shape == (len(x), 5)
        for k, x_t, y_t in zip(mask.nonzero()[:, 0].tolist(), x, y, strict=True):
            torch.testing.assert_close(y_t, alone[k].push(x_t), **CLOSE)
    one = many.push(random(3), rows=-1)
    assert one.shape == (5,)
    torch.testing.assert_close(one, alone[3].push(random(3)), **CLOSE)
    for name, value in many.state.items():
        torch.testing.assert_close(value, torch.stack([s.state[name] for s in alone], 1), **CLOSE)


@pytest.mark.parametrize("way", WAYS)
def test_some_streams_begin_anew(way: str | None) -> None:
    layer = layer_of(way)
    x, stream = random(6, 4, 3), Stream(layer)
    for x_t in x[:3]:
        stream.push(x_t)
    kept = stream.state
    stream.reset(rows=[1, 3])
    for name, value in stream.state.items():
        assert not value[:, [1, 3]].any() and torch.equal(value[:, [0, 2]], kept[name][:, [0, 2]])
    stream.reset({name: value[:, 2] for name, value in kept.items()}, rows=3)
    stream.reset(rows=torch.tensor([True, False, False, False]))
    y = stream.push(x[3])
    fresh = Stream(layer).push(x[3, :2])
    torch.testing.assert_close(y[:2], fresh, **CLOSE)
    same = Stream(layer)
    same.reset({name: value[:, [2, 2]] for name, value in kept.items()})
    torch.testing.assert_close(y[2:], same.push(x[3, 2:]), **CLOSE)
    assert stream.steps == 4


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("single", [True, False])
def test_out_takes_the_output(way: str | None, single: bool) -> None:
    layer, x = layer_of(way), random(4, 3) if single else random(4, 2, 3)
    plain, stream = Stream(layer), Stream(layer)
    shape = (5,) if single else (2, 5)
    outs = [torch.empty(shape, dtype=torch.float64), np.empty(shape), torch.empty(9, *shape).double()[4]]
    for out, x_t in zip(outs, x[:3], strict=True):
        given = x_t.numpy() if isinstance(out, np.ndarray) else x_t
        assert stream.push(given, out) is out
        torch.testing.assert_close(torch.as_tensor(out), plain.push(x_t), **CLOSE)


@pytest.mark.parametrize("way", WAYS)
def test_an_output_over_the_input_is_the_output(way: str | None) -> None:
    layer = cw.nn.Recurrent("gru", 4, 4, backend=way, dtype=torch.float64)
    x = random(300, 4)
    wanted, stream = Stream(layer).push(x), Stream(layer)
    assert stream.push(x, x) is x
    torch.testing.assert_close(x, wanted, **CLOSE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("out", "message"),
    [
        (torch.empty(4, dtype=torch.float64), r"got torch.float64, \[4\] on cpu, expected .* \[5\]"),
        (torch.empty(5), "got torch.float32"),
        (np.empty(5, np.float32), "got float32"),
        (np.broadcast_to(np.zeros(1), 5), "read-only"),
        ([0.0] * 5, "got list"),
    ],
)
def test_an_output_that_does_not_fit_is_refused(way: str | None, out: Any, message: str) -> None:
    stream = Stream(layer_of(way))
    stream.push(random(3))
    before = stream.snapshot()
    with pytest.raises(cw.ShapeError, match=message):
        stream.push(random(3), out)
    assert stream.snapshot() == before


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rows", "x", "message"),
    [
        (3, torch.zeros(3), r"no such streams \(rows\): got 3, expected 0 to 2, or a mask \[3\]"),
        ([0, -4], torch.zeros(2, 3), "got -4"),
        ([1, 1], torch.zeros(2, 3), "got a stream twice"),
        ([0, -3], torch.zeros(2, 3), "got a stream twice"),
        ([0.5], torch.zeros(1, 3), "got torch.float32"),
        ([True, False], torch.zeros(1, 3), r"got a mask of shape \[2\]"),
        (["first"], torch.zeros(1, 3), "no such streams"),
        ([0, 1], torch.zeros(3, 3), r"got shape \[3, 3\], expected \[2, 3\]"),
        (1, torch.zeros(1, 3), r"got shape \[1, 3\], expected \[3\]"),
        ([], torch.zeros(1, 3), r"got shape \[1, 3\], expected \[0, 3\]"),
    ],
)
def test_rows_that_do_not_fit_are_refused(way: str | None, rows: Any, x: Tensor, message: str) -> None:
    stream = Stream(layer_of(way), streams=3)
    stream.push(random(3, 3))
    before = stream.snapshot()
    with pytest.raises(cw.ShapeError, match=message):
        stream.push(x, rows=rows)
    assert stream.snapshot() == before


def test_rows_are_those_of_many_streams() -> None:
    stream = Stream(layer_of())
    with pytest.raises(cw.ShapeError, match=r"got none yet; say how many there are: Stream\(layer, streams"):
        stream.push(random(3), rows=0)
    stream.push(random(3))
    with pytest.raises(cw.ShapeError, match="got one stream"):
        stream.reset(rows=0)


@pytest.mark.parametrize("streams", [0, -1, True, 2.0, "3"])
def test_no_number_of_streams_is_refused(streams: Any) -> None:
    with pytest.raises(cw.SettingError, match="no number of streams"):
        Stream(layer_of(), streams=streams)


def test_a_number_of_streams_is_kept() -> None:
    stream = Stream(layer_of(), streams=2)
    assert stream.state["h"].shape == (2, 2, 5)
    with pytest.raises(cw.ShapeError, match=r"expected \[2, 3\]"):
        stream.push(random(3))
    stream.push(random(2, 3))
    stream.reset()
    assert not stream.state["h"].any() and stream.steps == 0
    with pytest.raises(cw.ShapeError, match="another number of streams: got 3, expected 2"):
        stream.reset({name: torch.zeros(2, 3, 5) for name in ("h", "c")})


@cw.cell
def timed(x, h, s: "[]", dt: "input []", u: "input [H]", *, W, U, b, rate=2.0):
    f = cw.exp(-rate * dt)
    h = f * h + cw.tanh(W @ x + U @ h + b + u)
    return h, s + dt


@pytest.mark.parametrize("way", WAYS)
def test_inputs_beside_x_and_scalar_states(way: str | None) -> None:
    layer = cw.nn.Recurrent(timed, 3, 5, backend=way, dtype=torch.float64)
    x, dt, u = random(4, 2, 3), random(4, 2, 1).abs(), random(4, 2, 5, seed=3)
    states = {n: v[0] for n, v in layer.start(2, x).items()}
    out = eager.run(plan_of(timed.graph), Call(x, states, layer.weights(0), extra={"dt": dt, "u": u}))
    stream, one = Stream(layer), Stream(layer)
    for t in range(4):
        y = stream.push(x[t], inputs={"dt": dt[t, :, 0] if t % 2 else dt[t], "u": u[t]})
        torch.testing.assert_close(y, out.y[t].detach(), **CLOSE)
        y_0 = one.push(x[t, 0], inputs={"u": u[t, 0], "dt": dt[t, 0] if t % 2 else float(dt[t, 0])})
        torch.testing.assert_close(y_0, out.y[t, 0].detach(), **CLOSE)
    torch.testing.assert_close(stream.state["s"][0], dt.sum(0), **CLOSE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"reads beside x: got none, expected dt, u; push\(x_t, inputs"),
        ({"dt": 1.0}, "got dt, expected dt, u"),
        ({"dt": [1.0, 2.0], "u": [0.0] * 5}, "input `dt` does not fit: got"),
        ({"dt": "late", "u": [0.0] * 5}, "`dt` is not of numbers"),
    ],
)
def test_inputs_beside_x_that_do_not_fit_are_refused(way: str | None, given: Any, message: str) -> None:
    stream = Stream(cw.nn.Recurrent(timed, 3, 5, backend=way))
    stream.push(random(3), inputs={"dt": 1.0, "u": [1.0] * 5})
    before = stream.snapshot()
    with pytest.raises(cw.ShapeError, match=message):
        stream.push(random(3), inputs=given)
    assert stream.snapshot() == before
    with pytest.raises(cw.ShapeError, match="got dt, expected none"):
        Stream(layer_of(way)).push(random(3), inputs={"dt": 1.0})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", ["step", "load", "replace", "dtype", "behind"])
def test_the_weights_are_those_of_the_layer_now(way: str | None, change: str) -> None:
    layer, x = layer_of(way), random(2, 3)
    stream = Stream(layer)
    stream.push(x[0])
    state = {name: value.unsqueeze(1) for name, value in stream.state.items()}
    if change == "step":
        optimizer = torch.optim.SGD(layer.parameters(), 0.1)
        layer(x)[0].sum().backward()
        optimizer.step()
    elif change == "load":
        layer.load_state_dict({k: v + 0.1 for k, v in layer.state_dict().items()})
    elif change == "replace":
        layer.load_state_dict({k: v + 0.1 for k, v in layer.state_dict().items()}, assign=True)
    elif change == "dtype":
        layer.float()
        state = {name: value.float() for name, value in state.items()}
    else:
        for weight in layer.parameters():
            weight.data.add_(0.1)
        stream.refresh()
    wanted, _ = layer(x[1:2, None].to(next(layer.parameters()).dtype), state)
    close = CLOSE if change != "dtype" else {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(stream.push(x[1]), wanted[0, 0].detach(), **close)
    assert stream.steps == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copy_goes_its_own_way(way: str | None, again: Any) -> None:
    stream = Stream(layer_of(way))
    assert again(stream).state == {}
    stream.push(random(3))
    other = again(stream)
    assert repr(other) == repr(stream) and other.steps == 1
    assert torch.equal(other.push(random(3)), stream.push(random(3)))
    stream.push(random(3))
    assert other.steps == 2 and stream.steps == 3


def test_a_push_while_another_is_under_way_is_refused() -> None:
    stream = Stream(layer_of())
    stream.push(random(3))
    stream._way._carried._struct.busy = 1
    with pytest.raises(cw.SettingError, match="another push into this stream is under way"):
        stream.push(random(3))


def test_the_layer_inside_a_module_is_named() -> None:
    module = torch.nn.ModuleDict({"reader": cw.nn.LSTM(3, 4)})
    with pytest.raises(
        cw.SettingError, match="got ModuleDict, expected .*; stream the layer inside, .reader"
    ):
        Stream(module)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", WAYS)
def test_inference_mode_may_come_and_go(way: str | None) -> None:
    layer = layer_of(way)
    stream, plain = Stream(layer), Stream(layer)
    with torch.inference_mode():
        stream.push(random(2, 3))
    stream.reset(rows=0)
    stream.push(random(3), rows=1)
    with torch.inference_mode():
        stream.reset(rows=[0])
        y = stream.push(random(2, 3, seed=3))
    plain.push(random(2, 3))
    plain.push(random(3), rows=1)
    plain.reset(rows=0)
    torch.testing.assert_close(y.clone(), plain.push(random(2, 3, seed=3)), **CLOSE)


def test_another_default_device_does_not_matter() -> None:
    layer, x = layer_of(), random(3)
    wanted, step = Stream(layer).push(x), x.tolist()
    with torch.device("meta"):
        y = Stream(layer).push(step)
    torch.testing.assert_close(y, wanted, **CLOSE)


@pytest.mark.parametrize("way", WAYS)
def test_weights_that_are_computed_are_taken_as_they_are_computed(way: str | None) -> None:
    layer = torch.nn.utils.parametrizations.weight_norm(layer_of(way), "U_f_l0")
    stream, x = Stream(layer), random(3, 3)
    for change in (1.0, -2.0):
        with torch.no_grad():
            layer.parametrizations["U_f_l0"].original0.mul_(change)
        stream.reset()
        y = torch.stack([stream.push(x_t) for x_t in x])
        torch.testing.assert_close(y, layer(x)[0].detach(), **CLOSE)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_finite_goes_in_or_is_refused(way: str | None) -> None:
    layer, bad = layer_of(way), random(3, 3)
    bad[1, 2] = float("-inf")
    stream, plain = Stream(layer, check_finite=True), Stream(layer)
    for made in (stream, plain):
        made.push(random(3, 3))
    before = stream.snapshot()
    for step, rows, name in ((bad, None, 1), (bad.numpy(), [2, 0, 1], 0), (bad[1].tolist(), 2, 2)):
        with pytest.raises(
            cw.DataError, match=rf"not finite \(step 1, stream {name}\): got -inf; leave it out"
        ):
            stream.push(step, rows=rows)
    assert stream.snapshot() == before
    bad[1, 2] = float("nan")
    y = plain.push(bad)
    assert y[1].isnan().all() and y[[0, 2]].isfinite().all()
    assert plain.push(random(3, 3))[1].isnan().all()
    assert copy.deepcopy(stream).check_finite
