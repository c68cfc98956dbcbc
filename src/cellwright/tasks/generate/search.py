"""The likeliest text after a prompt, by a beam: nothing is drawn. Floor 6.

Refuses a beam below 1 and a length below 1 (SettingError).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

import torch
from torch import Tensor

from cellwright.errors import SettingError
from cellwright.nn.frame import States
from cellwright.tasks.beam import Beam
from cellwright.tasks.generate.network import LanguageModel
from cellwright.tasks.generate.sampling import is_whole, need_length, ruled_out


def likeliest(
    network: LanguageModel,
    prompt: Sequence[int],
    length: int,
    width: int,
    never: Sequence[int] = (),
    stop: int | None = None,
) -> Iterator[int]:
    """The tokens of the likeliest continuation found, each as soon as all texts of the beam agree on it.

    Texts that ended at `stop` are compared with each other by log probability over length (Wu et al. 2016),
    and win against those that did not end.

    Args:
        network: in evaluation mode.
        prompt: at least one token.
        length: how many tokens; at most, where there is a `stop`.
        width: how many texts are kept at every step; 1 takes the likeliest token each time.
        never: tokens that are not to be written.
        stop: the token that ends a text; it is not given out.

    Raises:
        SettingError: a width or a length that is no whole number of at least 1; before anything is found.
    """
    need_length(length)
    if not is_whole(width, 1):
        raise SettingError(f"beam must be a whole number of at least 1, got {width}")
    return _found(_Texts(network, prompt, width, never, stop), length)


def _found(texts: _Texts, length: int) -> Iterator[int]:
    given = 0
    for _ in range(length):
        texts.step()
        agreed = texts.agreed()
        yield from agreed[given:]
        given = max(given, len(agreed))
        if texts.done:
            break
    yield from texts.best()[given:]


class _Texts:
    """K open texts of as many tokens each, and those that have ended."""

    def __init__(
        self,
        network: LanguageModel,
        prompt: Sequence[int],
        width: int,
        never: Sequence[int],
        stop: int | None,
    ) -> None:
        self.network, self.width, self.never, self.stop = network, width, never, stop
        self.open: list[list[int]] = [[]]
        self.ended: list[tuple[float, list[int]]] = []
        self.y, self.state = self._read(torch.tensor(prompt)[:, None], None)
        self.scores = self.y.new_zeros(1)

    @property
    def done(self) -> bool:
        """Whether enough texts have ended, or none can go on."""
        return len(self.ended) >= self.width or not self.open

    @torch.no_grad()
    def step(self) -> None:
        """One more token: of the best 2K texts those that end are put aside, K others stay open."""
        logits = self.network.head(self.network.features(self.y))
        total = self.scores[:, None] + ruled_out(logits, self.never).log_softmax(-1)
        scores, chosen = total.flatten().topk(min(2 * self.width, total.numel()))
        kept: list[tuple[float, int, int]] = []
        for rank, (score, place) in enumerate(zip(scores.tolist(), chosen.tolist(), strict=True)):
            parent, token = divmod(place, total.shape[1])
            if token == self.stop and rank < self.width:
                norm = float(Beam().norm(len(self.open[parent]) + 1))
                self.ended.append((score / norm, self.open[parent]))
            elif token != self.stop and score > -torch.inf and len(kept) < self.width:
                kept.append((score, parent, token))
        self._go_on(kept)

    def agreed(self) -> list[int]:
        """The tokens that all texts begin with."""
        texts = zip(*self.open, *(text for _, text in self.ended), strict=False)
        return [tokens[0] for tokens in takewhile(lambda found: len(set(found)) == 1, texts)]

    def best(self) -> list[int]:
        """The best text: of those that ended, if any did."""
        return max(self.ended)[1] if self.ended else self.open[0]

    def _go_on(self, kept: list[tuple[float, int, int]]) -> None:
        self.open = [[*self.open[parent], token] for _, parent, token in kept]
        if not kept:
            return
        parents = torch.tensor([parent for _, parent, _ in kept])
        state = {name: value[:, parents] for name, value in self.state.items()}
        self.y, self.state = self._read(torch.tensor([[token for *_, token in kept]]), state)
        self.scores = self.y.new_tensor([score for score, *_ in kept])

    @torch.no_grad()
    def _read(self, tokens: Tensor, state: States | None) -> tuple[Tensor, States]:
        """The last output [K, H] and the states after some tokens [T, K]."""
        table = self.network.embedding.weight
        y, after = self.network.recurrent(table[tokens.to(table.device)], state)
        return y[-1], after
