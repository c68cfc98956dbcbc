"""What reads one thing and tells a sentence about it: encoder, attention, a speaker of pieces. Floor 6.

Shared by translate and caption: only what is read differs. Refuses nothing: the task checks what comes in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cellwright.nn.attention import ATTENTIONS, Memory
from cellwright.nn.decoder import FEEDS
from cellwright.tasks.base import Estimator
from cellwright.tasks.beam import Beam, search
from cellwright.tasks.pieces import END, Pieces
from cellwright.tasks.speaker import Speaker
from cellwright.tasks.training.batches import Padded
from cellwright.tasks.training.settings import dropping, setting

Part = TypeVar("Part")
Coded = TypeVar("Coded")
STOP = "⏹"  # stands for the end of a sentence


@dataclass(kw_only=True, eq=False, repr=False)
class Telling(Estimator[Part, Coded]):
    """What the tasks have in common whose answers are sentences of pieces: the settings of what says them."""

    embedding: int = setting(256, "size of the vector of a piece", min=1)
    attention: str = setting(
        "multiplicative",
        "how the decoder looks back: Luong's or Bahdanau's score",
        choices=tuple(ATTENTIONS),
    )
    feeding: str = setting(
        "none",
        "what goes back into the decoder: nothing (fast), the context, or the last output",
        choices=FEEDS,
    )
    tied: bool = setting(True, "use the same numbers for reading a piece and for writing it")
    word_dropout: float = dropping(0.1, "share of pieces hidden in training")
    smoothing: float = setting(
        0.1, "share of certainty taken off the pieces in training", min=0, max=1, exclusive="max"
    )
    beam: int = setting(5, "sentences kept at every step of the search", min=1, on_resume=True)
    penalty: float = setting(
        1.0, "how far long sentences are preferred; 0: not at all", min=0, on_resume=True
    )

    def searching(self) -> Beam:
        """How sentences are searched for."""
        return Beam(self.beam, self.penalty)


class Teller(nn.Module, ABC):
    """A network with a `speaker`, that makes a memory of what it reads."""

    speaker: Speaker

    @abstractmethod
    def read(self, x: Tensor, lengths: Tensor) -> Memory:
        """What is read, [S, B, ...] of lengths [B], as a memory to be spoken about."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device


def with_ends(pieces: Pieces, texts: Sequence[str], longest: int) -> list[list[int]]:
    """The numbers of each text, cut where it is too long, and the end."""
    return [[*numbers[: longest - 1], END] for numbers in pieces.encode_all(texts)]


def loss(network: Teller, batch: Padded, smoothing: float = 0.0) -> tuple[Tensor, int]:
    """The mean negative log probability of a batch's pieces by teacher forcing, and how many they are."""
    assert batch.y is not None
    assert batch.y_lengths is not None
    nats = network.speaker.nats(network.read(batch.x, batch.lengths), batch.y, smoothing)
    return nats, int(batch.y_lengths.sum())


def mean_loss(network: Teller, batches: Iterable[Padded]) -> float:
    """The same over all batches, the ends among the pieces."""
    total = count = 0.0
    for batch in batches:
        nats, items = loss(network, batch.to(network.device))
        total += items * float(nats)
        count += items
    return total / count


def told(
    network: Teller, batches: Iterable[Padded], longest: Sequence[int], beam: Beam, pieces: Pieces
) -> list[str]:
    """A sentence about everything that is read, in the order of the data.

    Args:
        network: in evaluation mode.
        batches: of all examples; `index` tells whose they are.
        longest: pieces that the sentence about each example may have, the end among them.
        beam: how it is searched for.
        pieces: of the sentences.
    """
    said = [""] * len(longest)
    most = torch.tensor(longest)
    for batch in batches:
        part = batch.to(network.device)
        found = search(network.speaker, network.read(part.x, part.lengths), most[batch.index], beam)
        for place, one in zip(batch.index.tolist(), found, strict=True):
            said[place] = pieces.decode(one.tokens)
    return said


def looked(network: Teller, x: Tensor, said: Sequence[int], pieces: Pieces) -> dict[str, Any]:
    """Where attention lay for each piece of a sentence: {"said": T pieces, "weights": [T][S]}.

    Args:
        network: in evaluation mode.
        x: what is read, [S, ...].
        said: the numbers of the sentence's pieces, with its end.
        pieces: of the sentence.
    """
    y = torch.tensor(said, device=network.device).unsqueeze(1)
    memory = network.read(x.to(network.device).unsqueeze(1), torch.tensor([len(x)], device=network.device))
    weights = network.speaker.weights(memory, y)[:, 0]
    return {
        "said": [*pieces.shown(said), STOP],
        "weights": [[round(float(share), 4) for share in row] for row in weights],
    }
