"""The network of a language model: token vectors, a recurrent net, a softmax of bounded memory. Floor 6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.nn import DropConnect, LockedDropout, Recurrent, linear_cross_entropy
from cellwright.nn.dropout import Dropout, dropout
from cellwright.nn.frame import States
from cellwright.tasks.training.loop import State


@dataclass(frozen=True)
class Drops:
    """Shares of values set to zero while training.

    Attributes:
        output: of what the head reads.
        between: of what every layer but the first reads.
        input: of the token vectors.
        token: whole tokens, wherever they stand in the chunk (Gal & Ghahramani 2016).
        weights: of the matrices in the loop (`cw.nn.DropConnect`).
        locked: one mask for all steps of a chunk (`cw.nn.LockedDropout`) instead of one for each.
    """

    output: float = 0.0
    between: float = 0.0
    input: float = 0.0
    token: float = 0.0
    weights: float = 0.0
    locked: bool = False


class LanguageModel(nn.Module):
    """A recurrent network that says which token comes next.

        e_t = E[token_t];   h_t = recurrent(e_t, h_{t-1});   p(token_{t+1}) = softmax(W P h_t + b)

    P is there when `tied` makes W = E (Inan et al. 2017, Press and Wolf 2017) and the embedding is of another
    width than the output; otherwise it is left out. `narrow` gives the last layer the embedding's width.
    """

    def __init__(
        self,
        cell: Cell,
        tokens: int,
        *,
        embedding: int,
        units: int,
        layers: int,
        tied: bool,
        drops: Drops,
        narrow: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, embedding)
        sizes = [*[units] * (layers - 1), embedding if narrow else units]
        self.recurrent = Recurrent(cell, embedding, sizes, **_between(drops, layers))
        self.token_drop = drops.token
        self.input = LockedDropout(drops.input) if drops.locked else Dropout(drops.input)
        self.dropout = LockedDropout(drops.output) if drops.locked else Dropout(drops.output)
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
        y, after = self.recurrent(self.vectors(tokens), state)
        return self.features(y), after

    def loss(
        self, tokens: Tensor, targets: Tensor, state: State | None, alpha: float, beta: float
    ) -> tuple[Tensor, States]:
        """Mean nats per token, and what Merity, McCann & Socher 2017 (arXiv 1708.01009) add to it.

            alpha * mean(dropped h^2) + beta * mean((h_t - h_{t-1})^2)   over the last layer's output h

        Returns it with the states; tokens and targets are [T, B].
        """
        y, after = self.recurrent(self.vectors(tokens), state)
        dropped = self.dropout(y)
        mean = self.nats(self._projected(dropped), targets)
        if alpha:
            mean = mean + alpha * dropped.square().mean()
        if beta and len(y) > 1:
            mean = mean + beta * y.diff(dim=0).square().mean()
        return mean, after

    def vectors(self, tokens: Tensor) -> Tensor:
        """The token vectors [T, B, E] as the recurrent net reads them, for tokens [T, B]."""
        found: Tensor = self.embedding(tokens)
        if self.training and self.token_drop:
            kept = dropout(found.new_ones(self.embedding.num_embeddings), self.token_drop)
            found = found * kept[tokens].unsqueeze(-1)
        return found if found.dim() < 3 else self.input(found)

    def features(self, y: Tensor) -> Tensor:
        """Outputs of the recurrent net [..., H] as the head reads them [..., W]."""
        return self._projected(self.dropout(y) if self.training else y)

    def _projected(self, dropped: Tensor) -> Tensor:
        return dropped if self.projection is None else self.projection(dropped)

    def nats(self, features: Tensor, targets: Tensor) -> Tensor:
        """The mean negative log probability of `targets` [...], given features [..., W].

        However large the vocabulary, never more than some logits exist at a time.
        """
        rows, head = features.flatten(0, -2), self.head
        return linear_cross_entropy(rows, head.weight, targets.flatten(), linear_bias=head.bias)


def _between(drops: Drops, layers: int) -> dict[str, Any]:
    """The arguments of a recurrent net that drops as it should."""
    parts = [DropConnect(drops.weights)] if drops.weights else []
    share = drops.between if layers > 1 else 0.0
    if drops.locked and share:
        return {"parts": [*parts, LockedDropout([0.0, *[share] * (layers - 1)])]}
    return {"parts": parts, "dropout": share}
