"""The search against all paths, written out; the best path; SpecAugment; the alphabet; the scores."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from cellwright.tasks.transcribe.alphabet import Alphabet, needed
from cellwright.tasks.transcribe.decode import Prefixes, best_path, decoded
from cellwright.tasks.transcribe.network import hidden
from cellwright.tasks.transcribe.score import errors, scores

RNG = np.random.default_rng(3)


def random_logs(steps: int, tokens: int) -> np.ndarray:
    x = torch.from_numpy(RNG.standard_normal((steps, tokens)) * 2)
    return x.log_softmax(-1).numpy()


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(k for k, _ in itertools.groupby(path) if k)


def all_texts(logs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Every text's probability: the sum over every path there is."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(logs.shape[1]), repeat=len(logs)):
        found[collapsed(path)] += math.exp(sum(logs[t, k] for t, k in enumerate(path)))
    return found


@pytest.mark.parametrize("steps", [1, 2, 5, 6])
def test_a_search_that_keeps_all_finds_every_text_with_its_probability(steps: int) -> None:
    logs = random_logs(steps, 3)
    search = Prefixes(0, unlikely=-math.inf)
    for row in logs:
        search.push(row)
    wanted = all_texts(logs)
    assert max(wanted, key=wanted.__getitem__) == search.best()
    for text, p in wanted.items():
        assert math.isclose(math.exp(search.log_probability(text)), p, rel_tol=1e-9), text


def test_its_probability_is_what_torch_has_for_the_loss() -> None:
    logs, text = random_logs(6, 4), (2, 2, 1)
    search = Prefixes(0, unlikely=-math.inf)
    for row in logs:
        search.push(row)
    nats = torch.nn.functional.ctc_loss(
        torch.from_numpy(logs)[:, None], torch.tensor([text]), [6], [3], reduction="sum"
    )
    assert math.isclose(search.log_probability(text), -float(nats), rel_tol=1e-9)


def test_a_few_prefixes_are_enough_where_the_best_path_is_wrong() -> None:
    """Nothing is likeliest at each step, yet "1" is the likeliest text: 1 - 0.6 * 0.6 of the paths."""
    logs = np.log(np.array([[0.6, 0.4], [0.6, 0.4]], dtype=np.float32))
    assert decoded(logs, 1) == ()
    assert decoded(logs, 2) == (1,)


def test_the_best_path_joins_repeats_and_says_where_each_begins() -> None:
    logs = np.log(
        np.array([[0.1, 0.8, 0.1], [0.1, 0.7, 0.2], [0.9, 0.05, 0.05], [0.1, 0.9, 0], [0, 0.1, 0.9]]) + 1e-9
    )
    said = best_path(logs)
    assert [(one.token, one.step) for one in said] == [(1, 0), (1, 3), (2, 4)]
    assert abs(said[0].share - 0.8) < 1e-6


def test_a_search_goes_on_from_what_is_carried() -> None:
    logs = random_logs(8, 4).astype(np.float32)
    whole, first, second = Prefixes(5), Prefixes(5), Prefixes(5)
    for k, row in enumerate(logs):
        whole.push(row)
        (first if k < 3 else second).push(row)
        if k == 2:
            second.carry(first.carried())
    assert second.carried() == whole.carried()


def test_masks_hide_stretches_of_bands_and_of_time_and_nothing_else() -> None:
    x = torch.ones(50, 3, 2 * 10)
    y = hidden(x, 10, 1, 0.4)
    assert set(y.unique().tolist()) == {0.0, 1.0}
    frames = y.view(50, 3, 2, 10)
    assert bool((frames[:, :, 0] == frames[:, :, 1]).all())
    for b in range(3):
        one = frames[:, b, 0]
        out, silent = (one == 0).all(1), (one == 0).all(0)
        assert torch.equal(one == 0, out[:, None] | silent[None])
        assert int(out.diff().sum()) <= 2
        assert int(out.sum()) <= 20
        assert int(silent.sum()) <= 4
    assert not torch.equal(frames[:, 0], frames[:, 1])
    assert torch.equal(hidden(x, 10, 0, 0.4), x)


def test_the_alphabet_of_words_and_of_letters() -> None:
    words = Alphabet.of(["so it is", "it was"], "words")
    assert words.tokens == ("is", "it", "so", "was")
    assert words.decode(words.encode("it is so") or []) == "it is so"
    assert words.encode("it were") is None
    assert words.unknown("it were we") == ["were", "we"]
    letters = Alphabet.of(["so it", "你好"], "letters")
    assert Alphabet.from_json(letters.to_json()).decode(letters.encode("你 so") or []) == "你 so"
    assert letters.decode([1, 1, *(letters.encode("so") or [])]) == "so"
    assert needed([]) == 0


def levenshtein(a: list[str], b: list[str]) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(
        levenshtein(a[1:], b) + 1, levenshtein(a, b[1:]) + 1, levenshtein(a[1:], b[1:]) + (a[0] != b[0])
    )


def test_error_rates_are_edits_over_what_was_wanted() -> None:
    wanted, said = ["so it is", "a b", "早上好"], ["so is it", "", "早好"]
    words = [(a.split(), b.split()) for a, b in zip(wanted[:2], said[:2], strict=True)] + [
        (list(wanted[2]), list(said[2]))
    ]
    found = scores(wanted, said)
    assert found["word_error_rate"] == sum(levenshtein(a, b) for a, b in words) / 8
    letters = sum(levenshtein(list(a), list(b)) for a, b in zip(wanted, said, strict=True))
    assert found["character_error_rate"] == pytest.approx(letters / 14)
    assert found["exact"] == 0
    assert [errors(a, b) for a, b in zip(wanted, said, strict=True)] == [levenshtein(a, b) for a, b in words]
