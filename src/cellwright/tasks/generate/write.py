"""A trained language model with its vocabulary: token numbers in, pieces of text out. Floor 6.

Refuses prompts with tokens that the model never saw, naming them (DataError).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.nn.frame import States
from cellwright.tasks.generate.network import LanguageModel
from cellwright.tasks.generate.sampling import Sampling, go_on, go_on_from, ruled_out
from cellwright.tasks.generate.text import SEEN, need_unicode, unknown_in
from cellwright.tasks.vocab import Vocabulary

NEVER = (0, 1)  # <pad> and <unk> are not written
LEAD = {"char": 40, "word": 10, "blank": 10}  # tokens of an excerpt before what is to be expected
FOLLOW = 12  # tokens of an excerpt after that
LIKELY = 5


class Writer:
    """A trained network that goes on from texts.

    Args:
        network: in evaluation mode.
        facts: what `Generator.learn` returned.
    """

    def __init__(self, network: LanguageModel, facts: dict[str, Any]) -> None:
        self.network, self.begin = network, int(facts["begin"])
        self.vocabulary = Vocabulary.from_json(facts["vocabulary"])

    def prompt(self, text: str) -> list[int]:
        """The token numbers of a prompt; none for an empty one.

        Raises:
            DataError: the prompt has tokens that the model never saw.
        """
        need_unicode(text, "the prompt")
        unknown = unknown_in(text, self.vocabulary)
        if not unknown:
            return self.vocabulary.encode(text) if text else []
        kind, cure = "characters", "leave them out"
        if self.vocabulary.unit != "char":
            kind, cure = "words", "leave them out, or write <unk> in their place"
        more = f" and {len(unknown) - LIKELY} more" if len(unknown) > LIKELY else ""
        raise DataError(
            f"the prompt has {kind} that the model does not know",
            where="prompt",
            got=", ".join(map(repr, unknown[:LIKELY])) + more,
            expected=f"{kind} of the training text",
            fix=cure,
        )

    def write(
        self, prompt: Sequence[int], length: int, sampling: Sampling, *, after_blank: bool = False
    ) -> Iterator[str]:
        """The pieces of text that follow a prompt, each as soon as it is drawn, with the blank before it.

        Args:
            prompt: token numbers; none: go on as after a line's end.
            length: tokens to write.
            sampling: how they are drawn.
            after_blank: whether the prompt's text ends with a blank, so that none is to be added.
        """
        drawn = go_on(self.network, prompt or [self.begin], length, sampling, NEVER)
        return self._pieces(drawn, list(prompt[-1:]), after_blank)

    def go_on(self, read: tuple[Tensor, States], last: int, length: int, sampling: Sampling) -> str:
        """What is written after a text that is read already: the last output, the states, the last token."""
        return "".join(self._pieces(go_on_from(self.network, read, length, sampling, NEVER), [last], False))

    def excerpt(self, text: str) -> tuple[list[int], list[int]]:
        """The beginning of a text in two parts, without what is unknown: to read, and to expect."""
        known = [number for number in self.vocabulary.encode(text[:SEEN]) if number not in NEVER]
        lead = LEAD[self.vocabulary.unit]
        return known[:lead], known[lead : lead + FOLLOW]

    @torch.no_grad()
    def expectations(self, before: Sequence[int], after: Sequence[int]) -> list[dict[str, Any]]:
        """For each token of `after`: how likely it was, and what was likeliest instead."""
        device = self.network.embedding.weight.device
        read = torch.tensor([*(before or [self.begin]), *after], device=device)[:-1, None]
        features, _ = self.network(read)
        shares = ruled_out(self.network.head(features[len(read) - len(after) :, 0]), NEVER).softmax(-1)
        rows = []
        for token, row in zip(after, shares, strict=True):
            top = row.topk(min(LIKELY, len(row) - len(NEVER)))
            likely = {self._shown(int(k)): round(float(p), 3) for p, k in zip(*top, strict=True)}
            rows.append({"came": self._shown(token), "share": round(float(row[token]), 3), "likely": likely})
        return rows

    def _shown(self, token: int) -> str:
        return self.vocabulary.all_tokens[token]

    def _pieces(self, drawn: Iterator[int], last: list[int], after_blank: bool) -> Iterator[str]:
        for token in drawn:
            before = self.vocabulary.decode(last)
            piece = self.vocabulary.decode([*last, token])[len(before) :]
            yield piece.lstrip(" ") if after_blank and self.vocabulary.unit != "char" else piece
            last, after_blank = [token], False
