"""A transcriber on a live stream: sound in pieces, what was said so far out, until the end is said. Floor 6.

    [0.1, ...]                               samples at the run's rate, -1 to 1
    {"samples": [...], "rate": 16000}        at another rate
    {"end": true}                            the utterance is over; with samples: after them
    {"path": "a.wav"}, or a plain line       a file, answered by itself

A network of one direction keeps its state and its search; one of both directions hears the utterance anew
with every piece: its length is limited. Refuses what is no sound, and a rate that changes inside an
utterance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.stream import Stream
from cellwright.tasks.live import Answer, Live
from cellwright.tasks.transcribe.alphabet import Alphabet
from cellwright.tasks.transcribe.code import Scale
from cellwright.tasks.transcribe.decode import Prefixes, best_path
from cellwright.tasks.transcribe.features import Ear, Frames
from cellwright.tasks.transcribe.recordings import mono

if TYPE_CHECKING:
    from cellwright.tasks.transcribe.task import Transcriber

LONGEST = 6_000  # steps of an utterance that are heard again with every piece
LOUDEST = 16.0  # a float beyond it is no sample: full scale is 1
SOUND, STATE = "sound ", "state "


class LiveSound(Live):
    """An utterance that grows piece by piece."""

    heads = ("text", "seconds")

    def __init__(self, estimator: Transcriber) -> None:
        super().__init__(estimator)
        self._estimator = estimator
        self.frames = Frames.from_json(self.facts["frames"])
        self._alphabet, self._scale = Alphabet.from_json(self.facts["alphabet"]), Scale(self.facts)
        one_way = not estimator.bidirectional
        self._stream = Stream(estimator.network_.recurrent) if one_way else None  # type: ignore[arg-type]
        self._prefixes, self._greedy = Prefixes(estimator.beam), estimator.beam == 1
        self._said: list[int] = []
        self.forget()

    def forget(self) -> None:
        """A new utterance begins."""
        self._begin(self.frames.rate)

    def answer(self, item: Any) -> Answer:
        """{"text": so far, "seconds": heard}; at the end {"text": .., "seconds": .., "final": true}."""
        given = item if isinstance(item, Mapping) else {"samples": item}
        if wrong := given.keys() - {"samples", "rate", "end", "path"}:
            expected = "samples, rate, end, or path alone"
            raise DataError("no such part of an item", got=", ".join(map(str, wrong)), expected=expected)
        if "path" in given:
            return self._file(given)
        rate, ends = self._rate(given), given.get("end", False)
        if not isinstance(ends, bool):
            raise DataError("the end is true or false", where="end", got=repr(ends)[:40])
        samples = _samples(given.get("samples", []))
        if rate != self._ear.rate:
            self._begin(rate)
        heard = (self._ear.heard + len(samples)) / rate
        self._refuse_long(heard)
        steps = [self._ear.push(samples), *([self._ear.end()] if ends else [])]
        said = {"text": self._on(np.concatenate(steps)), "seconds": round(heard, 3)}
        if ends:
            self.forget()
            said["final"] = True
        return said

    def item(self, line: str) -> Any:
        """The line is the path of a file."""
        return {"path": line}

    def cells(self, answer: Answer) -> Sequence[Any]:
        """Text and seconds."""
        return [answer[name] for name in self.heads]

    def carried(self) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
        """The sound that waits, the states, the search."""
        arrays, numbers = self._ear.carried()
        tensors = {SOUND + name: torch.from_numpy(value.copy()) for name, value in arrays.items()}
        tensors |= {} if self._stream is None else {STATE + k: v for k, v in self._stream.state.items()}
        tensors["steps"] = torch.from_numpy(self._steps.copy())
        kept = {"rate": self._ear.rate, "numbers": numbers, "said": self._said, "last": self._last}
        return tensors, {**kept, "prefixes": self._prefixes.carried()}

    def carry(self, tensors: Mapping[str, Tensor], facts: dict[str, Any]) -> None:
        """An utterance goes on."""
        self._begin(facts["rate"])
        sound = {name.removeprefix(SOUND): v.numpy() for name, v in tensors.items() if name.startswith(SOUND)}
        self._ear.carry(sound, facts["numbers"])
        self._prefixes.carry(facts["prefixes"])
        self._said[:], self._last = facts["said"], facts["last"]
        self._steps = tensors["steps"].numpy()
        states = {name.removeprefix(STATE): v for name, v in tensors.items() if name.startswith(STATE)}
        if self._stream is not None and states:
            self._stream.reset(states)

    def __str__(self) -> str:
        return f"{self.task}, {self._ear.heard / self._ear.rate:.2f} s of sound"

    def _begin(self, rate: int) -> None:
        self._ear, self._said, self._last = Ear(self.frames, rate), [], 0
        self._steps = np.zeros((0, self.frames.stack * self.frames.width), dtype=np.float32)
        self._prefixes.reset()
        if self._stream is not None:
            self._stream.reset()

    def _rate(self, given: Mapping[str, Any]) -> int:
        rate = given.get("rate", self._ear.rate if self._ear.heard else self.frames.rate)
        if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
            raise DataError(
                "no sampling rate", where="rate", got=repr(rate)[:40], expected="samples a second"
            )
        if self._ear.heard and rate != self._ear.rate:
            fix = 'say {"end": true} before it'
            raise DataError(
                "the rate changes inside an utterance", got=rate, expected=self._ear.rate, fix=fix
            )
        return rate

    def _file(self, given: Mapping[str, Any]) -> Answer:
        if len(given) > 1 or not isinstance(given["path"], str):
            raise DataError(
                "a path stands alone", got=", ".join(map(str, given)), expected='{"path": "a.wav"}'
            )
        part = self._estimator.read(given["path"])
        if len(part) != 1:
            raise DataError(
                "a folder, where one file is expected", where=given["path"], got=f"{len(part)} files"
            )
        (text,), (one,) = self._estimator.predict(part), part.recordings
        return {"text": text, "seconds": round(one.length / one.rate, 3), "final": True}

    @torch.no_grad()
    def _on(self, steps: Any) -> str:
        """What was said, after some more steps."""
        logs = self._again(steps) if self._stream is None else self._further(steps)
        if self._greedy:
            self._follow(logs)
            return self._alphabet.decode(self._said)
        for row in logs:
            self._prefixes.push(row)
        return self._alphabet.decode(self._prefixes.best())

    def _further(self, steps: Any) -> Any:
        """Log probabilities of the steps, going on from the state."""
        stream, device = self._stream, next(self.network.parameters()).device
        assert stream is not None
        if not len(steps):
            return np.zeros((0, len(self._alphabet)), dtype=np.float32)
        x = torch.from_numpy(self._scale(steps)).to(device)
        y = torch.stack([stream.push(x_t) for x_t in x])
        return self.network.said(y).cpu().numpy()  # type: ignore[operator]

    def _again(self, steps: Any) -> Any:
        """Log probabilities of the whole utterance, which is heard once more; the search begins anew."""
        self._steps = np.concatenate((self._steps, self._scale(steps)))
        self._prefixes.reset()
        self._said, self._last = [], 0
        if not len(self._steps):
            return np.zeros((0, len(self._alphabet)), dtype=np.float32)
        x = torch.from_numpy(self._scale.whole(self._steps)).to(next(self.network.parameters()).device)
        return self.network(x[:, None], torch.tensor([len(x)], device=x.device))[:, 0].cpu().numpy()

    def _refuse_long(self, seconds: float) -> None:
        if self._stream is None and seconds > LONGEST * self.frames.seconds:
            raise DataError(
                "the utterance is too long to be heard again with every piece",
                got=f"{seconds:.0f} s",
                expected=f"{LONGEST * self.frames.seconds:.0f} s at most",
                fix="end it, or train a network with --no-bidirectional",
            )

    def _follow(self, logs: Any) -> None:
        """The best path, gone on from the token at which it stands."""
        if not len(logs):
            return
        first, rest = int(logs[0].argmax()), best_path(logs)
        if rest and rest[0].step == 0 and first == self._last:
            rest = rest[1:]
        self._said += [said.token for said in rest]
        self._last = int(logs[-1].argmax())


def _samples(given: Any) -> Any:
    """Samples [T] or [T, channels], -1 to 1, or whole numbers as WAV files have them in an array."""
    try:
        x = np.asarray(given, dtype=None if hasattr(given, "dtype") else np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("no samples", got=error, expected="numbers between -1 and 1") from None
    if isinstance(given, (str, bool)) or x.ndim == 0:
        raise DataError("no samples", got=repr(given)[:40], expected="a list of numbers between -1 and 1")
    if x.dtype.kind == "f" and x.size and np.abs(x).max() > LOUDEST:
        got, fix = f"{np.abs(x).max():g}", "divide whole numbers of 16 bits by 32768"
        raise DataError("no samples", got=got, expected="numbers between -1 and 1", fix=fix)
    return mono(x, "samples")[0] if x.size else np.zeros(0)
