"""Utterances as numbers, by what the training part taught. Floor 6.

Refuses a training part in which no text fits into its sound.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cellwright.errors import DataError
from cellwright.tasks.training.batches import Ragged
from cellwright.tasks.transcribe.alphabet import Alphabet, needed
from cellwright.tasks.transcribe.features import Frames, features
from cellwright.tasks.transcribe.utterances import Utterances

MEASURED = 3000  # recordings at most that the scale of a band is taken from
LEAST = 1e-3  # a band that varies less than this is taken to vary by it
SHOWN = 5
RECORDING, TRAINING = "recording", "training"
CENTRES = ("auto", RECORDING, TRAINING)

Steps = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Heard:
    """A part as numbers.

    Attributes:
        inputs: the steps of each recording, scaled.
        targets: the numbers of each text that can be learnt, of the others [0].
        learnable: places of the texts that are of known letters and fit into their steps.
        part: the recordings and the texts.
    """

    inputs: Ragged
    targets: Ragged
    learnable: torch.Tensor
    part: Utterances


def usual_rate(part: Utterances) -> int:
    """The rate that most recordings have, the higher of two that are as frequent."""
    counts = Counter(one.rate for one in part.recordings)
    return max(counts, key=lambda rate: (counts[rate], rate))


def scale(part: Utterances, frames: Frames) -> dict[str, list[float]]:
    """Mean and spread of each number of a frame over the training part, to be stored."""
    every = max(1, len(part) // MEASURED)
    total = square = np.zeros(frames.width)
    count = 0
    for k in range(0, len(part), every):
        one = part.recordings[k]
        rows = features(one.samples(), frames, one.rate).reshape(-1, frames.width).astype(np.float64)
        total, square, count = total + rows.sum(0), square + np.square(rows).sum(0), count + len(rows)
    mean = total / count
    spread = np.sqrt(np.maximum(square / count - np.square(mean), 0.0))
    return {"mean": mean.round(6).tolist(), "spread": np.maximum(spread, LEAST).round(6).tolist()}


class Scale:
    """Steps brought to mean zero and spread one by stored numbers: the same for a piece and for the whole.

    What `whole` gives has the mean of each band of the recording itself taken off, where the run is so.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._stack = facts["frames"]["stack"]
        self._mean, self._spread = (np.tile(facts[name], self._stack) for name in ("mean", "spread"))
        self._own = facts.get("centre") == RECORDING

    def __call__(self, steps: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        scaled: npt.NDArray[np.float32] = ((steps - self._mean) / self._spread).astype(np.float32)
        return scaled

    def whole(self, scaled: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scaled steps of a recording from its beginning, as the network reads them."""
        if not self._own or not len(scaled):
            return scaled
        mean = scaled.reshape(len(scaled) * self._stack, -1).mean(0)
        centred: npt.NDArray[np.float32] = scaled - np.tile(mean, self._stack)
        return centred


def steps_of(part: Utterances, facts: Mapping[str, Any]) -> Steps:
    """The scaled steps of each recording."""
    frames, scaled = Frames.from_json(facts["frames"]), Scale(facts)
    return [scaled.whole(scaled(features(one.samples(), frames, one.rate))) for one in part.recordings]


def encoded(part: Utterances, facts: Mapping[str, Any]) -> Heard:
    """The part as numbers; what cannot be learnt is said and kept, for the scores count it."""
    alphabet, inputs = Alphabet.from_json(facts["alphabet"]), Ragged(steps_of(part, facts))
    numbers = [alphabet.encode(text) for text in part.known()]
    _warn_of_unknown(part, alphabet, [k for k, one in enumerate(numbers) if one is None])
    least = [0 if one is None else needed(one) for one in numbers]
    short = [k for k, size in enumerate(least) if size > int(inputs.lengths[k])]
    _warn_of_short(part, short, least, inputs)
    out = {*short, *(k for k, one in enumerate(numbers) if not one)}
    learnable = torch.tensor([k for k in range(len(part)) if k not in out], dtype=torch.int64)
    return Heard(inputs, Ragged([[0] if k in out else one for k, one in enumerate(numbers)]), learnable, part)


def for_training(heard: Heard) -> tuple[Ragged, Ragged]:
    """The steps and the texts that can be learnt.

    Raises:
        DataError: there are none.
    """
    kept = heard.learnable.tolist()
    if not kept:
        raise DataError(
            "no text fits into the steps of its recording",
            where=heard.part.place or "X, y",
            got=f"{len(heard.part)} recordings",
            fix="check which text belongs to which file, or give a smaller --stack or --hop",
        )
    return tuple(  # type: ignore[return-value]
        Ragged([side.pad([k])[0][:, 0] for k in kept]) for side in (heard.inputs, heard.targets)
    )


def _warn_of_unknown(part: Utterances, alphabet: Alphabet, places: Sequence[int]) -> None:
    if not places:
        return
    texts = part.known()
    letters = list(dict.fromkeys(token for k in places for token in alphabet.unknown(texts[k])))
    what = ", ".join(map(repr, letters[:SHOWN])) + (", .." if len(letters) > SHOWN else "")
    warnings.warn(
        f"{len(places)} texts have what training never saw ({what}; the first: "
        f"{part.recordings[places[0]].name}): it counts as an error in every score, the loss leaves them out",
        stacklevel=2,
    )


def _warn_of_short(part: Utterances, places: Sequence[int], least: Sequence[int], inputs: Ragged) -> None:
    if not places:
        return
    k = places[0]
    warnings.warn(
        f"{len(places)} texts are longer than the steps of their recordings allow (the first: "
        f"{part.recordings[k].name}, {int(inputs.lengths[k])} steps, {least[k]} needed): nothing is learnt "
        "from them; a smaller --stack or --hop gives more steps",
        stacklevel=2,
    )
