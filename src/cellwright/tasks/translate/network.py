"""The network of a translator: one recurrent net reads, another one writes and looks back. Floor 6."""

from __future__ import annotations

from torch import Tensor

from cellwright.nn.attention import Memory
from cellwright.nn.dropout import Dropout
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import Embedding
from cellwright.tasks.speaker import Speaker
from cellwright.tasks.telling import Teller


class EncoderDecoder(Teller):
    """Sutskever et al. 2014 with attention (Bahdanau et al. 2015).

    m_1 .. m_S = recurrent(E x_1 .. E x_S), in both directions;   then a `Speaker` over the memory m
    """

    def __init__(
        self,
        layers: Layers,
        tokens: tuple[int, int],
        *,
        embedding: int,
        attention: str,
        feed: str,
        hidden_words: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.embedding = Embedding([tokens[0]], embedding, hidden_words=hidden_words, dropout=layers.dropout)
        self.recurrent = layers.over(embedding)
        self.dropout = Dropout(layers.dropout)
        self.speaker = Speaker(
            layers,
            tokens[1],
            self.recurrent.output_size,
            embedding=embedding,
            attention=attention,
            feed=feed,
            hidden_words=hidden_words,
            tied=tied,
        )

    def read(self, x: Tensor, lengths: Tensor) -> Memory:
        """Sentences x [S, B] of lengths [B], as a memory to be spoken about."""
        y = self.recurrent.outputs(self.embedding(x), lengths)
        return self.speaker.read(self.dropout(y), lengths)
