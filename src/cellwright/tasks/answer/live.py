"""An answerer on a live stream: a story with a question in, the answer out, nothing carried. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellwright.errors import DataError
from cellwright.tasks.live import Answer, Forgetful

if TYPE_CHECKING:
    from cellwright.tasks.answer.task import Answerer


class LiveQuestions(Forgetful):
    """Questions, each with its own story."""

    heads = ("answer", "probability")

    def __init__(self, estimator: Answerer) -> None:
        super().__init__(estimator)
        self._estimator = estimator

    def answer(self, item: Any) -> Answer:
        """{"answer": text, "probability": share} for {"story": text or facts, "question": text}."""
        if not isinstance(item, Mapping) or item.keys() != {"story", "question"}:
            raise DataError("no question", got=type(item).__name__, expected='{"story": .., "question": ..}')
        shares = self._estimator.predict_proba([(item["story"], item["question"])])[0]
        best = int(shares.argmax())
        return {"answer": self._estimator.classes_[best], "probability": round(float(shares[best]), 4)}

    def item(self, line: str) -> Any:
        """A story and a question with a tab between them."""
        story, tab, question = line.rpartition("\t")
        if not tab:
            raise DataError("no question", got=repr(line[:40]), expected="STORY<tab>QUESTION")
        return {"story": story, "question": question}

    def cells(self, answer: Answer) -> Sequence[Any]:
        """The answer and its probability."""
        return [answer[name] for name in self.heads]
