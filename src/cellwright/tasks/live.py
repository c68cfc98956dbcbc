"""A trained model on a live stream: an item in, an answer out, what is carried to the next. Floor 6.

`cellwright.stream.Stream(model)` counts, resets and keeps it. Refuses items that do not fit (DataError) and
leaves everything as it was.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from cellwright.checkpoint import digest, to_json
from cellwright.errors import DataError, SettingError
from cellwright.stream.way import Door, closed

if TYPE_CHECKING:
    from cellwright.tasks.base import Estimator

Answer = dict[str, Any]


class Live(ABC):
    """The way of a trained model (see `stream.way.Way`); a task says what an item is and what is answered.

    Attributes:
        heads: the names of a plain answer's cells.
    """

    door: Door = staticmethod(closed)
    steps: int = 0
    heads: tuple[str, ...]

    def __init__(self, estimator: Estimator[Any, Any]) -> None:
        check_is_fitted(estimator)
        self.task, self.network, self.facts = estimator.TASK, estimator.network_, estimator.facts_

    @abstractmethod
    def answer(self, item: Any) -> Answer:
        """What is said after one item, as JSON.

        Raises:
            DataError: the item does not fit; nothing is carried on.
        """

    @abstractmethod
    def forget(self) -> None:
        """Begin anew, with nothing known."""

    @abstractmethod
    def item(self, line: str) -> Any:
        """The item that a plain line (CSV, or a text) holds; None for a line that only names columns.

        Raises:
            DataError: it holds none.
        """

    @abstractmethod
    def cells(self, answer: Answer) -> Sequence[Any]:
        """An answer as cells, one for each of `heads`."""

    @abstractmethod
    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """What a snapshot keeps."""

    @abstractmethod
    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from what `carried` gave."""

    def push(self, x_t: Any, out: Any, rows: Any, inputs: Any) -> Answer:
        """One item."""
        if out is not None or rows is not None or inputs is not None:
            raise SettingError("a trained model takes its items alone", expected="push(item)")
        answer = self.answer(x_t)
        self.steps += 1
        return answer

    def reset(self, state: Mapping[str, Tensor] | None, rows: Any) -> None:
        """Begin anew."""
        if state is not None or rows is not None:
            raise SettingError("a trained model begins anew with nothing known", expected="reset()")
        self.forget()
        self.steps = 0

    def refresh(self) -> None:
        """The network itself is read at every step: nothing is taken."""
        return

    def state(self) -> dict[str, Tensor]:
        """Copies of what is carried, as far as it is tensors."""
        return {name: value.clone() for name, value in self.carried()[0].items()}

    def identity(self) -> dict[str, Any]:
        """The task, what it learnt, the weights."""
        weights = self.network.state_dict().values()
        data = [w.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes() for w in weights]
        return {
            "task": self.task,
            "facts": digest(to_json(self.facts).encode()),
            "weights": digest(b"".join(data)),
        }

    def shown(self, identity: dict[str, Any]) -> str:
        """An identity in a few words."""
        if "task" not in identity:
            return "a layer"
        return f"{identity['task']} with weights {identity['weights'][:12]}"

    def explain(self) -> str:
        """What computes the answers."""
        return f"runs on: the trained network of the task {self.task}"

    def __str__(self) -> str:
        return self.task


class Forgetful(Live):
    """A way on which each item is answered by itself: nothing is carried to the next."""

    def forget(self) -> None:
        """Nothing is known from one item to the next."""
        return

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Nothing."""
        return {}, {}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """Nothing."""
        return


def number(value: Any, name: str) -> float:
    """A finite number out of a JSON value or a cell.

    >>> number(" 1.5", "sales"), number(2, "sales")
    (1.5, 2.0)
    """
    try:
        if isinstance(value, bool) or value is None:
            raise ValueError
        found = float(value)
        if found - found != 0:
            raise ValueError
    except (TypeError, ValueError):
        raise DataError("no finite number", where=name, got=_short(value), expected="a number") from None
    return found


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return repr(text[:40]) if isinstance(value, str) else text[:40]
