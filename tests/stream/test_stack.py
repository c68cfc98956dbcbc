"""Layers made of parts, of several cells and sizes, stream as they run over a sequence in evaluation."""

from typing import Any

import pytest
import torch

import cellwright as cw
from cellwright.stream import Stream

CLOSE = {"rtol": 1e-12, "atol": 1e-13}
COMPILED = "runs on: the compiled step"
# A part belongs to one layer: each layer gets its own.
LAYERS: dict[str, tuple[Any, str]] = {
    "zoneout": (lambda: {"parts": [cw.nn.Zoneout({"h": 0.1, "c": 0.4})]}, COMPILED),
    "locked dropout": (lambda: {"parts": [cw.nn.LockedDropout(0.4), cw.nn.StateDropout(0.3)]}, COMPILED),
    "dropped weights": (lambda: {"parts": [cw.nn.DropConnect(0.5), cw.nn.ClipGradient(1.0)]}, COMPILED),
    "learned start": (lambda: {"parts": [cw.nn.LearnedStart()]}, COMPILED),
    "norms": (lambda: {"parts": [cw.nn.LayerNorm()]}, "between its layers stands LayerNorm"),
    "skips": (lambda: {"parts": [cw.nn.Residual(), cw.nn.Highway()]}, "stands Residual and Highway"),
    "sizes": (lambda: {"hidden_size": [4, 7, 5]}, COMPILED),
    "cells": (lambda: {"cell": ["gru", "slstm", "elman"], "hidden_size": [4, 4, 6]}, COMPILED),
}


def layer_of(name: str) -> Any:
    options = {"cell": "lstm", "input_size": 3, "hidden_size": 5, **LAYERS[name][0]()}
    if not any(isinstance(v, list) and k != "parts" for k, v in options.items()):
        options["num_layers"] = 3
    torch.manual_seed(4)
    layer = cw.nn.Recurrent(**options, dropout=0.3, dtype=torch.float64)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_a_stream_is_the_layer_in_evaluation(name: str) -> None:
    layer = layer_of(name)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    wanted, state = layer.eval()(x)
    stream = Stream(layer.train())
    assert LAYERS[name][1] in stream.explain()
    for x_t, y_t in zip(x, wanted, strict=True):
        torch.testing.assert_close(stream.push(x_t), y_t.detach(), **CLOSE)
    assert stream.state.keys() == state.keys()
    for key, value in state.items():
        torch.testing.assert_close(stream.state[key], value.detach(), **CLOSE)


@pytest.mark.parametrize("name", LAYERS)
def test_states_go_in_and_out(name: str) -> None:
    layer = layer_of(name).eval()
    x = torch.randn(5, 3, dtype=torch.float64)
    wanted, _ = layer(x)
    _, middle = layer(x[:3])
    stream, other = Stream(layer), Stream(layer)
    stream.reset(middle)
    other.restore(stream.snapshot())
    for x_t, y_t in zip(x[3:], wanted[3:], strict=True):
        y = stream.push(x_t)
        torch.testing.assert_close(y, y_t.detach(), **CLOSE)
        assert torch.equal(other.push(x_t), y)


def test_a_part_makes_another_layer() -> None:
    plain, held = Stream(layer_of("locked dropout")), Stream(layer_of("zoneout"))
    with pytest.raises(cw.RunError, match="the snapshot is of another layer"):
        plain.restore(held.snapshot())


def test_layers_that_read_different_inputs_step_one_by_one() -> None:
    @cw.cell
    def timed(x, h, dt: "input []", *, W, U):
        h = cw.tanh(W @ x + U @ h) * cw.exp(-dt)
        return h

    layer = cw.nn.Recurrent(["elman", timed], 3, [4, 5], dtype=torch.float64)
    stream, x, dt = Stream(layer), torch.randn(3, dtype=torch.float64), 0.7
    assert "read different inputs beside x" in stream.explain()
    w, v = (dict(layer.weights(at)) for at in range(2))
    below = torch.tanh(w["W"] @ x + w["b"])
    wanted = torch.tanh(v["W"] @ below) * torch.exp(torch.tensor(-dt, dtype=torch.float64))
    torch.testing.assert_close(stream.push(x, inputs={"dt": dt}), wanted.detach(), **CLOSE)
