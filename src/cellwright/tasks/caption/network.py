"""The network of a captioner: a picture's vectors, or a net over frames, and what speaks of it. Floor 6."""

from __future__ import annotations

from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.nn import Recurrent
from cellwright.nn.attention import Memory
from cellwright.tasks.speaker import Speaker
from cellwright.tasks.telling import Teller


class Describer(Teller):
    """Vinyals et al. 2015 with attention (Xu et al. 2015); frames as in Venugopalan et al. 2015.

    m_s = tanh(W x_s + b) for vectors and regions, m_1 .. m_S = recurrent(W x_1 + b, ..) for frames; then a
    `Speaker` over the memory m, which begins from its mean.
    """

    def __init__(
        self,
        cell: Cell,
        width: int,
        tokens: int,
        *,
        recurrent: bool,
        embedding: int,
        units: int,
        layers: int,
        bidirectional: bool,
        attention: str,
        feed: str,
        dropout: float,
        hidden_features: float,
        hidden_words: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.hidden = nn.Dropout(hidden_features)
        self.first = nn.Linear(width, units)
        self.recurrent: Recurrent | None = None
        if recurrent:
            self.recurrent = Recurrent(
                cell,
                units,
                units,
                num_layers=layers,
                bidirectional=bidirectional,
                dropout=dropout if layers > 1 else 0.0,
            )
        self.dropout = nn.Dropout(dropout)
        self.speaker = Speaker(
            cell,
            tokens,
            units if self.recurrent is None else self.recurrent.output_size,
            embedding=embedding,
            units=units,
            layers=layers,
            attention=attention,
            feed=feed,
            dropout=dropout,
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
