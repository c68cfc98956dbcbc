"""A beam over a language model: wide enough, it finds the likeliest text of all."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from tests.tasks.generate.test_sampling import model

import cellwright as cw
from cellwright.tasks.generate.network import LanguageModel
from cellwright.tasks.generate.sampling import Sampling, go_on
from cellwright.tasks.generate.search import _Texts, likeliest

TOKENS, LENGTH = 5, 4


def logs(network: LanguageModel, prompt: list[int], text: list[int], never: tuple[int, ...]) -> float:
    """The log probability of a text after a prompt, read at one go."""
    tokens = torch.tensor([*prompt, *text])
    with torch.no_grad():
        shares = network.head(network(tokens[:-1, None])[0][:, 0])
    shares[:, list(never)] = -torch.inf
    found = shares.log_softmax(-1)[len(prompt) - 1 :]
    return float(found[range(len(text)), text].sum())


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_wide_beam_finds_the_likeliest_of_all(cell: str) -> None:
    network, prompt, never = model(cell, tokens=TOKENS), [3, 1], (0,)
    texts = [list(text) for text in itertools.product(range(1, TOKENS), repeat=LENGTH)]
    wanted = max(texts, key=lambda text: logs(network, prompt, text, never))
    assert list(likeliest(network, prompt, LENGTH, 4**LENGTH, never)) == wanted


def test_with_an_end_the_best_that_ends_is_found_by_its_length() -> None:
    network, prompt, stop = model(tokens=TOKENS), [3, 1], 2
    texts = [
        [*text, stop] for length in range(LENGTH) for text in itertools.product([0, 1, 3, 4], repeat=length)
    ]
    wanted = max(texts, key=lambda text: logs(network, prompt, text, ()) / ((5 + len(text)) / 6))
    assert list(likeliest(network, prompt, LENGTH, 5**LENGTH, stop=stop)) == wanted[:-1]


def test_a_beam_of_one_takes_the_likeliest_each_time() -> None:
    network = model()
    assert list(likeliest(network, [4], 30, 1)) == list(go_on(network, [4], 30, Sampling(0)))


def test_a_wider_beam_is_no_worse_than_a_greedy_text_here() -> None:
    network = model()
    one, many = (list(likeliest(network, [4], 12, width)) for width in (1, 6))
    assert one != many and logs(network, [4], many, ()) > logs(network, [4], one, ())


def test_what_all_agree_on_is_given_out_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    step = _Texts.step
    monkeypatch.setattr(_Texts, "step", lambda texts: (steps.append(1), step(texts))[1])
    found = likeliest(model(), [4], 40, 3)
    next(found)
    assert 0 < len(steps) < 40
    assert 1 + len(list(found)) == 40


@pytest.mark.parametrize("width", [0, -1, 1.5, True])
def test_a_beam_out_of_range_is_refused_at_once(width: Any) -> None:
    with pytest.raises(cw.SettingError, match="beam must be a whole number of at least 1, got"):
        likeliest(model(), [1], 5, width)
