"""Stories with a question and an answer each, in normal form. Floor 6.

Refuses what is no text, lists of different length, and data without one whole example.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cellwright.errors import DataError
from cellwright.tasks.data import split_examples

_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*|\n+")


@dataclass(frozen=True)
class Stories:
    """What was told, what was asked, what is right.

    Attributes:
        facts: for each example its story, fact by fact.
        questions: one for each.
        answers: one for each ("" where it is missing), or None where there are none at all.
        note: one line about the file; empty for data from memory.
        columns: which column of a table was which.
        place: the file's name, for messages.
    """

    facts: Sequence[Sequence[str]]
    questions: Sequence[str]
    answers: Sequence[str] | None = None
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    place: str = ""

    def __len__(self) -> int:
        return len(self.questions)

    def known(self) -> list[str]:
        """The answers.

        Raises:
            DataError: there are none.
        """
        if self.answers is None:
            raise DataError("there are no answers", where=self.place or "y", expected="one for each question")
        return list(self.answers)

    def some(self, index: Iterable[int]) -> Stories:
        """The examples at these places."""
        at = [int(k) for k in index]
        answers = None if self.answers is None else [self.answers[k] for k in at]
        return replace(
            self,
            facts=[self.facts[k] for k in at],
            questions=[self.questions[k] for k in at],
            answers=answers,
        )

    def whole(self) -> Stories:
        """Those that training and scoring can use: with a story, a question and an answer.

        Raises:
            DataError: there are none.
        """
        rows = zip(self.facts, self.questions, self.known(), strict=True)
        kept = [k for k, row in enumerate(rows) if all(row)]
        if not kept:
            raise DataError(
                "no example with story, question and answer",
                where=self.place or "X, y",
                got=f"{len(self)} rows",
            )
        return self if len(kept) == len(self) else self.some(kept)

    def split(self, share: float, seed: int) -> tuple[Stories, Stories]:
        """(rest, held out): questions about one story, as far as it is told, lie in one part.

        Raises:
            DataError: fewer than two stories.
        """
        owners = self._owners()
        _, held = split_examples(owners[-1] + 1, None, (1 - share, share), seed)
        inside = set(held.tolist())
        return (
            self.some(k for k, owner in enumerate(owners) if owner not in inside),
            self.some(k for k, owner in enumerate(owners) if owner in inside),
        )

    def _owners(self) -> list[int]:
        """The number of each example's story: the same while one's facts begin with those of the last."""
        owners, before = [0], list(self.facts[0])
        for facts in self.facts[1:]:
            goes_on = list(facts[: len(before)]) == before
            owners.append(owners[-1] + (not goes_on))
            before = list(facts)
        return owners


def facts_of(text: str) -> list[str]:
    """The facts of a story: its sentences, or its lines.

    >>> facts_of("Mary went home. John slept.\\nIt rained")
    ['Mary went home.', 'John slept.', 'It rained']
    """
    return [part.strip() for part in _END.split(text) if part.strip()]


def normal(X: Any, y: Any = None) -> Stories:
    """The user's examples in normal form.

    Args:
        X: pairs (story, question); a story is a text, or a list of facts.
        y: an answer for each, a text.

    Raises:
        DataError: no pairs, no texts, lists of different length.
    """
    if isinstance(X, Stories):
        return X if y is None else replace(X, answers=_answers(y, len(X)))
    if isinstance(X, (str, bytes)):
        raise DataError("one text instead of a list of pairs", where="X", expected="[(story, question), ...]")
    rows = list(X)
    if not rows:
        raise DataError("there are no examples", where="X", got=0, expected="at least one")
    pairs = [_pair(row, k) for k, row in enumerate(rows, start=1)]
    answers = None if y is None else _answers(y, len(rows))
    return Stories([facts for facts, _ in pairs], [question for _, question in pairs], answers)


def _pair(row: Any, number: int) -> tuple[list[str], str]:
    where = f"X, example {number}"
    if not isinstance(row, (tuple, list)) or len(row) != 2:
        raise DataError("no pair", where=where, got=type(row).__name__, expected="(story, question)")
    story, question = row
    facts = facts_of(story) if isinstance(story, str) else story
    if not isinstance(question, str) or not isinstance(facts, (list, tuple)):
        raise DataError("no texts", where=where, expected="a story and a question")
    if not all(isinstance(fact, str) for fact in facts):
        raise DataError("a fact that is no text", where=where, expected="texts")
    return [fact for fact in facts if fact.strip()], question


def _answers(y: Any, count: int) -> list[str]:
    answers = [y] if isinstance(y, str) else list(y)
    if len(answers) != count:
        raise DataError("X and y differ in number", got=f"{count} questions and {len(answers)} answers")
    if not all(isinstance(answer, str) for answer in answers):
        raise DataError("an answer that is no text", where="y", expected="a text each")
    return answers
