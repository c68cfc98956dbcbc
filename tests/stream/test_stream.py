"""A stream gives what the layer gives for the whole sequence; its snapshots go on exactly, or are refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.stream import Stream

LIBRARY = cw.cells.all()
CLOSE = {torch.float64: {"rtol": 1e-12, "atol": 1e-13}, torch.float32: {"rtol": 1e-5, "atol": 1e-6}}


def random(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def layer_of(name: str = "lstm", layers: int = 2, dtype: torch.dtype = torch.float64) -> Any:
    return cw.nn.Recurrent(name, 3, 5, num_layers=layers, dropout=0.5, dtype=dtype)


def alive(y: torch.Tensor) -> bool:
    """The outputs depend on the past: a test on constant ones would prove nothing."""
    return bool((y.std(0) > 1e-3).double().mean() > 0.5)


@pytest.mark.parametrize("dtype", CLOSE, ids=["float64", "float32"])
@pytest.mark.parametrize("name", LIBRARY)
def test_a_stream_is_the_batch_for_every_cell(name: str, dtype: torch.dtype) -> None:
    layer = layer_of(name, dtype=dtype)
    x = random(11, 4, 3, dtype=dtype)
    y, state = layer.eval()(x)
    stream = Stream(layer)
    pushed = torch.stack([stream.push(x_t) for x_t in x])
    assert alive(y)
    torch.testing.assert_close(pushed, y.detach(), **CLOSE[dtype])
    assert stream.state.keys() == state.keys() and stream.steps == 11
    for key, value in state.items():
        torch.testing.assert_close(stream.state[key], value.detach(), **CLOSE[dtype])


@pytest.mark.parametrize("split", [0, 1, 6, 10])
@pytest.mark.parametrize("name", LIBRARY)
def test_splitting_anywhere_changes_nothing(name: str, split: int) -> None:
    layer, x = layer_of(name), random(11, 2, 3)
    whole, _ = layer.eval()(x)
    stream = Stream(layer)
    if split:
        stream.reset(layer(x[:split])[1])
    rest = torch.stack([stream.push(x_t) for x_t in x[split:]])
    torch.testing.assert_close(rest, whole[split:].detach(), **CLOSE[torch.float64])


def test_the_drop_ins_stream_too() -> None:
    layer, x = cw.nn.LSTM(3, 4, num_layers=2, proj_size=2).double(), random(6, 2, 3)
    stream = Stream(layer)
    pushed = torch.stack([stream.push(x_t) for x_t in x])
    torch.testing.assert_close(pushed, layer(x)[0].detach(), **CLOSE[torch.float64])


def test_one_stream_is_a_column_of_many() -> None:
    layer, x = layer_of(), random(5, 3, 3)
    many, one = Stream(layer), Stream(layer)
    for x_t in x:
        y, y_1 = many.push(x_t), one.push(x_t[1])
        assert y_1.shape == (5,)
        torch.testing.assert_close(y[1], y_1, **CLOSE[torch.float64])
    assert one.state["c"].shape == (2, 5) and many.state["c"].shape == (2, 3, 5)


def test_lists_and_arrays_are_steps_and_the_output_is_of_their_kind() -> None:
    layer = layer_of(dtype=torch.float32)
    numbers = [0.5, -1.0, 2.0]
    given = numbers, torch.tensor(numbers), np.array(numbers, np.float32), np.array(numbers)
    outputs = [Stream(layer).push(step) for step in given]
    assert [type(y) for y in outputs] == [torch.Tensor, torch.Tensor, np.ndarray, np.ndarray]
    for y in outputs:
        assert torch.equal(torch.as_tensor(y), outputs[0]) and torch.as_tensor(y).dtype == torch.float32


def test_a_stream_drops_nothing_and_leaves_the_layer_in_its_mode() -> None:
    layer, x = layer_of().train(), random(4, 3)
    first, second = Stream(layer), Stream(layer)
    for x_t in x:
        assert torch.equal(first.push(x_t), second.push(x_t))
    assert layer.training and not first.push(x[0]).requires_grad


def test_the_state_given_out_is_a_copy() -> None:
    stream = Stream(layer_of())
    assert stream.state == {}
    stream.push(random(3))
    stream.state["h"].zero_()
    assert stream.state["h"].abs().max() > 0


def test_the_state_taken_in_is_a_copy() -> None:
    layer, stream = layer_of(), Stream(layer_of())
    state = {name: random(2, 5) for name in ("h", "c")}
    stream = Stream(layer)
    stream.reset(state)
    before = stream.snapshot()
    state["h"].zero_()
    assert stream.snapshot() == before


def test_reset_forgets() -> None:
    layer, x = layer_of(), random(3)
    stream = Stream(layer)
    first = stream.push(x)
    assert not torch.equal(stream.push(x), first)
    stream.reset()
    assert torch.equal(stream.push(x), first)


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_a_snapshot_goes_on_exactly(batch: int | None) -> None:
    layer = layer_of("gru")
    x = random(8, 3) if batch is None else random(8, batch, 3)
    stream, other = Stream(layer), Stream(pickle.loads(pickle.dumps(layer)))
    for x_t in x[:4]:
        stream.push(x_t)
    other.restore(stream.snapshot())
    assert other.steps == 4 and repr(other) == repr(stream)
    for x_t in x[4:]:
        assert torch.equal(stream.push(x_t), other.push(x_t))


def test_a_snapshot_before_the_first_step_is_a_fresh_stream() -> None:
    layer = layer_of()
    stream, fresh = Stream(layer), Stream(layer).snapshot()
    stream.push(random(2, 3))
    stream.restore(fresh)
    assert stream.state == {} and stream.steps == 0
    stream.push(random(4, 3))


def other_weights() -> Any:
    layer = layer_of()
    with torch.no_grad():
        layer.weights(1)["U_f"][0, 0] += 1e-12
    return layer


@pytest.mark.parametrize(
    "other",
    [
        lambda: layer_of("peephole"),
        lambda: layer_of(layers=1),
        lambda: layer_of(dtype=torch.float32),
        lambda: cw.nn.Recurrent("lstm", 4, 5, num_layers=2, dtype=torch.float64),
        other_weights,
    ],
    ids=["cell", "layers", "dtype", "width", "weights"],
)
def test_a_snapshot_of_another_layer_is_refused_and_changes_nothing(other: Any) -> None:
    torch.manual_seed(3)
    layer = layer_of()
    torch.manual_seed(3)
    stranger = Stream(other())
    stream = Stream(layer)
    stream.push(random(3))
    before = stream.snapshot()
    with pytest.raises(cw.RunError, match=r"another layer: got \w+ \d-5-\d torch"):
        stream.restore(stranger.snapshot())
    assert stream.snapshot() == before


def test_every_changed_byte_of_a_snapshot_is_noticed() -> None:
    stream = Stream(layer_of())
    stream.push(random(3))
    good = stream.snapshot()
    stream.push(random(3, seed=2))
    before = stream.snapshot()
    assert before != good
    for place in range(len(good)):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        with pytest.raises(cw.RunError):
            stream.restore(bad)
    assert stream.snapshot() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "changed or cut off"),
        (lambda data: data + b"x", "changed or cut off"),
        (
            lambda data: data.replace(b"stream 1", b"stream 2", 1),
            "another format .*got 2, expected 1|another format",
        ),
        (lambda data: b"", "no snapshot"),
        (lambda data: b"PK\x03\x04", "no snapshot"),
        (lambda data: "text", "no snapshot"),
    ],
)
def test_what_is_no_snapshot_is_refused(change: Any, message: str) -> None:
    stream = Stream(layer_of())
    stream.push(random(3))
    good = stream.snapshot()
    with pytest.raises(cw.RunError, match=message) as caught:
        stream.restore(change(good))
    assert "\n" not in str(caught.value) and stream.snapshot() == good


@pytest.mark.parametrize(
    ("begin", "step", "message"),
    [
        (None, torch.zeros(4), r"got shape \[4\], expected \[3\] or \[B, 3\]"),
        (None, torch.zeros(7, 2, 3), r"got shape \[7, 2, 3\]"),
        (None, torch.zeros(0, 3), r"got shape \[0, 3\]"),
        (None, 1.5, r"got shape \[\]"),
        (None, ["a", "b", "c"], "not of numbers"),
        (None, torch.zeros(3, dtype=torch.complex64), "not of real numbers: got complex"),
        (None, torch.zeros(3, device="meta"), "not of numbers"),
        (None, [[1.0, 2.0, 3.0], [1.0]], "not of numbers"),
        (torch.zeros(3), torch.zeros(1, 3), r"expected \[3\]; go on with as many"),
        (torch.zeros(2, 3), torch.zeros(3), r"expected \[2, 3\]; go on with as many"),
        (torch.zeros(2, 3), torch.zeros(5, 3), r"expected \[2, 3\]; go on with as many"),
    ],
)
def test_a_step_that_does_not_fit_is_refused_and_changes_nothing(begin: Any, step: Any, message: str) -> None:
    stream = Stream(layer_of())
    if begin is not None:
        stream.push(begin)
    before = stream.snapshot()
    with pytest.raises(cw.ShapeError, match=message):
        stream.push(step)
    assert stream.snapshot() == before


@pytest.mark.parametrize(
    "state", [{"h": torch.zeros(2, 5)}, {"h": torch.zeros(2, 4), "c": torch.zeros(2, 5)}, {}]
)
def test_a_foreign_state_is_refused_and_changes_nothing(state: Any) -> None:
    stream = Stream(layer_of())
    stream.push(random(3))
    before = stream.snapshot()
    with pytest.raises(cw.ShapeError):
        stream.reset(state)
    assert stream.snapshot() == before


def test_layers_that_cannot_stream_are_refused() -> None:
    with pytest.raises(cw.SettingError, match="bidirectional layer cannot stream"):
        Stream(cw.nn.Recurrent("lstm", 3, 5, bidirectional=True))
    with pytest.raises(cw.SettingError, match="got LSTM, expected Recurrent"):
        Stream(torch.nn.LSTM(3, 5))  # type: ignore[arg-type]
