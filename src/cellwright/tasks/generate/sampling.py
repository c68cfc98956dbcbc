"""From what a language model expects to a text: how a token is drawn, and one token after another. Floor 6.

Refuses a temperature below 0, fewer than one choice, and a length below 1 (SettingError).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from cellwright.errors import SettingError
from cellwright.nn.frame import States
from cellwright.stream import Stream
from cellwright.tasks.generate.network import LanguageModel


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    Attributes:
        temperature: 1 draws as the model expects, less keeps to the likely, 0 always takes the likeliest.
        top_k: draw among the so many likeliest only; None: among all.
        seed: the same seed gives the same draws, whatever else is drawn in the program.
        top_p: draw among the likeliest that have this share together, one at least; None: among all.

    Raises:
        SettingError: naming every setting that is out of range.

    >>> Sampling(temperature=0).pick(torch.tensor([0.1, 2.0, -1.0]), torch.Generator())
    1
    """

    temperature: float = 1.0
    top_k: int | None = None
    seed: int = 0
    top_p: float | None = None

    def __post_init__(self) -> None:
        wrong = []
        if not _is_number(self.temperature) or not 0 <= self.temperature < math.inf:
            wrong.append(f"temperature must be a number of at least 0, got {self.temperature}")
        if self.top_k is not None and not is_whole(self.top_k, 1):
            wrong.append(f"top_k must be a whole number of at least 1, got {self.top_k}")
        if not is_whole(self.seed, 0):
            wrong.append(f"seed must be a whole number of at least 0, got {self.seed}")
        if self.top_p is not None and not (_is_number(self.top_p) and 0 < self.top_p <= 1):
            wrong.append(f"top_p must be a number above 0 and at most 1, got {self.top_p}")
        if wrong:
            raise SettingError("; ".join(wrong))

    def generator(self) -> torch.Generator:
        """A source of draws of its own, from the seed."""
        return torch.Generator().manual_seed(int(self.seed) % 2**63)

    def pick(self, logits: Tensor, source: torch.Generator) -> int:
        """One token number, for logits [V]; -inf where a token is ruled out."""
        values = logits.detach().double().cpu()
        if self.temperature == 0:
            return int(values.argmax())
        kept, numbers = values.sort(descending=True, stable=True)
        kept, numbers = kept[: self.top_k], numbers[: self.top_k]
        shares = ((kept - kept[0]) / self.temperature).exp().cumsum(0)
        if self.top_p is not None:
            shares = shares[: 1 + int((shares < self.top_p * shares[-1]).sum())]
        point = torch.rand((), generator=source, dtype=torch.float64) * shares[-1]
        place = int(torch.searchsorted(shares, point, right=True))
        return int(numbers[min(place, len(numbers) - 1)])


def go_on(
    network: LanguageModel,
    prompt: Sequence[int],
    length: int,
    sampling: Sampling,
    never: Sequence[int] = (),
    stop: int | None = None,
) -> Iterator[int]:
    """The token numbers that follow a prompt, each given out as soon as it is drawn.

    The prompt is read at one go; from there on the network runs as a stream, a token at a time.

    Args:
        network: in evaluation mode.
        prompt: at least one token.
        length: how many tokens to draw.
        sampling: how.
        never: tokens that are not to be drawn.
        stop: the token that ends the text before its length; it is not given out. None: none does.

    Raises:
        SettingError: a length that is no whole number of at least 1; before anything is drawn.
    """
    need_length(length)
    stream = Stream(network.recurrent)
    return _drawn(network, stream, _read(network, prompt, stream), length, sampling, (never, stop))


def go_on_from(
    network: LanguageModel,
    read: tuple[Tensor, States],
    length: int,
    sampling: Sampling,
    never: Sequence[int] = (),
    stop: int | None = None,
) -> Iterator[int]:
    """As `go_on`, after what is read already: the last output [H] and the states [L, size]."""
    need_length(length)
    stream = Stream(network.recurrent)
    stream.reset(read[1])
    return _drawn(network, stream, read[0], length, sampling, (never, stop))


def ruled_out(logits: Tensor, never: Sequence[int]) -> Tensor:
    """The logits [..., V] with -inf for tokens that are not to be drawn."""
    kept = logits.clone()
    kept[..., list(never)] = -math.inf
    return kept


def _drawn(
    network: LanguageModel,
    stream: Stream,
    y: Tensor,
    length: int,
    sampling: Sampling,
    ends: tuple[Sequence[int], int | None],
) -> Iterator[int]:
    never, stop = ends
    source = sampling.generator()
    for left in range(length - 1, -1, -1):
        with torch.no_grad():
            logits = ruled_out(network.head(network.features(y)), never)
            token = sampling.pick(logits, source)
        if token == stop:
            return
        yield token
        if left:
            with torch.no_grad():
                y = stream.push(network.embedding.weight[token])


@torch.no_grad()
def _read(network: LanguageModel, prompt: Sequence[int], stream: Stream) -> Tensor:
    """The output [H] after the prompt; the stream goes on from there."""
    vectors = network.embedding.weight[torch.tensor(prompt, device=network.embedding.weight.device)]
    y, state = network.recurrent(vectors)
    stream.reset(state)
    last: Tensor = y[-1]
    return last


def need_length(length: Any) -> None:
    """Refuse what is no length."""
    if not is_whole(length, 1):
        raise SettingError(f"length must be a whole number of at least 1, got {length}")


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real)


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number of at least `least`."""
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least
