"""The network of a composer: a recurrent net over steps, and how likely every key is next. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cellwright.nn.dropout import Dropout
from cellwright.nn.frame import States
from cellwright.tasks.compose.rolls import KEYS
from cellwright.tasks.layers import Layers


class Ahead(nn.Module):
    """h_t = recurrent(x_t, h_{t-1});   p(key sounds at t + 1) = sigmoid(W h_t + b), each key by itself.

    Before the first step there is silence. Boulanger-Lewandowski et al. 2012 (the RNN without the RBM).
    """

    def __init__(self, layers: Layers, *, hidden_keys: float, common: Tensor) -> None:
        super().__init__()
        self.hidden = Dropout(hidden_keys)
        self.recurrent = layers.over(KEYS)
        self.dropout = Dropout(layers.dropout)
        self.head = nn.Linear(self.recurrent.output_size, KEYS)
        with torch.no_grad():
            self.head.bias.copy_(common)

    def forward(self, x: Tensor, state: Mapping[str, Tensor] | None = None) -> tuple[Tensor, States]:
        """Logits of what comes after each step of x [T, B, 88], and the states."""
        y, after = self.recurrent(self.hidden(x), state)
        logits: Tensor = self.head(self.dropout(y))
        return logits, after


def after_silence(x: Tensor) -> Tensor:
    """What is read to say x [T, B, 88]: silence, and all but the last step."""
    return torch.cat((torch.zeros_like(x[:1]), x[:-1]))


def nats(logits: Tensor, x: Tensor) -> Tensor:
    """-log p of every step, [T, B]: the sum over its 88 keys."""
    each: Tensor = binary_cross_entropy_with_logits(logits, x, reduction="none")
    return each.sum(-1)


def transposed(x: Tensor, most: int) -> Tensor:
    """Every piece of x [T, B, 88] moved by a random number of keys, -most to most; what leaves is lost."""
    if not most:
        return x
    moves = torch.randint(-most, most + 1, (x.shape[1],), device=x.device)
    place = torch.arange(KEYS, device=x.device) - moves.unsqueeze(1)
    inside = (place >= 0) & (place < KEYS)
    at = place.clamp(0, KEYS - 1).expand(len(x), -1, -1)
    return x.gather(2, at) * inside
