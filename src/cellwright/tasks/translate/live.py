"""A translator on a live stream: a sentence in, its translation out, nothing carried. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.live import Answer, Live

if TYPE_CHECKING:
    from cellwright.tasks.translate.task import Translator


class LiveSentences(Live):
    """Sentences, one after another; each is translated by itself."""

    heads = ("translation",)

    def __init__(self, estimator: Translator) -> None:
        super().__init__(estimator)
        self._estimator = estimator

    def answer(self, item: Any) -> Answer:
        """{"translation": text} for a text, or for {"text": text}."""
        text = item.get("text") if isinstance(item, Mapping) and len(item) == 1 else item
        if not isinstance(text, str):
            raise DataError("no sentence", got=type(text).__name__, expected='a text, or {"text": text}')
        return {"translation": self._estimator.predict([text])[0]}

    def forget(self) -> None:
        """Nothing is known from one sentence to the next."""
        return

    def item(self, line: str) -> Any:
        """The line."""
        return line

    def cells(self, answer: Answer) -> Sequence[Any]:
        """The translation."""
        return [answer["translation"]]

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Nothing."""
        return {}, {}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """Nothing."""
        return
