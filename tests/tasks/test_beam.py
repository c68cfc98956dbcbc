"""Beam search: the likeliest sentence of all, found by trying all; rows of a batch apart; limits; length."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from cellwright.cells import get
from cellwright.nn.attention import Memory
from cellwright.tasks.beam import NEVER, Beam, search
from cellwright.tasks.layers import Layers
from cellwright.tasks.pieces import END
from cellwright.tasks.speaker import Speaker

V, B, S, M, LONGEST = 7, 3, 4, 5, 3


@pytest.fixture(scope="module", params=["none", "output", "context"])
def speaker(request: pytest.FixtureRequest) -> Speaker:
    torch.manual_seed(3)
    made = Speaker(
        Layers(get("gru"), 6, 2),
        V,
        M,
        embedding=6,
        attention="additive",
        feed=request.param,
    )
    made.head.weight.data.mul_(6)  # surer of itself, so that sentences differ
    return made.eval()


@pytest.fixture(scope="module")
def memory(speaker: Speaker) -> Memory:
    torch.manual_seed(4)
    with torch.no_grad():
        return speaker.read(torch.randn(S, B, M) * 2, torch.tensor([4, 1, 3]))


def logs_of(speaker: Speaker, memory: Memory, row: int, tokens: list[int]) -> float:
    """The log probability of a whole sentence, its end the last token."""
    one = memory.rows(torch.tensor([row]))
    with torch.no_grad():
        return -float(speaker.nats(one, torch.tensor(tokens).unsqueeze(1))) * len(tokens)


def best_of_all(
    speaker: Speaker, memory: Memory, row: int, beam: Beam, longest: int
) -> tuple[list[int], float]:
    words = [token for token in range(V) if token not in (*NEVER, END)]
    found = []
    for length in range(longest):
        for said in itertools.product(words, repeat=length):
            total = logs_of(speaker, memory, row, [*said, END])
            found.append((list(said), total / float(beam.norm(length + 1))))
    return max(found, key=lambda pair: pair[1])


@pytest.mark.parametrize("penalty", [0.0, 1.0, 3.0])
def test_a_wide_beam_finds_the_best_of_all(speaker: Speaker, memory: Memory, penalty: float) -> None:
    beam = Beam(width=30, penalty=penalty)
    limits = torch.tensor([LONGEST, LONGEST, 2])
    for row, found in enumerate(search(speaker, memory, limits, beam)):
        tokens, score = best_of_all(speaker, memory, row, beam, int(limits[row]))
        assert found.tokens == tokens
        assert math.isclose(found.score, score, rel_tol=1e-4, abs_tol=1e-5)


@pytest.mark.parametrize("width", [1, 3])
def test_a_batch_finds_what_each_row_alone_finds(speaker: Speaker, memory: Memory, width: int) -> None:
    limits = torch.tensor([6, 9, 2])
    together = search(speaker, memory, limits, Beam(width))
    for row, found in enumerate(together):
        alone = search(speaker, memory.rows(torch.tensor([row])), limits[row : row + 1], Beam(width))[0]
        assert alone.tokens == found.tokens
        assert math.isclose(alone.score, found.score, rel_tol=1e-4)
        assert len(found.tokens) < limits[row]
        assert not set(found.tokens) & {*NEVER, END}


def test_one_wide_takes_the_likeliest_each_time(speaker: Speaker, memory: Memory) -> None:
    found = search(speaker, memory, torch.tensor([8] * B), Beam(1))
    state, token, said = None, torch.tensor([2] * B), []
    for _ in range(8):
        with torch.no_grad():
            step = speaker.step(token, memory, state)
        logs: Tensor = step.logs.clone()
        logs[:, list(NEVER)] = -math.inf
        token, state = logs.argmax(1), step.state
        said.append(token)
    for row, one in enumerate(found):
        greedy = torch.stack(said)[:, row].tolist()
        wanted = greedy[: greedy.index(END)] if END in greedy else greedy[:7]
        assert one.tokens == wanted
