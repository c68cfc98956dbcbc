"""The network that tags: vectors of words and their characters, recurrent layers, a CRF. Floor 6."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cellwright.compiler.trace import Cell
from cellwright.nn import CRF, Recurrent
from cellwright.nn.dropout import Dropout
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import Embedding, pooled
from cellwright.tasks.tag.code import NO_TAG, Batch

CHARACTER = 32  # width of a character's vector
FEATURE = 16  # of a further column's value


class Spelling(nn.Module):
    """A form's characters read in both directions, to one vector: the states at both ends."""

    def __init__(self, characters: int, cell: Cell, units: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, CHARACTER, padding_idx=0)
        self.recurrent = Recurrent(cell, CHARACTER, units, bidirectional=True)
        self.width = self.recurrent.output_size

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """characters [L, F] and their lengths [F] to [F, width]."""
        y = self.recurrent.outputs(self.embedding(characters), lengths)
        return pooled(y, lengths, "last", self.recurrent.directions)


class TagNetwork(nn.Module):
    """x_t = [word; spelling; further columns], y = recurrent(x), scores = W_o y + b_o, tags by a CRF.

    Args:
        layers: over the sentence; their cell reads the characters too.
        words: how many numbers the word (and the pair) can have.
        characters: how many numbers a character can have; 0: they are not read.
        features: how many numbers each further column can have.
        field: chooses among the tags.
        crf: whether it learns which tag follows which; without, every token is chosen by itself.
        intents: how many a whole sentence can have, or 0.
        window: how many tokens on either side each step reads beside its own.
    """

    def __init__(
        self,
        layers: Layers,
        words: list[int],
        characters: int,
        features: list[int],
        field: CRF,
        *,
        crf: bool,
        intents: int,
        embedding: int,
        character_units: int,
        hidden_words: float,
        window: int = 0,
    ) -> None:
        super().__init__()
        spelling = Spelling(characters, layers.cell, character_units) if characters else None
        width = embedding + FEATURE * len(features) + (spelling.width if spelling else 0)
        self.window = window
        # The main layer comes first: it is the one that pages and figures look into.
        self.recurrent = layers.over(width * (2 * window + 1))
        self.words = Embedding(words, embedding, hidden_words=hidden_words, dropout=0.0)
        self.spelling = spelling
        self.features = nn.ModuleList(nn.Embedding(size, FEATURE, padding_idx=0) for size in features)
        self.dropout = Dropout(layers.dropout)
        self.head = nn.Linear(self.recurrent.output_size, field.tags)
        self.crf = field
        self.crf.requires_grad_(crf)
        self.alone = not crf
        self.intent = nn.Linear(self.recurrent.output_size, intents) if intents else None

    def first(self, batch: Batch) -> Tensor:
        """What the recurrent layer reads, [T, B, I]."""
        parts = [self.words(batch.words)]
        if self.spelling is not None:
            parts.append(self.spelling(batch.characters, batch.form_lengths)[batch.forms])
        parts += [table(batch.features[..., k]) for k, table in enumerate(self.features)]
        x: Tensor = self.dropout(around(torch.cat(parts, -1), batch.lengths, self.window))
        return x

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The scores of the tags [T, B, K], and of the intents [B, N] where there are any."""
        y = self.dropout(self.recurrent.outputs(self.first(batch), batch.lengths))
        if self.intent is None:
            return self.head(y), None
        return self.head(y), self.intent(pooled(y, batch.lengths, "max"))

    def nats(self, batch: Batch) -> tuple[Tensor, Tensor | None, int]:
        """Of the tags all nats together, of the intents likewise, and how many tokens that is.

        Sentences with a tag that training has not seen have no part in it.
        """
        return _nats(self(batch), self.field, batch)

    def answer(self, batch: Batch, *, sure: bool = True) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The best tags [T, B], if asked how probable each is [T, B], the probabilities of intents [B, N]."""
        return _answer(self(batch), self.crf, batch, sure)

    @property
    def field(self) -> CRF | None:
        """What chooses the tags together; None where each is learnt by itself."""
        return None if self.alone else self.crf


class TagEnsemble(nn.Module):
    """Networks of different beginnings, each taught as if alone; a path's score is the mean of theirs."""

    def __init__(self, members: Sequence[TagNetwork]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def first(self, batch: Batch) -> Tensor:
        """What the recurrent layer of the first one reads, [T, B, I]."""
        return self._each()[0].first(batch)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The mean scores of the tags [T, B, K], and of the intents [B, N] where there are any."""
        scores, about = zip(*(member(batch) for member in self._each()), strict=True)
        return torch.stack(scores).mean(0), None if about[0] is None else torch.stack(about).mean(0)

    def nats(self, batch: Batch) -> tuple[Tensor, Tensor | None, int]:
        """As of a member: in training the mean of what each gets, else what the mean scores get."""
        if not self.training:
            return _nats(self(batch), None if self._each()[0].alone else self.crf, batch)
        tagging, about, counts = zip(*(member.nats(batch) for member in self._each()), strict=True)
        both = (None if values[0] is None else torch.stack(values).mean(0) for values in (tagging, about))
        return (*both, counts[0])

    def answer(self, batch: Batch, *, sure: bool = True) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """As of a member, by the mean scores."""
        return _answer(self(batch), self.crf, batch, sure)

    @property
    def crf(self) -> CRF:
        """The mean of the members' fields."""
        fields = [member.crf for member in self._each()]
        mean = copy.deepcopy(fields[0])
        with torch.no_grad():
            for name, weight in mean.named_parameters():
                weight.copy_(torch.stack([field.get_parameter(name) for field in fields]).mean(0))
        return mean

    def _each(self) -> list[TagNetwork]:
        return [cast(TagNetwork, member) for member in self.members]


def around(x: Tensor, lengths: Tensor, window: int) -> Tensor:
    """Each step of x [T, B, I] between its neighbours, [T, B, (2 * window + 1) * I]; zero past both ends.

    >>> around(torch.tensor([3.0, 5.0, 9.0]).view(3, 1, 1), torch.tensor([2]), 1)[:2, 0].tolist()
    [[0.0, 3.0, 5.0], [3.0, 5.0, 0.0]]
    """
    if not window:
        return x
    past = torch.arange(len(x), device=x.device)[:, None] >= lengths
    wide = nn.functional.pad(x.masked_fill(past.unsqueeze(-1), 0.0), (0, 0, 0, 0, window, window))
    return wide.unfold(0, 2 * window + 1, 1).transpose(2, 3).flatten(2)


Said = tuple[Tensor, "Tensor | None"]


def _nats(said: Said, field: CRF | None, batch: Batch) -> tuple[Tensor, Tensor | None, int]:
    scores, about = said
    assert batch.tags is not None
    real = torch.arange(len(scores), device=scores.device)[:, None] < batch.lengths
    whole = ((batch.tags != NO_TAG) | ~real).all(0)
    tags, count = batch.tags.clamp_min(0), int(batch.lengths[whole].sum())
    if field is None:
        lost = cross_entropy(scores.flatten(0, 1), tags.flatten(), reduction="none").view_as(tags) * real
        tagging = lost.sum(0)[whole].sum()
    else:
        tagging = -field(scores, tags, batch.lengths)[whole].sum()
    if about is None or batch.intents is None:
        return tagging, None, count
    return tagging, cross_entropy(about, batch.intents, ignore_index=NO_TAG, reduction="sum"), count


def _answer(said: Said, field: CRF, batch: Batch, sure: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The best path where a scheme forbids some; else at every step the tag that is most probable there.

    The second is right more often, token by token (Rabiner 1989, equation 29), but may be no legal path.
    Without learnt transitions the field still knows which are legal.
    """
    scores, about = said
    every = field.marginals(scores, batch.lengths) if sure or field.free else None
    tags = every.argmax(-1) if every is not None and field.free else field.decode(scores, batch.lengths)
    shares = None
    if sure and every is not None:
        shares = every.gather(2, tags.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    return tags, shares, None if about is None else about.softmax(-1)
