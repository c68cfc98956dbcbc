"""What reads genes and proteins: vectors of letters, of k letters together, of places; both strands. Floor 6.

A letter that means one of several has the mean of their vectors. Refuses nothing: the task checks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cellwright.nn.dropout import Dropout
from cellwright.tasks.alphabet import FIRST, Alphabet
from cellwright.tasks.networks import PAD, UNKNOWN, averaged


class Letters(nn.Module):
    """x_t = v[letter t] + w[the k letters around t] + p[t], k and places where asked for. Padding is zero.

    Args:
        alphabet: of the letters.
        width: of the vectors.
        together: k, 1 for single letters alone. Where one of the k means several, w is 0.
        places: how many places have a vector of their own, 0 for none: sequences of one length.
        hidden: in training, the share of letters taken for any letter.
        dropout: in training, the share of values set to zero.
    """

    meanings: Tensor

    def __init__(
        self, alphabet: Alphabet, width: int, *, together: int, places: int, hidden: float, dropout: float
    ) -> None:
        super().__init__()
        self.letters, self.together, self.hidden = len(alphabet.letters), together, hidden
        self.single = nn.Parameter(torch.randn(self.letters, width) * width**-0.5)
        self.many = nn.Embedding(self.letters**together + 1, width, padding_idx=0) if together > 1 else None
        self.places = nn.Parameter(torch.randn(places, width) * width**-0.5) if places else None
        self.dropout = Dropout(dropout)
        self.register_buffer("meanings", torch.from_numpy(alphabet.meanings), persistent=False)
        if self.many is not None:
            nn.init.normal_(self.many.weight, std=width**-0.5)
            nn.init.zeros_(self.many.weight[0])

    def forward(self, x: Tensor) -> Tensor:
        """x [T, B], numbers of letters, to [T, B, width]."""
        if self.training and self.hidden:
            away = torch.rand(x.shape, device=x.device) < self.hidden
            x = x.masked_fill(away & (x != PAD), UNKNOWN)
        y = (self.meanings @ self.single)[x]
        if self.many is not None:
            y = y + self.many(self.numbers(x))
        if self.places is not None:
            y = y + self.places[: len(x), None] * (x != PAD).unsqueeze(-1)
        dropped: Tensor = self.dropout(y)
        return dropped

    def numbers(self, x: Tensor) -> Tensor:
        """The number of the k letters around each place [T, B], from 1; 0 where one is missing or unsure."""
        before = (self.together - 1) // 2
        around = nn.functional.pad(x.T, (before, self.together - 1 - before)).T.unfold(0, self.together, 1)
        sure = ((around >= FIRST) & (around < FIRST + self.letters)).all(-1)
        digits = self.letters ** torch.arange(self.together - 1, -1, -1, device=x.device)
        return torch.where(sure, 1 + ((around - FIRST) * digits).sum(-1), 0)


class BothStrands(nn.Module):
    """A sequence and its reverse complement count as the same: one of the two in training, both in use.

    The probabilities of both are `averaged`.

    Args:
        member: what reads numbers of letters [T, B] and says logits.
        alphabet: one with another strand.
        several: whether each output is a label by itself.
    """

    opposite: Tensor

    def __init__(self, member: nn.Module, alphabet: Alphabet, *, several: bool = False) -> None:
        super().__init__()
        self.several = several
        self.members = nn.ModuleList([member])
        self.register_buffer("opposite", torch.from_numpy(alphabet.other_strand), persistent=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x [T, B] and lengths [B] to the member's logits, in training of a strand drawn by chance."""
        member, other = self.members[0], self.other(x, lengths)
        if self.training:
            kept = torch.rand(x.shape[1], device=x.device) < 0.5
            drawn: Tensor = member(torch.where(kept, x, other), lengths)
            return drawn
        return averaged(torch.stack([member(x, lengths), member(other, lengths)]), several=self.several)

    def other(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The reverse complement of each [T, B], its padding where it was."""
        time = torch.arange(len(x), device=x.device)[:, None]
        return self.opposite[x.gather(0, torch.where(time < lengths, lengths - 1 - time, time))]


def within(network: nn.Module) -> nn.Module:
    """The network that reads: the first member of one that averages several."""
    while isinstance(members := getattr(network, "members", None), nn.ModuleList):
        network = members[0]
    return network


def one_length(sequences: Sequence[str]) -> int:
    """The length that all of several sequences have; 0 where they differ.

    >>> one_length(["ACG", "TTT"]), one_length(["ACG", "TT"])
    (3, 0)
    """
    lengths = {len(sequence) for sequence in sequences}
    return lengths.pop() if len(lengths) == 1 else 0
