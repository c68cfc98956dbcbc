"""Tags on a live stream: a sentence in, its tags out; nothing is carried. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.live import Answer, Live
from cellwright.tasks.tag import scheme as schemes

if TYPE_CHECKING:
    from cellwright.tasks.tag.task import Tagger


class LiveSentences(Live):
    """Each sentence by itself: a text with blanks between its tokens, or a list of tokens.

    A model whose tokens are single characters takes a text without blanks too.
    """

    heads = ("tokens", "tags")

    def __init__(self, estimator: Tagger) -> None:
        super().__init__(estimator)
        self._answers = estimator.answers
        if self.facts["features"]:
            names = ", ".join(self.facts["features"])
            raise DataError(
                "a model that reads further columns has no live stream",
                got=names,
                fix="use cellwright predict with a file",
            )

    def answer(self, item: Any) -> Answer:
        """{"tokens": [..], "tags": [..]}, with chunks also "chunks", with intents also "intent"."""
        tokens = self.tokens(item)
        found = self._answers([tokens])
        said: Answer = {"tokens": tokens, "tags": found.tags[0]}
        if self.facts["scheme"] != schemes.NONE:
            between = "" if self.facts["single"] else " "
            chunks = schemes.chunks(found.tags[0])
            said["chunks"] = [{"type": c.kind, "text": between.join(tokens[c.start : c.end])} for c in chunks]
        return said if found.intents is None else said | {"intent": found.intents[0]}

    def tokens(self, item: Any) -> list[str]:
        """The tokens of an item.

        Raises:
            DataError: neither a text nor a list of texts, or nothing in it.
        """
        if isinstance(item, Mapping):
            item = item.get("tokens", item.get("text"))
        if isinstance(item, str):
            found = list("".join(item.split())) if self.facts["single"] else item.split()
        elif isinstance(item, Sequence) and all(isinstance(token, str) and token for token in item):
            found = list(item)
        else:
            raise DataError("no sentence", got=type(item).__name__, expected="a text, or a list of tokens")
        if not found:
            raise DataError("an empty sentence", expected="at least one token")
        return found

    def forget(self) -> None:
        """Nothing is known."""

    def item(self, line: str) -> Any:
        """The line is the sentence."""
        return line

    def cells(self, answer: Answer) -> Sequence[Any]:
        """Tokens and tags, blanks between them."""
        return [" ".join(answer[name]) for name in self.heads]

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Nothing."""
        return {}, {}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """Nothing."""
