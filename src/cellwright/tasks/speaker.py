"""What says a sentence about a memory: token vectors, a decoder with attention, a softmax. Floor 6.

Shared by the tasks that read one thing and write another. Refuses nothing: the task checks what comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from cellwright.nn.attention import Memory
from cellwright.nn.decoder import Decoder
from cellwright.nn.dropout import Dropout
from cellwright.nn.frame import States
from cellwright.nn.linear_cross_entropy import linear_cross_entropy
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import PAD, Embedding
from cellwright.tasks.pieces import BEGIN


@dataclass(frozen=True)
class Said:
    """One step of many sentences: log probabilities [N, V], the states after it."""

    logs: Tensor
    state: States


class Speaker(nn.Module):
    """p(token_t | tokens before it, memory) = softmax(W y_t + b), y_t the decoder's output.

    Args:
        layers: of the decoder, which reads in one direction whatever they say; `dropout` is also the share
            dropped of token vectors and before the softmax.
        tokens: V, how many there are.
        memory_size: M, the width of the memory's vectors.
        embedding: the width of a token's vector.
        attention, feed: of the decoder.
        hidden_words: in training, the share of the tokens read that are hidden.
        tied: W is the table of token vectors (Press and Wolf 2017).
    """

    def __init__(
        self,
        layers: Layers,
        tokens: int,
        memory_size: int,
        *,
        embedding: int,
        attention: str,
        feed: str,
        hidden_words: float = 0.0,
        tied: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = Embedding([tokens], embedding, hidden_words=hidden_words, dropout=layers.dropout)
        self.decoder = Decoder(
            layers.cell,
            embedding,
            layers.units,
            memory_size,
            output_size=embedding if tied else layers.units,
            num_layers=layers.layers,
            attention=attention,
            feed=feed,
            dropout=layers.dropout,
        )
        self.dropout = Dropout(layers.dropout)
        self.head = nn.Linear(self.decoder.output_size, tokens)
        nn.init.zeros_(self.head.bias)
        if tied:
            self.head.weight = cast(nn.Embedding, self.embedding.tables[0]).weight

    def read(self, memory: Tensor, lengths: Tensor | None) -> Memory:
        """A memory [S, B, M] of lengths [B], to be spoken about."""
        return self.decoder.attention.read(memory, lengths)

    def nats(self, memory: Memory, wanted: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean over all tokens of -log p of `wanted` [T, B], each given those before it; padding is none.

        Args:
            memory: of the B sentences.
            wanted: with the end of each, padded after it.
            smoothing: the share of certainty taken off (Szegedy et al. 2016).
        """
        y = self.decoder(self.embedding(_shifted(wanted)), memory).y
        real = wanted != PAD
        # Rows of padding go before the softmax, which is the largest product of all.
        return linear_cross_entropy(
            self.dropout(y[real]),
            self.head.weight,
            wanted[real],
            linear_bias=self.head.bias,
            label_smoothing=smoothing,
        )

    def weights(self, memory: Memory, said: Tensor) -> Tensor:
        """Where attention lay for each token of `said` [T, B]: [T, B, S]."""
        found: Tensor = self.decoder(self.embedding(_shifted(said)), memory).weights
        return found

    def step(self, tokens: Tensor, memory: Memory, state: Mapping[str, Tensor] | None) -> Said:
        """After one more token [N], what may come next."""
        found = self.decoder(self.embedding(tokens.unsqueeze(0)), memory, state)
        return Said(self.head(found.y[0]).log_softmax(-1), found.state)


def _shifted(wanted: Tensor) -> Tensor:
    """What is read to say `wanted` [T, B]: the begin, and all but the last."""
    return torch.cat((torch.full_like(wanted[:1], BEGIN), wanted[:-1]))
