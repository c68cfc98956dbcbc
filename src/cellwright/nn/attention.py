"""Attention: what a query wants to know of a memory of vectors, as a weighted mean of them. Floor 4.

Additive (Bahdanau et al. 2015) and multiplicative (Luong et al. 2015, "general"). Vectors past a memory's
length have weight zero. Refuses sizes that do not fit (ShapeError).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cellwright.errors import SettingError, ShapeError


@dataclass(frozen=True)
class Memory:
    """A memory, read: what attention computes once, however many queries follow. Made by `Attention.read`.

    Attributes:
        values: the vectors themselves, [B, S, M].
        keys: what queries are compared with, [B, S, A].
        past: true where a vector lies past its memory's length, [B, S]; None where all are full.
    """

    values: Tensor
    keys: Tensor
    past: Tensor | None

    def mean(self) -> Tensor:
        """The mean of each memory's vectors, [B, M]; zero for an empty one."""
        if self.past is None:
            return self.values.mean(1)
        count = (~self.past).sum(1, keepdim=True).clamp_min(1)
        return self.values.masked_fill(self.past.unsqueeze(-1), 0.0).sum(1) / count

    def rows(self, index: Tensor) -> Memory:
        """The memories of some rows, [B'] places of them."""
        past = None if self.past is None else self.past[index]
        return Memory(self.values[index], self.keys[index], past)


class Attention(nn.Module, ABC):
    """Weights over a memory for every query.

        a_ts = score(q_t, k_s);   w_t = softmax over s of a_t;   c_t = sum over s of w_ts m_s

    Args:
        query_size: Q, the width of a query.
        memory_size: M, the width of a vector of the memory.
        size: A, the width they are compared in; None: that of the query.
    """

    def __init__(self, query_size: int, memory_size: int, size: int | None = None) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size
        self.size = query_size if size is None else size

    @abstractmethod
    def keys(self, memory: Tensor) -> Tensor:
        """What queries are compared with, [B, S, A], of a memory [B, S, M]."""

    @abstractmethod
    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """How well each vector answers each query, [B, T, S], for queries [B, T, Q] and keys [B, S, A]."""

    def read(self, memory: Tensor, lengths: Tensor | None = None) -> Memory:
        """A memory to be asked.

        Args:
            memory: [S, B, M], time first as everywhere.
            lengths: [B], how many vectors of each count; None: all.

        Raises:
            ShapeError: another width, lengths of another number of rows.
        """
        if memory.ndim != 3 or memory.shape[-1] != self.memory_size:
            raise ShapeError(
                "a memory of another shape", got=list(memory.shape), expected=f"[S, B, {self.memory_size}]"
            )
        values = memory.transpose(0, 1).contiguous()
        if lengths is None:
            return Memory(values, self.keys(values), None)
        if lengths.shape != values.shape[:1]:
            raise ShapeError(
                "lengths of another number of memories", got=list(lengths.shape), expected=[len(values)]
            )
        past = torch.arange(values.shape[1], device=values.device) >= lengths.to(values.device).unsqueeze(1)
        return Memory(values, self.keys(values), past)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Queries [T, B, Q] to what they found, [T, B, M], and the weights, [T, B, S].

        The weights of one query add up to 1; of an empty memory they are all zero.

        Raises:
            ShapeError: queries of another width or number of rows.
        """
        if query.shape[-1] != self.query_size or query.shape[1] != len(memory.values):
            raise ShapeError(
                "queries of another shape",
                got=list(query.shape),
                expected=f"[T, {len(memory.values)}, {self.query_size}]",
            )
        scores = self.scores(query.transpose(0, 1), memory.keys)
        if memory.past is None:
            weights = scores.softmax(-1)
        else:
            past = memory.past.unsqueeze(1)
            # The least finite number, not minus infinity: a memory without any vector must not give NaN.
            weights = (
                scores.masked_fill(past, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(past, 0.0)
            )
        found = torch.bmm(weights, memory.values)
        return found.transpose(0, 1), weights.transpose(0, 1)


class Multiplicative(Attention):
    """Luong's general score: a_ts = q_t · (W_k m_s). All queries of a sequence are two matrix products.

    >>> attention = Multiplicative(3, 5)
    >>> found, weights = attention(torch.zeros(4, 2, 3), attention.read(torch.ones(6, 2, 5)))
    >>> tuple(found.shape), tuple(weights.shape)
    ((4, 2, 5), (4, 2, 6))
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.W_k = nn.Parameter(torch.empty(query_size, memory_size))
        nn.init.xavier_uniform_(self.W_k)

    def keys(self, memory: Tensor) -> Tensor:
        """W_k m."""
        return memory @ self.W_k.T

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """q · k."""
        return torch.bmm(query, keys.transpose(1, 2))


class Additive(Attention):
    """Bahdanau's score: a_ts = v · tanh(W_q q_t + W_k m_s + b).

    It looks at T * S vectors of A numbers where the multiplicative score needs T * S numbers: slower, and its
    memory grows with both lengths.

    >>> attention = Additive(3, 5, 4)
    >>> found, _ = attention(torch.zeros(1, 2, 3), attention.read(torch.ones(6, 2, 5), torch.tensor([6, 0])))
    >>> found[0, :, 0].tolist()
    [1.0, 0.0]
    """

    def __init__(self, query_size: int, memory_size: int, size: int | None = None) -> None:
        super().__init__(query_size, memory_size, size)
        self.W_q = nn.Parameter(torch.empty(self.size, query_size))
        self.W_k = nn.Parameter(torch.empty(self.size, memory_size))
        self.b = nn.Parameter(torch.zeros(self.size))
        self.v = nn.Parameter(torch.empty(self.size))
        nn.init.xavier_uniform_(self.W_q)
        nn.init.xavier_uniform_(self.W_k)
        nn.init.uniform_(self.v, -(self.size**-0.5), self.size**-0.5)

    def keys(self, memory: Tensor) -> Tensor:
        """W_k m + b."""
        return memory @ self.W_k.T + self.b

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """v · tanh(W_q q + k)."""
        asked = (query @ self.W_q.T).unsqueeze(2)
        return torch.tanh(asked + keys.unsqueeze(1)) @ self.v


ATTENTIONS: dict[str, type[Multiplicative] | type[Additive]] = {
    "multiplicative": Multiplicative,
    "additive": Additive,
}


def make_attention(kind: str, query_size: int, memory_size: int) -> Attention:
    """The attention of a name.

    Raises:
        SettingError: no such attention.
    """
    if kind not in ATTENTIONS:
        raise SettingError("no such attention", got=kind, expected=", ".join(ATTENTIONS))
    return ATTENTIONS[kind](query_size, memory_size)
