"""Beam search: the sentence a speaker holds to be likeliest, among the best few at every step. Floor 6.

Many sentences at once; those that are done leave the batch. Refuses nothing: the task checks its settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.nn.attention import Memory
from cellwright.nn.frame import States
from cellwright.tasks.pieces import BEGIN, END, PAD, UNKNOWN
from cellwright.tasks.speaker import Speaker

NEVER = (PAD, UNKNOWN, BEGIN)  # not to be said


@dataclass(frozen=True)
class Beam:
    """How to search.

    Attributes:
        width: sentences kept at every step; 1 takes the likeliest token each time.
        penalty: a sentence's log probability is divided by ((5 + tokens) / 6) to this power (Wu et al. 2016):
            0 prefers short sentences, 1 compares nearly by the mean.
    """

    width: int = 5
    penalty: float = 1.0

    def norm(self, tokens: Tensor | int) -> Tensor:
        """What the log probability of so many tokens, the end among them, is divided by."""
        return ((5.0 + torch.as_tensor(tokens, dtype=torch.float32)) / 6.0) ** self.penalty


@dataclass(frozen=True)
class Found:
    """A sentence's tokens without its end, and its log probability, divided as `Beam.norm` says."""

    tokens: list[int]
    score: float


@torch.no_grad()
def search(speaker: Speaker, memory: Memory, longest: Tensor, beam: Beam) -> list[Found]:
    """The best sentence for each row of a memory.

    A row is done when K sentences have ended, or none still open could become better than the best of those.

    Args:
        speaker: in evaluation mode.
        memory: of B rows.
        longest: [B], tokens that each row's sentence may have, the end among them; at least 1.
        beam: how.
    """
    rows = _Rows(memory, longest.to(memory.values.device), beam)
    found: list[Found | None] = [None] * len(memory.values)
    while len(rows.index):
        rows.step(speaker)
        for place, result in rows.leave():
            found[place] = result
    return [one for one in found if one is not None]


class _Rows:
    """The rows not done yet: N of them with K open sentences each, of the same number of tokens."""

    def __init__(self, memory: Memory, longest: Tensor, beam: Beam) -> None:
        count, device = len(memory.values), memory.values.device
        self.beam, self.longest = beam, longest
        self.index = torch.arange(count, device=device)
        self.memory = memory.rows(self.index.repeat_interleave(beam.width))
        self.state: States | None = None
        self.tokens = torch.full((count, beam.width, 1), BEGIN, device=device)
        self.scores = torch.full((count, beam.width), -math.inf, device=device)
        self.scores[:, 0] = 0.0  # at first all K are the same sentence
        self.ended = torch.full((count,), -math.inf, device=device)
        self.best: list[list[int]] = [[] for _ in range(count)]
        self.count = torch.zeros(count, dtype=torch.long, device=device)

    def step(self, speaker: Speaker) -> None:
        """One more token: of the best 2K sentences those that end are remembered, K others stay open."""
        rows, width = self.scores.shape
        said = speaker.step(self.tokens[:, :, -1].flatten(), self.memory, self.state)
        logs = said.logs.view(rows, width, -1)
        logs[:, :, list(NEVER)] = -math.inf
        length = self.tokens.shape[-1]  # with the begin: as many as the new sentence without it
        last = self.longest[self.index] <= length
        others = torch.arange(logs.shape[-1], device=logs.device) != END
        total = (self.scores.unsqueeze(-1) + logs).masked_fill(last[:, None, None] & others, -math.inf)
        scores, chosen = total.flatten(1).topk(min(2 * width, total[0].numel()))
        parent, token = chosen // logs.shape[-1], chosen % logs.shape[-1]
        ends = token == END
        ends[:, width:] = False
        self._end(scores.masked_fill(~ends, -math.inf) / self.beam.norm(length).to(scores), parent)
        self.count += (ends & scores.isfinite()).sum(1)
        self.scores, at = scores.masked_fill(token == END, -math.inf).topk(width)
        parent, token = parent.gather(1, at), token.gather(1, at)
        kept = self.tokens.gather(1, parent.unsqueeze(-1).expand(-1, -1, length))
        self.tokens = torch.cat((kept, token.unsqueeze(-1)), -1)
        flat = (parent + width * torch.arange(rows, device=parent.device).unsqueeze(1)).flatten()
        self.state = {name: value[:, flat] for name, value in said.state.items()}

    def leave(self) -> list[tuple[int, Found]]:
        """Take out the rows that are done, with their places in the batch."""
        most = self.beam.norm(self.longest[self.index].cpu()).to(self.scores)
        done = (self.count >= self.beam.width) | (self.ended >= self.scores[:, 0] / most)
        if not bool(done.any()):
            return []
        left = [
            (int(self.index[k]), Found(self.best[k], float(self.ended[k])))
            for k in done.nonzero().flatten().tolist()
        ]
        self._keep((~done).nonzero().flatten())
        return left

    def _end(self, scores: Tensor, parent: Tensor) -> None:
        """Remember each row's best ended sentence, of scores and the open sentences that end, [N, 2K]."""
        best, at = scores.max(1)
        for k in (best > self.ended).nonzero().flatten().tolist():
            self.best[k] = self.tokens[k, parent[k, at[k]], 1:].tolist()
        self.ended = torch.maximum(self.ended, best)

    def _keep(self, rows: Tensor) -> None:
        width = self.beam.width
        flat = (rows.unsqueeze(1) * width + torch.arange(width, device=rows.device)).flatten()
        self.memory = self.memory.rows(flat)
        self.state = {name: value[:, flat] for name, value in (self.state or {}).items()}
        self.index, self.tokens, self.scores = self.index[rows], self.tokens[rows], self.scores[rows]
        self.ended, self.count = self.ended[rows], self.count[rows]
        self.best = [self.best[k] for k in rows.tolist()]
