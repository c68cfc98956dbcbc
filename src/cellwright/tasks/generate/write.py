"""A trained language model with its vocabulary: token numbers in, pieces of text out. Floor 6.

Refuses prompts with tokens that the model never saw, naming them (DataError), and values of columns that do
not stand before its text (SettingError).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cellwright.errors import DataError, SettingError
from cellwright.nn.frame import States
from cellwright.tasks.generate.network import LanguageModel
from cellwright.tasks.generate.rows import BETWEEN, END, SHOWN_BETWEEN, Columns, apart
from cellwright.tasks.generate.sampling import Sampling, go_on, go_on_from, ruled_out
from cellwright.tasks.generate.search import likeliest
from cellwright.tasks.generate.subwords import tokens_from_json
from cellwright.tasks.generate.text import SEEN, Text, need_unicode, unknown_in

NEVER = (0, 1)  # <pad> and <unk> are not written
LEAD = {
    "char": 40,
    "word": 10,
    "blank": 10,
    "piece": 15,
}  # tokens before those to be expected
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
        self.vocabulary = tokens_from_json(facts["vocabulary"])
        self.columns = Columns.from_json(facts.get("columns"))
        self.stop = None if self.columns is None else self.begin

    def prompt(self, text: str, given: Mapping[str, str] | None = None) -> list[int]:
        """The token numbers of a prompt; none for an empty one.

        Args:
            text: the beginning of the text to go on with.
            given: of a model that was trained on a table: what stands in the columns before the text.

        Raises:
            DataError: the prompt has tokens that the model never saw.
            SettingError: columns that do not stand before the text, or a text without them.
        """
        if self.columns is None:
            if given:
                raise SettingError(
                    "the model was trained on a plain text",
                    where="given",
                    got=", ".join(given),
                    fix="write it into the prompt",
                )
            return self._numbers(text)
        before = self.columns.given(given or {})
        if text and len(before) < len(self.columns.prefix):
            raise SettingError(
                "a text begins after all columns before it",
                where="prompt",
                got=f"{len(before)} of them",
                expected=", ".join(self.columns.prefix),
                fix="give them all, or leave the prompt out",
            )
        return [self.begin, *self._numbers(self._apart(self.columns.joined(before, text)))]

    def line(self, line: str) -> str:
        """A line of a stream as it stands in the training text: with its end."""
        if self.columns is None:
            return line + "\n"
        *before, text = line.split(SHOWN_BETWEEN, len(self.columns.prefix))
        return self._apart(self.columns.joined(before, text) + END)

    def _apart(self, row: str) -> str:
        return apart(row) if self.vocabulary.unit == "blank" else row

    def _numbers(self, text: str) -> list[int]:
        need_unicode(text, "the prompt")
        if self.vocabulary.unit == "piece":
            text = text.rstrip(" ")  # a blank belongs to the piece after it
        unknown = unknown_in(text, self.vocabulary)
        if not unknown:
            return self.vocabulary.encode(text) if text else []
        kind, cure = "characters", "leave them out"
        if self.vocabulary.unit in ("word", "blank"):
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
        drawn = go_on(self.network, prompt or [self.begin], length, sampling, self._never(prompt), self.stop)
        return self._pieces(drawn, list(prompt[-1:]), after_blank)

    def find(
        self, prompt: Sequence[int], length: int, width: int, *, after_blank: bool = False
    ) -> Iterator[str]:
        """As `write`, but the likeliest text that a beam of `width` texts finds, piece by piece."""
        begun = prompt or [self.begin]
        found = likeliest(self.network, begun, length, width, self._never(prompt), self.stop)
        return self._pieces(found, list(prompt[-1:]), after_blank)

    def go_on(self, read: tuple[Tensor, States], last: int, length: int, sampling: Sampling) -> str:
        """What is written after a text that is read already: the last output, the states, the last token."""
        drawn = go_on_from(self.network, read, length, sampling, NEVER, self.stop)
        return "".join(self._pieces(drawn, [last], False))

    def excerpt(self, part: Text) -> tuple[list[int], list[int]]:
        """The beginning of a text in two parts, without what is unknown: to read, and to expect.

        Of a table: the columns before the first row's text, and that.
        """
        begun = part.rows[0] if part.rows else part.text[:SEEN]
        known = [number for number in self.vocabulary.encode(begun) if number not in NEVER]
        lead = LEAD[self.vocabulary.unit]
        if self.columns is not None:
            marks = [place for place, number in enumerate(known) if number == self._between]
            known, lead = [self.begin, *known], (marks[-1] + 2 if marks else 1)
        return known[:lead], known[lead : lead + FOLLOW]

    def text_of(self, tokens: Sequence[int]) -> str:
        """The text of tokens for a reader: a tab after a column, nothing at a row's end."""
        return self.vocabulary.decode(tokens).replace(BETWEEN, SHOWN_BETWEEN).replace(END, "")

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

    @property
    def _between(self) -> int:
        """The mark after a column; -1 where there is none."""
        return self.vocabulary.encode(BETWEEN)[0] if BETWEEN in self.vocabulary else -1

    def _never(self, prompt: Sequence[int]) -> Sequence[int]:
        """What may not be written: no column comes once the text has begun."""
        prefix = () if self.columns is None else self.columns.prefix
        begun = bool(prefix) and list(prompt).count(self._between) == len(prefix)
        return (*NEVER, self._between) if begun else NEVER

    def _shown(self, token: int) -> str:
        return self.vocabulary.all_tokens[token]

    def _pieces(self, drawn: Iterator[int], last: list[int], after_blank: bool) -> Iterator[str]:
        for token in drawn:
            before = self.vocabulary.decode(last)
            piece = self.vocabulary.decode([*last, token])[len(before) :]
            piece = piece.lstrip(" ") if after_blank and self.vocabulary.unit != "char" else piece
            yield piece.replace(BETWEEN, SHOWN_BETWEEN)
            last, after_blank = [token], False
