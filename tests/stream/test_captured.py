"""A recorded step carries on as the layer does; what cannot be recorded runs as before, and says why.

The recording itself needs a card (tests/backends/triton/test_card.py): here a step is repeated by running it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import cellwright as cw
from cellwright.stream import captured
from cellwright.stream.captured import Captured
from cellwright.stream.layer_way import LayerWay

Step = Callable[[], None]


def repeated(step: Step) -> Step:
    """Twice run while it is recorded, as on a card, and once at every replay."""
    step()
    step()
    return step


@pytest.fixture
def on_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams take a layer to be on a GPU, where there is no compiled step."""
    monkeypatch.setattr(LayerWay, "_on_card", lambda _: True)
    monkeypatch.setattr(LayerWay, "_look", look)
    monkeypatch.setattr(Captured.__init__, "__defaults__", (repeated,))


def look(way: LayerWay) -> None:
    way._versions, way._chain = captured.stack.versions(way.layer), "the layer is on cuda:0, not on the CPU"


@pytest.mark.usefixtures("on_card")
def test_a_recorded_step_is_the_batch() -> None:
    layer = cw.nn.Recurrent("lstm", 3, 5, num_layers=2, dropout=0.5, dtype=torch.float64)
    x = torch.randn(9, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    stream = cw.Stream(layer)
    pushed = torch.stack([stream.push(x_t) for x_t in x[:4]])
    kept = stream.snapshot()
    pushed = torch.cat([pushed, torch.stack([stream.push(x_t) for x_t in x[4:]])])
    y, state = layer.eval()(x)
    torch.testing.assert_close(pushed, y.detach())
    torch.testing.assert_close(stream.state["c"], state["c"].detach())
    assert stream.steps == 9 and "a recorded step (CUDA graph)" in stream.explain()
    stream.restore(kept)
    torch.testing.assert_close(stream.push(x[4]), y[4].detach())
    # Some of the streams go on without the recording; all go on with it from there.
    first = stream.push(x[5, :1], rows=[0])
    torch.testing.assert_close(first, y[5, :1].detach())
    stream.push(x[5, 1:], rows=[1])
    torch.testing.assert_close(stream.push(x[6]), y[6].detach())


@pytest.mark.usefixtures("on_card")
def test_weights_written_to_are_recorded_anew() -> None:
    layer = cw.nn.Recurrent("gru", 3, 4)
    stream, x = cw.Stream(layer), torch.ones(3)
    before, way = stream.push(x), stream.way
    first = way._captured
    with torch.no_grad():
        layer.weights(0)["W_n"].mul_(2)
    stream.push(x)
    assert way._captured is not first and isinstance(way._captured, Captured)
    stream.reset()
    again = stream.push(x)
    torch.testing.assert_close(again, layer.eval()(x[None])[0][0].detach())
    assert not torch.equal(again, before)


@pytest.mark.usefixtures("on_card")
def test_what_cannot_be_recorded_runs_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(step: Step) -> Step:
        step()
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    monkeypatch.setattr(Captured.__init__, "__defaults__", (fails,))
    layer, x = cw.nn.Recurrent("gru", 3, 4), torch.randn(5, 3)
    stream = cw.Stream(layer)
    pushed = torch.stack([stream.push(x_t) for x_t in x])
    torch.testing.assert_close(pushed, layer.eval()(x)[0].detach())
    assert stream.explain().splitlines() == [
        "runs on: the layer",
        "  not the compiled step: the layer is on cuda:0, not on the CPU",
        "  not a recorded step: operation not permitted when stream is capturing",
    ]
