"""Draws follow the model's own shares; what is written equals a loop that reads everything anew at each step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import cellwright as cw
from cellwright.errors import SettingError
from cellwright.tasks.generate.network import Drops, LanguageModel
from cellwright.tasks.generate.sampling import Sampling, go_on, ruled_out

DRAWS = 4000
LOGITS = torch.tensor([1.0, -0.5, 2.0, 0.0, 1.5])


def model(cell: str = "lstm", tokens: int = 9, **settings: Any) -> LanguageModel:
    torch.manual_seed(5)
    kept = {"embedding": 6, "units": 7, "layers": 2, "drops": Drops(output=0.5), "tied": False} | settings
    network = LanguageModel(cw.cells.get(cell), tokens, **kept).double().eval()
    with torch.no_grad():
        network.head.weight *= 8
    return network


def shares(sampling: Sampling, draws: int = DRAWS) -> torch.Tensor:
    source = sampling.generator()
    counts = torch.zeros(len(LOGITS), dtype=torch.float64)
    for _ in range(draws):
        counts[sampling.pick(LOGITS, source)] += 1
    return counts / draws


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_are_drawn_as_often_as_the_softmax_says(temperature: float) -> None:
    wanted = (LOGITS.double() / temperature).softmax(0)
    got = shares(Sampling(temperature, seed=3))
    assert ((got - wanted).abs() < 4 * (wanted * (1 - wanted) / DRAWS).sqrt()).all()


def test_top_k_draws_among_the_likeliest_by_their_own_shares() -> None:
    wanted = torch.zeros(5, dtype=torch.float64)
    wanted[[2, 4]] = LOGITS[[2, 4]].double().softmax(0)
    got = shares(Sampling(top_k=2))
    assert (got[[0, 1, 3]] == 0).all()
    assert (got - wanted).abs().max() < 0.03


def test_more_choices_than_tokens_are_all_tokens() -> None:
    assert torch.equal(shares(Sampling(top_k=99), 500), shares(Sampling(), 500))


@pytest.mark.parametrize("sampling", [Sampling(0), Sampling(1e-300), Sampling(5.0, top_k=1)])
def test_the_likeliest_is_always_taken_where_nothing_else_may_be(sampling: Sampling) -> None:
    source = sampling.generator()
    assert {sampling.pick(LOGITS, source) for _ in range(50)} == {2}


def test_what_is_ruled_out_is_never_drawn() -> None:
    kept = ruled_out(LOGITS, [2, 4])
    source = Sampling().generator()
    drawn = {Sampling(100.0).pick(kept, source) for _ in range(500)}
    assert drawn == {0, 1, 3} and LOGITS[2] == 2.0


def test_the_seed_alone_decides() -> None:
    network = model()
    first = list(go_on(network, [3], 40, Sampling(seed=1)))
    torch.rand(7)
    before = torch.get_rng_state()
    assert list(go_on(network, [3], 40, Sampling(seed=1))) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert list(go_on(network, [3], 40, Sampling(seed=2))) != first


@pytest.mark.parametrize("prompt", [[4], [4, 2, 2, 8]])
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru", "peephole"])
def test_writing_equals_reading_everything_anew(cell: str, prompt: list[int]) -> None:
    network, sampling = model(cell), Sampling(0.9, top_k=5, seed=11)
    text, source = list(prompt), sampling.generator()
    for _ in range(25):
        features, _ = network(torch.tensor(text)[:, None])
        text.append(sampling.pick(network.head(features[-1, 0]), source))
    assert list(go_on(network, prompt, 25, sampling)) == text[len(prompt) :]
    assert len(set(text)) > 3


def test_gradients_stay_on_between_two_tokens() -> None:
    drawn = go_on(model(), [1], 2, Sampling())
    next(drawn)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -0.1}, "temperature must be a number of at least 0, got -0.1"),
        ({"temperature": math.nan}, "temperature must be a number of at least 0, got nan"),
        ({"temperature": math.inf}, "temperature must be a number of at least 0, got inf"),
        ({"temperature": "hot"}, "temperature must be a number of at least 0, got hot"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1, got 0"),
        ({"top_k": 2.5}, "top_k must be a whole number of at least 1, got 2.5"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"temperature": -1, "top_k": -1}, "got -1; top_k must be"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(cw.SettingError) as caught:
        Sampling(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize("length", [0, -3, 1.5, True])
def test_a_length_out_of_range_is_refused_at_once(length: Any) -> None:
    with pytest.raises(cw.SettingError, match="length must be a whole number of at least 1, got"):
        go_on(model(), [1], length, Sampling())


def test_the_nucleus_is_the_fewest_tokens_with_the_share() -> None:
    wanted = LOGITS.double().softmax(0).sort(descending=True)
    for count in (1, 2, 3):
        share = float(wanted.values[:count].sum()) - 0.01
        drawn = shares(Sampling(1.0, top_p=share), 400).nonzero()[:, 0]
        assert set(drawn.tolist()) == set(wanted.indices[:count].tolist())
    assert shares(Sampling(1.0, top_p=1e-9), 50)[2] == 1


@pytest.mark.parametrize("share", [0, -0.1, 1.1, True, math.nan])
def test_a_nucleus_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(SettingError, match="top_p must be a number above 0 and at most 1"):
        Sampling(top_p=share)
