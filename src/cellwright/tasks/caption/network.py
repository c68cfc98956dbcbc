"""The network of a captioner: a picture's vectors, or a net over frames, and what speaks of it. Floor 6."""

from __future__ import annotations

from torch import Tensor, nn

from cellwright.nn import Recurrent
from cellwright.nn.attention import Memory
from cellwright.nn.dropout import Dropout
from cellwright.tasks.layers import Layers
from cellwright.tasks.speaker import Speaker
from cellwright.tasks.telling import Teller


class Describer(Teller):
    """Vinyals et al. 2015 with attention (Xu et al. 2015); frames as in Venugopalan et al. 2015.

    m_s = tanh(W x_s + b) for vectors and regions, m_1 .. m_S = recurrent(W x_1 + b, ..) for frames; then a
    `Speaker` over the memory m, which begins from its mean.
    """

    def __init__(
        self,
        layers: Layers,
        width: int,
        tokens: int,
        *,
        recurrent: bool,
        embedding: int,
        attention: str,
        feed: str,
        hidden_features: float,
        hidden_words: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.hidden = Dropout(hidden_features)
        self.first = nn.Linear(width, layers.units)
        self.recurrent: Recurrent | None = None
        if recurrent:
            self.recurrent = layers.over(layers.units)
        self.dropout = Dropout(layers.dropout)
        self.speaker = Speaker(
            layers,
            tokens,
            layers.units if self.recurrent is None else self.recurrent.output_size,
            embedding=embedding,
            attention=attention,
            feed=feed,
            hidden_words=hidden_words,
            tied=tied,
        )

    def vectors(self, x: Tensor) -> Tensor:
        """Features x [S, B, D] as the recurrent net reads them, [S, B, H]."""
        found: Tensor = self.first(self.hidden(x))
        return found

    def read(self, x: Tensor, lengths: Tensor) -> Memory:
        """Features x [S, B, D] of lengths [B], as a memory to be spoken about."""
        v = self.vectors(x)
        y = v.tanh() if self.recurrent is None else self.recurrent.outputs(v, lengths)
        return self.speaker.read(self.dropout(y), lengths)
