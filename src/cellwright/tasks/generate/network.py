"""The network of a language model: token vectors, a recurrent net, a softmax of bounded memory. Floor 6."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy, linear

from cellwright.compiler.trace import Cell
from cellwright.nn import Recurrent
from cellwright.nn.frame import States
from cellwright.tasks.training.loop import State

ROOM = 1 << 23  # logits that exist at one time; 32 MiB as float32


class LanguageModel(nn.Module):
    """A recurrent network that says which token comes next.

        e_t = E[token_t];   h_t = recurrent(e_t, h_{t-1});   p(token_{t+1}) = softmax(W P h_t + b)

    P is there when `tied` makes W = E (Inan et al. 2017, Press and Wolf 2017) and the embedding is of another
    width than the output; otherwise it is left out.
    """

    def __init__(
        self,
        cell: Cell,
        tokens: int,
        *,
        embedding: int,
        units: int,
        layers: int,
        dropout: float,
        tied: bool,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, embedding)
        self.recurrent = Recurrent(
            cell, embedding, units, num_layers=layers, dropout=dropout if layers > 1 else 0.0
        )
        self.dropout = nn.Dropout(dropout)
        width = self.recurrent.output_size
        self.projection = nn.Linear(width, embedding, bias=False) if tied and width != embedding else None
        self.head = nn.Linear(embedding if tied else width, tokens)
        if tied:
            self.head.weight = self.embedding.weight
        self._start(tied)

    def _start(self, tied: bool) -> None:
        """Small logits at first, so that training starts from an even guess."""
        if tied:
            nn.init.normal_(self.embedding.weight, std=self.embedding.embedding_dim**-0.5)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, States]:
        """What the head reads, [T, B, W], and the states, for tokens [T, B]."""
        y, after = self.recurrent(self.embedding(tokens), state)
        return self.features(y), after

    def features(self, y: Tensor) -> Tensor:
        """Outputs of the recurrent net [..., H] as the head reads them [..., W]."""
        dropped: Tensor = self.dropout(y)
        return dropped if self.projection is None else self.projection(dropped)

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """The mean negative log probability of `targets` [...], given features [..., W].

        However large the vocabulary, no more than `ROOM` logits exist at a time.
        """
        return softmax_nats(features.flatten(0, -2), self.head.weight, self.head.bias, targets.flatten())


def softmax_nats(
    features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, *, room: int | None = None
) -> Tensor:
    """The mean of -log softmax(W f + b)[target] over rows, computed some rows at a time.

    Args:
        features: [N, W].
        weight, bias: [V, W] and [V].
        targets: [N].
        room: logits that may exist at one time; by default `ROOM`.
    """
    rows = max(1, (ROOM if room is None else room) // len(weight))
    if len(features) <= rows:
        return cross_entropy(linear(features, weight, bias), targets)
    if torch.is_grad_enabled():
        mean: Tensor = _Sliced.apply(features, weight, bias, targets, rows)  # type: ignore[no-untyped-call]
        return mean
    pieces = zip(torch.split(features, rows), torch.split(targets, rows), strict=True)
    sums = [cross_entropy(linear(f, weight, bias), t, reduction="sum") for f, t in pieces]
    return torch.stack(sums).sum() / len(features)


class _Sliced(torch.autograd.Function):
    """The same mean, with its gradients taken slice by slice on the way forward: logits never pile up."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, rows: int
    ) -> Tensor:
        leaves = [tensor.detach().requires_grad_() for tensor in (weight, bias)]
        totals = [torch.zeros_like(leaf) for leaf in leaves]
        along, total = [], features.new_zeros(())
        for piece, wanted in zip(
            torch.split(features.detach(), rows), torch.split(targets, rows), strict=True
        ):
            with torch.enable_grad():
                read = piece.requires_grad_()
                nats = cross_entropy(linear(read, *leaves), wanted, reduction="sum") / len(features)
            slope, *slopes = torch.autograd.grad(nats, (read, *leaves))
            along.append(slope)
            for sum_so_far, part in zip(totals, slopes, strict=True):
                sum_so_far += part
            total += nats.detach()
        ctx.save_for_backward(torch.cat(along), *totals)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (*(grad * slope for slope in ctx.saved_tensors), None, None)
