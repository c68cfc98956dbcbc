"""A translator on a live stream: a sentence in, its translation out, nothing carried. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellwright.errors import DataError
from cellwright.tasks.live import Answer, Forgetful

if TYPE_CHECKING:
    from cellwright.tasks.translate.task import Translator


class LiveSentences(Forgetful):
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

    def item(self, line: str) -> Any:
        """The line."""
        return line

    def cells(self, answer: Answer) -> Sequence[Any]:
        """The translation."""
        return [answer["translation"]]
