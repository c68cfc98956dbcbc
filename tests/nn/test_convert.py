"""convert: torch.nn's layers inside a model become ours and back; everything a program hangs on them goes along."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.nn.by_hand import random
from torch import Tensor, nn

import cellwright as cw


class Model(nn.Module):
    """Recurrent layers as they occur: nested, shared, tied, frozen, bidirectional, projected."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LSTM(3, 4, 2, bidirectional=True, dropout=0.5, proj_size=2)
        self.deep = nn.ModuleDict(
            {
                "list": nn.ModuleList(
                    [nn.GRU(4, 4, batch_first=True), nn.RNN(4, 4, nonlinearity="relu", bias=False)]
                )
            }
        )
        self.again = self.deep["list"][0]
        self.tied = nn.GRU(4, 4, batch_first=True)
        self.tied.weight_hh_l0 = self.again.weight_hh_l0
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.first(x)
        for layer in (*self.deep["list"], self.again, self.tied):
            x, _ = layer(x)
        y: Tensor = self.head(x)
        return y


def model() -> Model:
    torch.manual_seed(2)
    made = Model().double().eval()
    made.first.weight_ih_l0.requires_grad_(False)
    made.deep["list"][1].train()
    return made


def test_there_and_back_nothing_changes() -> None:
    theirs, x = model(), random(6, 2, 3)
    before = copy.deepcopy(theirs)
    weights = dict(theirs.named_parameters(remove_duplicate=False))
    expected = theirs(x)
    assert cw.nn.convert(theirs) is theirs
    kinds = [type(m).__module__ for m in theirs.modules() if isinstance(m, (nn.RNNBase, cw.nn.Layer))]
    assert kinds == ["cellwright.nn.dropin"] * 4
    torch.testing.assert_close(theirs(x), expected)
    assert theirs.again is theirs.deep["list"][0] and theirs.tied.weight_hh_l0 is theirs.again.weight_hh_l0
    assert not theirs.first.weight_ih_l0.requires_grad
    assert repr(theirs) == repr(before)
    cw.nn.convert(theirs, back=True)
    torch.testing.assert_close(theirs(x), expected)
    assert repr(theirs) == repr(before) and not any(isinstance(m, cw.nn.Layer) for m in theirs.modules())
    for module, old in zip(theirs.modules(), before.modules(), strict=True):
        assert module.training == old.training and type(module) is type(old)
    for name, p in theirs.named_parameters(remove_duplicate=False):
        assert p is weights[name]
    assert list(theirs.state_dict()) == list(before.state_dict())
    theirs.first.flatten_parameters()
    assert theirs.first._flat_weights[0] is theirs.first.weight_ih_l0


def test_an_optimiser_made_before_goes_on() -> None:
    theirs, x = model().train(), random(6, 2, 3)
    theirs.first.dropout = 0.0
    ours = copy.deepcopy(theirs)
    losses: list[list[float]] = []
    for made in (theirs, ours):
        optimiser = torch.optim.Adam([p for p in made.parameters() if p.requires_grad], 0.01)
        if made is ours:
            cw.nn.convert(made)
        losses.append([])
        for _ in range(5):
            optimiser.zero_grad()
            loss = made(x).square().mean()
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-9) and losses[0][-1] < losses[0][0]


def test_hooks_and_attributes_go_along() -> None:
    layer, seen = nn.GRU(3, 4), []
    layer.note = "mine"
    handle = layer.register_forward_hook(lambda module, args, output: seen.append("after"))
    layer.register_forward_pre_hook(lambda module, args, kwargs: seen.append("before"), with_kwargs=True)
    layer.register_full_backward_hook(lambda module, into, out: seen.append("back"))
    layer.register_state_dict_post_hook(lambda *_: seen.append("saved"))
    ours = cw.nn.convert(layer)
    assert isinstance(ours, cw.nn.GRU) and ours.note == "mine"
    ours(torch.zeros(2, 1, 3, requires_grad=True))[0].sum().backward()
    ours.state_dict()
    assert seen == ["before", "after", "back", "saved"]
    handle.remove()
    ours(torch.zeros(2, 1, 3))
    assert seen.count("after") == 1


@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_weight_norm_of_the_old_kind_is_a_hook() -> None:
    layer = torch.nn.utils.weight_norm(nn.LSTM(3, 4), "weight_hh_l0").double()
    x = random(5, 2, 3)
    expected = layer(x)[0]
    ours = cw.nn.convert(layer)
    with torch.no_grad():
        ours.weight_hh_l0_g.mul_(2)
    assert not torch.allclose(ours(x)[0], expected)
    with torch.no_grad():
        ours.weight_hh_l0_g.div_(2)
    torch.testing.assert_close(ours(x)[0], expected)


class Own(nn.GRU):
    """A user's subclass."""


@pytest.mark.parametrize("kind", ["subclass", "parametrized"])
def test_subclasses_are_refused_by_name_and_can_be_left(kind: str) -> None:
    layer = Own(3, 4)
    if kind == "parametrized":
        layer = nn.GRU(3, 4)
        torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    whole = nn.Sequential(nn.LSTM(3, 3), layer)
    with pytest.raises(
        cw.SettingError, match=r"a subclass of torch's GRU cannot be converted.*\(1\).*leave=\[\"1\"\]"
    ):
        cw.nn.convert(whole)
    assert type(whole[0]) is nn.LSTM, "left as it was"
    cw.nn.convert(whole, leave=["1"])
    assert type(whole[0]) is cw.nn.LSTM and whole[1] is layer


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(cw.KindError, match="model should be of type torch.nn.Module, got: dict"):
        cw.nn.convert({})  # type: ignore[type-var]


def test_what_is_not_there_cannot_be_left() -> None:
    with pytest.raises(cw.SettingError, match="no such part to leave: got decoder"):
        cw.nn.convert(nn.Sequential(nn.GRU(3, 4)), leave=["decoder"])


def test_a_whole_part_can_be_left() -> None:
    made = cw.nn.convert(model(), leave=["deep"])
    assert type(made.first) is cw.nn.LSTM and type(made.deep["list"][1]) is nn.RNN
    # The same layer by another name is not in that part.
    assert type(made.again) is cw.nn.GRU


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_device_and_dtype(kind: str) -> None:
    for options in ({"dtype": torch.bfloat16}, {"device": "meta"}):
        ours: Any = cw.nn.convert(getattr(nn, kind)(3, 4, **options))
        weight = ours.weight_hh_l0
        assert {"dtype": weight.dtype, "device": weight.device.type}.items() >= options.items()
