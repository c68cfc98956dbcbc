"""The network that answers: it keeps a vector for every fact of a story, and looks at them. Floor 6.

In the manner of memory networks: several looks, each one asking with what the last one found (Sukhbaatar et
al. 2015), over facts that a net in both directions has put in order (Xiong, Merity & Socher 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cellwright.nn import Recurrent
from cellwright.nn.attention import make_attention
from cellwright.nn.dropout import Dropout
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import PAD, Embedding, pooled


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
    """Facts read one by one, then in their order from both sides: each knows what came before and after it.

    v(words) = end of recurrent(words) + W_v sum of embedding(words), for every fact and for the question
    m_f = v_f + what order reads from the first fact to f + what it reads from the last one back to f
    q_0 = v(question);   c_k = attention(q_{k-1}, m);   q_k = q_{k-1} + tanh(W_k [q_{k-1}; c_k] + b_k)
    logits = W_o q_K + b_o

    One net reads facts and questions, and words reach their vector past it too: from the beginning a question
    resembles the facts that share its words, and so finds them. (With a net for each, attention has to learn
    this from scratch: of four kinds of question together it learnt none in 25 epochs; see docs/log.md.)
    """

    def __init__(
        self,
        layers: Layers,
        tokens: int,
        answers: int,
        *,
        embedding: int,
        attention: str,
        looks: int,
        hidden_words: float,
    ) -> None:
        super().__init__()
        self.embedding = Embedding([tokens], embedding, hidden_words=hidden_words, dropout=layers.dropout)
        self.recurrent = layers.over(embedding)
        width = self.recurrent.output_size
        self.words = nn.Linear(embedding, width, bias=False)
        self.order = Recurrent(layers.cell, width, width, bidirectional=True)
        self.attention = make_attention(attention, width, width)
        self.turns = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(looks))
        self.dropout = Dropout(layers.dropout)
        self.head = nn.Linear(width, answers)

    def forward(self, batch: Asked) -> tuple[Tensor, Tensor]:
        """Logits [B, answers], and where each look went, [looks, B, F]."""
        memory = self.attention.read(self.dropout(self._facts(batch)), batch.counts)
        q = self._vectors(self.embedding(batch.question), batch.asked)
        seen = []
        for turn in self.turns:
            found, weights = self.attention(q.unsqueeze(0), memory)
            q = q + torch.tanh(turn(self.dropout(torch.cat((q, found[0]), -1))))
            seen.append(weights[0])
        logits: Tensor = self.head(self.dropout(q))
        return logits, torch.stack(seen)

    def reads(self, batch: Asked) -> tuple[Tensor, Tensor]:
        """What the first net reads: the words of all facts of a batch, [L, N, E], and their numbers, [N]."""
        words, lengths, _ = facts_of(batch)
        return self.embedding(words), lengths

    def _facts(self, batch: Asked) -> Tensor:
        """A vector for each fact, [F, B, width]; zero where a story has no more."""
        words, lengths, there = facts_of(batch)
        alone = self._vectors(self.embedding(words), lengths)
        facts = alone.new_zeros(*there.shape, alone.shape[-1]).masked_scatter(there.unsqueeze(-1), alone)
        forth, back = self.order.outputs(self.dropout(facts), batch.counts).chunk(2, -1)
        return facts + forth + back

    def _vectors(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Words [L, N, E] to a vector for each sentence, [N, width]. Padding is zero."""
        read = self.recurrent.outputs(x, lengths)
        last = pooled(read, lengths, "last", self.recurrent.directions)
        vectors: Tensor = last + self.words(x.sum(0))
        return vectors


def facts_of(batch: Asked) -> tuple[Tensor, Tensor, Tensor]:
    """The words of each fact [L, N], how many each has [N], and which of [F, B] are facts (N of them)."""
    starts = torch.cat((torch.zeros_like(batch.ends[:1]), batch.ends[:-1] + 1))
    steps = torch.arange(len(batch.ends), device=batch.ends.device)
    there = steps.unsqueeze(1) < batch.counts
    begin, lengths = starts[there], (batch.ends - starts + 1)[there]
    column = there.nonzero()[:, 1]
    step = torch.arange(int(lengths.max()), device=begin.device).unsqueeze(1)
    words = batch.x[(begin + step).clamp_max(len(batch.x) - 1), column]
    return words.masked_fill(step >= lengths, PAD), lengths, there
