"""A language model on a live stream: text in, how surprising it was and what may come next out. Floor 6.

The state is carried over all items, as over one text. An item is a str, or {"text": .., "length": ..} with
the options of `Generator.generate`: then what the model would write on is answered too, but not read by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from cellwright.errors import DataError
from cellwright.nn.frame import States
from cellwright.tasks.generate.network import LanguageModel
from cellwright.tasks.generate.sampling import Sampling, ruled_out
from cellwright.tasks.generate.text import need_unicode
from cellwright.tasks.generate.write import LIKELY, NEVER, Writer
from cellwright.tasks.live import Answer, Live
from cellwright.tasks.networks import UNKNOWN

if TYPE_CHECKING:
    from cellwright.tasks.generate.task import Generator

OPTIONS = ("length", "temperature", "top_k", "seed")


class LiveText(Live):
    """A text that goes on."""

    heads = ("tokens", "unknown", "bits", "next")

    def __init__(self, estimator: Generator) -> None:
        super().__init__(estimator)
        self._model = cast(LanguageModel, self.network)
        self._writer = Writer(self._model, self.facts)
        self.forget()

    @torch.no_grad()
    def forget(self) -> None:
        """As after a line's end."""
        self._last = self._writer.begin
        y, self._state = self._read([self._last], None)
        self._y = y[-1]

    @torch.no_grad()
    def answer(self, item: Any) -> Answer:
        """{"tokens": how many, "unknown": of them, "bits": mean surprise of a token, "next": likely ones}."""
        text, options = self._parts(item)
        tokens = self._writer.vocabulary.encode(text)
        y, state, nats = self._y, self._state, 0.0
        if tokens:
            read, state = self._read(tokens, state)
            before = torch.cat((self._y[None], read[:-1]))
            wanted = torch.tensor(tokens, device=before.device)
            nats = float(cross_entropy(self._logits(before), wanted, reduction="sum"))
            y = read[-1]
        last = tokens[-1] if tokens else self._last
        answer: Answer = {
            "tokens": len(tokens),
            "unknown": tokens.count(UNKNOWN),
            "bits": round(nats / math.log(2) / len(tokens), 4) if tokens else None,
            "next": self._likely(y),
        }
        if options is not None:
            length, sampling = options
            answer["continuation"] = self._writer.go_on((y, state), last, length, sampling)
        self._y, self._state, self._last = y, state, last
        return answer

    def item(self, line: str) -> Any:
        """The line with its end."""
        return self._writer.line(line)

    def cells(self, answer: Answer) -> Sequence[Any]:
        """Counts, bits, and the likeliest token."""
        return [*(answer[name] for name in self.heads[:3]), next(iter(answer["next"]), "")]

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """The states and the last output."""
        return {**self._state, "the last output": self._y}, {"last": self._last}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """A text goes on."""
        device = self._y.device
        self._y = tensors["the last output"].to(device)
        self._state = {n: v.to(device) for n, v in tensors.items() if n != "the last output"}
        self._last = facts["last"]

    def _read(self, tokens: list[int], state: States | None) -> tuple[Tensor, States]:
        """The outputs [T, H] and the states after some tokens."""
        table = self._model.embedding.weight
        y, after = self._model.recurrent(table[torch.tensor(tokens, device=table.device)], state)
        return y, after

    def _logits(self, y: Tensor) -> Tensor:
        logits: Tensor = self._model.head(self._model.features(y))
        return logits

    def _likely(self, y: Tensor) -> dict[str, float]:
        shares = ruled_out(self._logits(y), NEVER).softmax(-1)
        top = shares.topk(min(LIKELY, len(shares) - len(NEVER)))
        names = self._writer.vocabulary.all_tokens
        return {names[int(k)]: round(float(p), 4) for p, k in zip(*top, strict=True)}

    def _parts(self, item: Any) -> tuple[str, tuple[int, Sampling] | None]:
        """The text of an item, and how to write on where that is asked for."""
        named = item if isinstance(item, Mapping) else {"text": item}
        text = named.get("text")
        if not isinstance(text, str):
            raise DataError("no text", got=type(text).__name__, expected='a text, or {"text": text}')
        need_unicode(text, "the text")
        unknown = sorted(named.keys() - {"text", *OPTIONS})
        if unknown:
            raise DataError("an item with other options", got=", ".join(unknown), expected=", ".join(OPTIONS))
        if "length" not in named:
            return text, None
        given = {name: named[name] for name in OPTIONS[1:] if name in named}
        return text, (named["length"], Sampling(**{"temperature": 0.8, **given}))
