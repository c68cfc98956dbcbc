"""The network that answers: it reads the story once, keeps a vector for every fact, looks at them. Floor 6.

In the manner of memory networks (Sukhbaatar et al. 2015): several looks, each one asking with what the last
one found.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.nn import Recurrent
from cellwright.nn.attention import make_attention
from cellwright.tasks.networks import Embedding, pooled


@dataclass(frozen=True)
class Asked:
    """A batch of stories with questions.

    Attributes:
        x, lengths: the words of the stories, [T, B] and [B].
        ends, counts: the places of the last words of the facts, [F, B], and how many facts, [B].
        question, asked: the words of the questions, [Q, B] and [B].
        y: the numbers of the answers, [B]; -1: one that training has not seen.
        index: the examples' places in the data, [B].
    """

    x: Tensor
    lengths: Tensor
    ends: Tensor
    counts: Tensor
    question: Tensor
    asked: Tensor
    y: Tensor
    index: Tensor

    def to(self, device: torch.device) -> Asked:
        """The same batch on another device."""
        return self if self.x.device == device else Asked(*(part.to(device) for part in vars(self).values()))


class Answering(nn.Module):
    """Facts as the outputs of one recurrent net at their ends, so that each knows what came before it.

    m_f = outputs of recurrent(story) at the end of fact f;   q_0 = the end of recurrent'(question)
    c_k = attention(q_{k-1}, m);   q_k = tanh(W_k [q_{k-1}; c_k] + b_k);   logits = W_o q_K + b_o
    """

    def __init__(
        self,
        cell: Cell,
        tokens: int,
        answers: int,
        *,
        embedding: int,
        units: int,
        layers: int,
        bidirectional: bool,
        attention: str,
        looks: int,
        dropout: float,
        hidden_words: float,
    ) -> None:
        super().__init__()
        self.embedding = Embedding([tokens], embedding, hidden_words=hidden_words, dropout=dropout)
        between = dropout if layers > 1 else 0.0
        self.recurrent = Recurrent(
            cell, embedding, units, num_layers=layers, bidirectional=bidirectional, dropout=between
        )
        self.asking = Recurrent(cell, embedding, units, bidirectional=bidirectional)
        width = self.recurrent.output_size
        self.attention = make_attention(attention, width, width)
        self.turns = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(looks))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, answers)

    def forward(self, batch: Asked) -> tuple[Tensor, Tensor]:
        """Logits [B, answers], and where each look went, [looks, B, F]."""
        y = self.recurrent.outputs(self.embedding(batch.x), batch.lengths)
        rows = torch.arange(y.shape[1], device=y.device)
        memory = self.attention.read(self.dropout(y[batch.ends, rows]), batch.counts)
        read = self.asking.outputs(self.embedding(batch.question), batch.asked)
        q = pooled(read, batch.asked, "last", self.asking.directions)
        seen = []
        for turn in self.turns:
            found, weights = self.attention(q.unsqueeze(0), memory)
            q = torch.tanh(turn(self.dropout(torch.cat((q, found[0]), -1))))
            seen.append(weights[0])
        logits: Tensor = self.head(self.dropout(q))
        return logits, torch.stack(seen)
