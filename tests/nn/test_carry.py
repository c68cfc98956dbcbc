"""carry_state: chunk after chunk gives what the whole gives, and the gradients of truncated backpropagation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.by_hand import random
from torch import Tensor, nn

import cellwright as cw


class Model(nn.Module):
    """Two recurrent layers of different kinds, their states not handed out."""

    def __init__(self, first: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, cw.nn.Recurrent("lstm", 4, 4, 2, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x)[0])[0]
        return y


FIRST: dict[str, Any] = {
    "ours": lambda: cw.nn.Recurrent("slstm", 3, 4, dtype=torch.float64),
    "drop-in": lambda: cw.nn.LSTM(3, 4, dtype=torch.float64),
    "torch's": lambda: nn.GRU(3, 4, dtype=torch.float64),
    "learned": lambda: cw.nn.Recurrent("gru", 3, 4, parts=[cw.nn.LearnedStart()], dtype=torch.float64),
}


@pytest.fixture(params=FIRST)
def model(request: pytest.FixtureRequest) -> Model:
    torch.manual_seed(3)
    made = Model(FIRST[request.param]())
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * random(*parameter.shape))
    return made


def test_chunks_of_any_size_give_the_whole(model: Model) -> None:
    x = random(10, 2, 3)
    with cw.nn.carry_state(model) as carried:
        pieces = [model(chunk) for chunk in x.split([3, 1, 6])]
        assert list(carried.states) == ["first", "second"]
    torch.testing.assert_close(torch.cat(pieces), model(x))
    torch.testing.assert_close(model(x[:3]), pieces[0]), "outside it nothing is carried"


def test_the_gradient_stops_at_the_border(model: Model) -> None:
    x = random(8, 2, 3).requires_grad_()
    with cw.nn.carry_state(model):
        model(x[:4])
        y = model(x[4:])
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert (slope[:4] == 0).all() and slope[4:].abs().max() > 0


def test_training_in_chunks_is_the_loop_by_hand() -> None:
    losses = []
    for by_hand in (True, False):
        torch.manual_seed(3)
        layer = cw.nn.LSTM(3, 4, dtype=torch.float64)
        optimiser, state = torch.optim.SGD(layer.parameters(), 0.5), None
        losses.append([])
        with cw.nn.carry_state(layer):
            for chunk in random(20, 2, 3).split(5):
                if by_hand:
                    y, state = layer(chunk, state)
                    state = tuple(v.detach() for v in state)
                else:
                    y, _ = layer(chunk)
                loss = (y - 0.3).square().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses[-1].append(loss.item())
    assert losses[0] == losses[1]


def test_reset_of_all_and_of_some(model: Model) -> None:
    x = random(9, 3, 3)
    with cw.nn.carry_state(model) as carried:
        model(x[:4])
        carried.reset([1])
        y = model(x[4:])
        carried.reset()
        again = model(x[4:])
        carried.reset()
        model(x[:4])
        carried.reset(torch.tensor([False, True, False]))
        torch.testing.assert_close(model(x[4:]), y)
    whole, apart = model(x)[4:], model(x[4:])
    torch.testing.assert_close(again, apart)
    torch.testing.assert_close(y[:, 1], apart[:, 1])
    torch.testing.assert_close(y[:, [0, 2]], whole[:, [0, 2]])


def test_a_state_that_is_given_goes_before() -> None:
    layer, x = cw.nn.LSTM(3, 4, dtype=torch.float64), random(6, 2, 3)
    state = (random(1, 2, 4), random(1, 2, 4, seed=2))
    with cw.nn.carry_state(layer):
        layer(x)
        torch.testing.assert_close(layer(x, state)[0], layer(x, hx=state)[0])
        given, _ = layer(x, state)
        layer(x[:3], state)
        torch.testing.assert_close(layer(x[3:], None)[0], given[3:])


def test_one_sequence_alone() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 4, dtype=torch.float64), random(6, 3)
    with cw.nn.carry_state(layer) as carried:
        y = torch.cat([layer(x[:2])[0], layer(x[2:])[0]])
        with pytest.raises(cw.ShapeError, match="no such sequences to begin anew"):
            carried.reset([0])
    torch.testing.assert_close(y, layer(x)[0])


def test_refused() -> None:
    with pytest.raises(cw.KindError, match="model should be of type torch.nn.Module"), cw.nn.carry_state(3):  # type: ignore[arg-type]
        pass
    with (
        pytest.raises(cw.SettingError, match="no recurrent layer: got Linear"),
        cw.nn.carry_state(nn.Linear(3, 4)),
    ):
        pass
    both = nn.ModuleList([nn.LSTM(3, 4, bidirectional=True)])
    with (
        pytest.raises(cw.SettingError, match=r"reads backwards has no state to carry on.*\(0\)"),
        cw.nn.carry_state(both),
    ):
        pass
    layer = cw.nn.GRU(3, 4)
    with cw.nn.carry_state(layer) as carried:
        layer(torch.zeros(2, 3, 3))
        before = carried.states[""]
        for rows in ([3], [-1], torch.tensor([True, False])):
            with pytest.raises(cw.ShapeError, match="expected numbers from 0 to 2, or a mask of 3"):
                carried.reset(rows)
        assert carried.states[""] is before
        with pytest.raises(cw.ShapeError, match="the state `h` does not fit"):
            layer(torch.zeros(2, 4, 3))


def test_nothing_is_left_behind() -> None:
    layer = cw.nn.GRU(3, 4)
    with pytest.raises(ZeroDivisionError), cw.nn.carry_state(layer):
        raise ZeroDivisionError
    assert not layer._forward_hooks and not layer._forward_pre_hooks
    assert all("state" not in name for name in layer.state_dict())
