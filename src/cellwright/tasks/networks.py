"""Networks that read a whole sequence and say one thing of it; the parts that tasks share. Floor 6.

Padding never changes an answer: what lies past a sequence's length is masked before anything is pooled.
Refuses nothing: the task checks what comes in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from cellwright.nn.dropout import Dropout
from cellwright.tasks.layers import Layers

PAD, UNKNOWN = 0, 1
POOLINGS = ("max", "mean", "last", "attention")


class Embedding(nn.Module):
    """Numbers of tokens to vectors: the sum of one embedding for each of K columns. Padding is zero.

    Args:
        sizes: how many different numbers each column has; 0 is padding, 1 the unknown token.
        width: of the vectors.
        hidden_words: in training, the share of tokens taken for the unknown one.
        dropout: in training, the share of values set to zero.
    """

    def __init__(self, sizes: list[int], width: int, *, hidden_words: float, dropout: float) -> None:
        super().__init__()
        tables = [nn.Embedding(size, width, padding_idx=PAD) for size in sizes]
        self.tables = nn.ModuleList(tables)
        self.hidden_words = hidden_words
        self.dropout = Dropout(dropout)
        for table in tables:
            nn.init.normal_(table.weight, std=width**-0.5)
            nn.init.zeros_(table.weight[PAD])

    def forward(self, x: Tensor) -> Tensor:
        """x [T, B] or [T, B, K] whole numbers to [T, B, width]."""
        x = x if x.ndim == 3 else x.unsqueeze(-1)
        if self.training and self.hidden_words:
            hidden = torch.rand(x.shape[:2], device=x.device).unsqueeze(-1) < self.hidden_words
            x = x.masked_fill(hidden & (x != PAD), UNKNOWN)
        vectors = [table(x[..., column]) for column, table in enumerate(self.tables)]
        y: Tensor = self.dropout(torch.stack(vectors).sum(0) if len(vectors) > 1 else vectors[0])
        return y


class Attention(nn.Module):
    """How much each step counts: what is read most is weighed most.

        s_t = v . tanh(W y_t + b),   a_t = exp(s_t) / sum_u exp(s_u),   pool(y) = sum_t a_t y_t

    Source: Yang et al. 2016, Hierarchical attention networks, NAACL, equations 5 to 7.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)

    def scores(self, y: Tensor) -> Tensor:
        """s from y [..., width], [...]."""
        found: Tensor = self.query(torch.tanh(self.hidden(y))).squeeze(-1)
        return found

    def forward(self, y: Tensor, lengths: Tensor) -> Tensor:
        """a from y [T, B, width] and lengths [B]: [T, B], 0 past each length."""
        past = torch.arange(len(y), device=y.device)[:, None] >= lengths
        return self.scores(y).to(y.dtype).masked_fill(past, -math.inf).softmax(0)


class Reader(nn.Module):
    """The main network: (embedding), recurrent layers, pooling over time, dropout, linear.

    y_1 .. y_T = recurrent(x_1 .. x_T);   logits = W_o pool(y_1 .. y_T) + b_o
    """

    def __init__(
        self,
        first: nn.Module,
        width: int,
        layers: Layers,
        outputs: int,
        *,
        pooling: str,
    ) -> None:
        super().__init__()
        self.first = first
        self.recurrent = layers.over(width)
        self.pooling = pooling
        self.dropout = Dropout(layers.dropout)
        self.head = nn.Linear(self.recurrent.output_size, outputs)
        self.attention = Attention(self.recurrent.output_size) if pooling == "attention" else None

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x [T, B] or [T, B, C] and lengths [B] to logits [B, outputs]."""
        y = self.recurrent.outputs(self.first(x), lengths)
        logits: Tensor = self.head(self.dropout(self.pool(y, lengths)))
        return logits

    def pool(self, y: Tensor, lengths: Tensor) -> Tensor:
        """y [T, B, D*H] to one vector for each sequence, [B, D*H], as the network does it."""
        if self.attention is None:
            return pooled(y, lengths, self.pooling, self.recurrent.directions)
        shares: Tensor = self.attention(y, lengths)
        return (shares.unsqueeze(-1) * y).sum(0)

    def weights(self, x: Tensor, lengths: Tensor) -> Tensor | None:
        """How much each step counts, [T, B], its sum 1; None where the pooling does not weigh."""
        if self.attention is None:
            return None
        weights: Tensor = self.attention(self.recurrent.outputs(self.first(x), lengths), lengths)
        return weights


class Bag(nn.Module):
    """The mean of all steps' vectors, then linear: blind to order."""

    def __init__(self, first: nn.Module, width: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.first = first
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x [T, B] or [T, B, C] and lengths [B] to logits [B, outputs]."""
        logits: Tensor = self.head(self.dropout(pooled(self.first(x), lengths, "mean")))
        return logits


class Ensemble(nn.Module):
    """Networks of different beginnings: each learns as if alone, their probabilities are `averaged`."""

    def __init__(self, members: Sequence[nn.Module], *, several: bool = False) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.several = several

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x and lengths as of a member to logits [B, outputs]; in training to each one's [M, B, outputs]."""
        logits = torch.stack([member(x, lengths) for member in self.members])
        if self.training:
            return logits
        return averaged(logits, several=self.several)


def averaged(logits: Tensor, *, several: bool) -> Tensor:
    """Logits [M, ..., outputs] whose probabilities are averaged over M.

    log mean_m softmax(logits_m);   of several labels log p / (1 - p) of each, p = mean_m sigmoid(logits_m)
    """
    if several:
        return logsigmoid(logits).logsumexp(0) - logsigmoid(-logits).logsumexp(0)
    mean: Tensor = logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))
    return mean


class CountsPerceptron(nn.Module):
    """One hidden layer over how often each token stands in the text: blind to order.

        logits = W_o relu(W counts / sqrt(T) + b) + b_o

    W counts is the sum of W's columns over the tokens, so that W is kept as an embedding.
    """

    def __init__(self, size: int, outputs: int, *, units: int, dropout: float) -> None:
        super().__init__()
        self.columns = nn.Embedding(size, units, padding_idx=PAD)
        self.bias = nn.Parameter(torch.zeros(units))
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(units, outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x [T, B] whole numbers and lengths [B] to logits [B, outputs]."""
        y = self.columns(x).sum(0) / lengths.to(self.bias.dtype).sqrt().unsqueeze(-1) + self.bias
        logits: Tensor = self.head(self.dropout(torch.relu(y)))
        return logits


class StretchedPerceptron(nn.Module):
    """One hidden layer over the whole series, stretched to one length by linear interpolation."""

    def __init__(self, channels: int, length: int, outputs: int, *, units: int, dropout: float) -> None:
        super().__init__()
        self.length = length
        self.hidden = nn.Linear(channels * length, units)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(units, outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x [T, B, C] and lengths [B] to logits [B, outputs]."""
        y = torch.relu(self.hidden(stretched(x, lengths, self.length).transpose(0, 1).flatten(1)))
        logits: Tensor = self.head(self.dropout(y))
        return logits


def pooled(y: Tensor, lengths: Tensor, how: str, directions: int = 1) -> Tensor:
    """y [T, B, D*H] to one vector for each sequence, [B, D*H]: the largest, the mean, or where reading ended.

    >>> y = torch.tensor([[1.0], [5.0], [9.0]]).unsqueeze(1)
    >>> [float(pooled(y, torch.tensor([2]), how)) for how in ("max", "mean", "last")]
    [5.0, 3.0, 5.0]
    """
    if how == "last":
        last = y[lengths - 1, torch.arange(len(lengths), device=y.device)]
        half = y.shape[-1] // directions
        return last if directions == 1 else torch.cat([last[:, :half], y[0, :, half:]], dim=-1)
    past = (torch.arange(len(y), device=y.device)[:, None] >= lengths).unsqueeze(-1)
    if how == "mean":
        return y.masked_fill(past, 0.0).sum(0) / lengths.unsqueeze(-1)
    return y.masked_fill(past, -math.inf).amax(0)


def stretched(x: Tensor, lengths: Tensor, length: int) -> Tensor:
    """x [T, B, C] read off at `length` evenly spaced times of each sequence, [length, B, C].

    >>> stretched(torch.tensor([0.0, 2.0, 9.0]).view(3, 1, 1), torch.tensor([2]), 3).flatten().tolist()
    [0.0, 1.0, 2.0]
    """
    at = torch.linspace(0.0, 1.0, length, dtype=x.dtype, device=x.device)[:, None] * (lengths - 1)
    below = at.floor().long()
    above = torch.minimum(below + 1, lengths - 1)
    part = (at - below).unsqueeze(-1)
    column = torch.arange(x.shape[1], device=x.device)
    return x[below, column] * (1 - part) + x[above, column] * part
