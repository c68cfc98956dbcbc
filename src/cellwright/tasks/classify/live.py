"""Classes on a live stream, as `Classifier.predict_proba` gives them. Floor 6.

Of texts: a text in, its class out; nothing is carried. Of series: a step in, the class of the sequence so
far out, until `reset`; a whole series [T, C] is answered by itself. A network of one direction keeps its
state and what it pools; one of both directions reads the sequence again at every step: its length is limited.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.stream import Stream
from cellwright.tasks.live import Answer, Live, number
from cellwright.tasks.networks import Reader

if TYPE_CHECKING:
    from cellwright.tasks.classify.task import Classifier

LONGEST = 10_000  # steps that are read again at every step
POOLED = "pooled "


class LiveTexts(Live):
    """Each text by itself: a str, or a mapping with the text in it."""

    def __init__(self, estimator: Classifier) -> None:
        super().__init__(estimator)
        self._estimator, self.heads = estimator, _heads(self.facts)
        self._column = str(self.facts["columns"].get("text", "text"))

    def answer(self, item: Any) -> Answer:
        """{"label": .., "probability": ..}; of several labels {"labels": [..], "probabilities": [..]}."""
        text = item.get(self._column, item.get("text")) if isinstance(item, Mapping) else item
        if not isinstance(text, str):
            raise DataError(
                "no text", got=type(text).__name__, expected=f"a text, or {{'{self._column}': text}}"
            )
        return _said(self._estimator, text)

    def forget(self) -> None:
        """Nothing is known."""

    def item(self, line: str) -> Any:
        """The line is the text."""
        return line

    def cells(self, answer: Answer) -> Sequence[Any]:
        """Label and probability."""
        return _cells(answer, self.heads)

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """Nothing."""
        return {}, {}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """Nothing."""


class LiveSeries(Live):
    """A sequence that grows step by step; NaN, null or an empty cell is a missing value."""

    def __init__(self, estimator: Classifier) -> None:
        super().__init__(estimator)
        self._estimator, self.heads = estimator, (*_heads(self.facts), "steps")
        self._length, self._first = 0, True
        reader = self.network
        self._reader = reader if isinstance(reader, Reader) and not reader.recurrent.bidirectional else None
        self._stream = None if self._reader is None else Stream(self._reader.recurrent)
        self._kept: dict[str, Tensor] = {}
        self._rows: list[list[float]] = []

    def answer(self, item: Any) -> Answer:
        """{"label": .., "probability": .., "steps": ..} of the sequence so far, or of a whole series."""
        if isinstance(item, (list, tuple, np.ndarray)) and len(item) and np.ndim(item[0]):
            values = np.array([self._step(row) for row in item], dtype=np.float32)
            return _said(self._estimator, values) | {"steps": len(values)}
        row = self._step(item)
        said = self._again(row) if self._stream is None else self._on(row)
        self._length += 1
        return said | {"steps": self._length}

    def forget(self) -> None:
        """A new sequence begins."""
        self._length, self._kept, self._rows = 0, {}, []
        if self._stream is not None:
            self._stream.reset()

    def item(self, line: str) -> Any:
        """The channels of a CSV line; a first line without any number names them."""
        cells = next(csv.reader([line]), [])
        first, self._first = self._first, False
        if first and cells and not any(_numeric(cell) for cell in cells):
            return None
        return [None if cell.strip() == "" else cell for cell in cells]

    def cells(self, answer: Answer) -> Sequence[Any]:
        """Label, probability and how many steps they are of."""
        return _cells(answer, self.heads)

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """The states and what is pooled, or the sequence."""
        if self._stream is None:
            return {"rows": torch.tensor(self._rows, dtype=torch.float64)}, {"length": self._length}
        pooled = {POOLED + name: value for name, value in self._kept.items()}
        return {**self._stream.state, **pooled}, {"length": self._length}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """A sequence goes on."""
        self.forget()
        self._length = facts["length"]
        if self._stream is None:
            self._rows = tensors["rows"].tolist()
        elif self._length:
            device = next(self.network.parameters()).device
            pooled = {name for name in tensors if name.startswith(POOLED)}
            self._kept = {name.removeprefix(POOLED): tensors[name].to(device) for name in pooled}
            self._stream.reset({name: v for name, v in tensors.items() if name not in pooled})

    def _step(self, item: Any) -> list[float]:
        """The channels of one step."""
        values = list(item) if isinstance(item, (list, tuple, np.ndarray)) else [item]
        if len(values) != self.facts["channels"]:
            raise DataError(
                "another number of channels than in training",
                got=len(values),
                expected=self.facts["channels"],
            )
        means = zip(values, self.facts["mean"], strict=True)
        return [_value(value, mean, f"channel {k}") for k, (value, mean) in enumerate(means, start=1)]

    def _again(self, row: list[float]) -> Answer:
        """By reading the whole sequence once more."""
        if len(self._rows) >= LONGEST:
            raise DataError(
                "the sequence is too long to be read again at every step",
                got=len(self._rows) + 1,
                expected=f"{LONGEST} steps at most",
                fix="reset, or train a network with --no-bidirectional",
            )
        said = _said(self._estimator, np.array([*self._rows, row], dtype=np.float32))
        self._rows.append(row)
        return said

    @torch.no_grad()
    def _on(self, row: list[float]) -> Answer:
        """By going on from the state."""
        reader, stream = self._reader, self._stream
        assert reader is not None and stream is not None
        mean, scale = np.array(self.facts["mean"]), np.array(self.facts["scale"])
        x = ((np.array(row, dtype=np.float32) - mean) / scale).astype(np.float32)
        y = stream.push(torch.from_numpy(x))
        known = self._kept
        if reader.attention is not None:
            pooled = self._weighed(y, reader.attention.scores(y))
        elif reader.pooling == "max":
            self._kept = {"max": torch.maximum(known["max"], y) if known else y}
            pooled = self._kept["max"]
        elif reader.pooling == "mean":
            self._kept = {"sum": known["sum"] + y.double() if known else y.double()}
            pooled = (self._kept["sum"] / (self._length + 1)).to(y.dtype)
        else:
            pooled = y
        logits = reader.head(pooled)
        shares = logits.sigmoid() if "several" in self.facts else logits.softmax(-1)
        return self._estimator.answers(shares.cpu().numpy()[None])[0]

    def _weighed(self, y: Tensor, score: Tensor) -> Tensor:
        """The mean so far, weighed by the exponentials of the scores; the largest score stays out of them."""
        known = self._kept or {"top": score, "share": torch.zeros_like(score), "sum": torch.zeros_like(y)}
        top = torch.maximum(known["top"], score)
        before, now = (known["top"] - top).exp(), (score - top).exp()
        self._kept = {
            "top": top,
            "share": known["share"] * before + now,
            "sum": known["sum"] * before + y * now,
        }
        return self._kept["sum"] / self._kept["share"]

    def __str__(self) -> str:
        return f"{self.task}, a sequence of {self._length} steps"


def _said(estimator: Classifier, one: Any) -> Answer:
    """What the model says of one text or series."""
    return estimator.answers(estimator.predict_proba([one]))[0]


def _heads(facts: Mapping[str, Any]) -> tuple[str, str]:
    return ("labels", "probabilities") if "several" in facts else ("label", "probability")


def _cells(answer: Answer, heads: Sequence[str]) -> list[Any]:
    """What stands under the heads; several labels in one cell, with semicolons between them."""
    cells = [answer[name] for name in heads]
    return [";".join(map(str, cell)) if isinstance(cell, list) else cell for cell in cells]


def _value(value: Any, mean: float, name: str) -> float:
    """A number; the mean of its channel for what is missing."""
    missing = value is None or (isinstance(value, (float, np.floating)) and value != value)
    return mean if missing else number(value, name)


def _numeric(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
