"""The transcribe task: recordings in, what is said in them out, letter by letter. Floor 6.

Alphabet, rate and scales come from the training part alone. Refuses data without transcripts, and settings
that do not go together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import ctc_loss

from cellwright.compiler.trace import Cell
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.layers import Layers
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.settings import setting, with_default
from cellwright.tasks.transcribe import code, simple
from cellwright.tasks.transcribe.alphabet import BLANK, UNITS, Alphabet
from cellwright.tasks.transcribe.code import Heard
from cellwright.tasks.transcribe.decode import best_path, decoded
from cellwright.tasks.transcribe.features import KINDS, Frames
from cellwright.tasks.transcribe.live import LiveSound
from cellwright.tasks.transcribe.network import Listener, hidden
from cellwright.tasks.transcribe.read import Columns, read
from cellwright.tasks.transcribe.score import scores
from cellwright.tasks.transcribe.show import heard, shown, worst
from cellwright.tasks.transcribe.utterances import Utterances, normal

TOGETHER = 64  # recordings transcribed at a time
Logs = list[npt.NDArray[np.float32]]


@dataclass(kw_only=True, eq=False, repr=False)
class Transcriber(Estimator[Utterances, Heard]):
    """Sound to text, by recurrent layers of any cell over log-mel features and CTC (Graves et al. 2006).

    `fit` takes X, a list of arrays of samples or of paths of WAV files, and y, a text for each; or what
    `read` gave; or the name of a folder or zip of WAVs with a table of transcripts. Scores are the error
    rates of words and characters; after each epoch the validation part is transcribed by the best path,
    the test part with the beam.

    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> tones = {"a": 400, "b": 1200, "c": 2400}
    >>> def sound(text):
    ...     at = np.arange(800) / 8000
    ...     return np.concatenate([0.3 * np.sin(6.28 * tones[letter] * at) for letter in text])
    >>> y = ["".join(draw.choice(list("abc"), 3, replace=False)) for _ in range(48)]
    >>> model = Transcriber(units=16, layers=1, bands=16, rate=8000, epochs=12, batch_size=4, valid=0,
    ...                     dropout=0, masks=0, learning_rate=0.02).fit([sound(text) for text in y], y)
    >>> model.predict([sound("cab")])
    ['cab']
    """

    TASK = "transcribe"
    SCORE = "word_error_rate"
    BETTER = "min"

    transcripts: str = setting("", "the table of transcripts; empty: the one beside the sound")
    file: str = setting("", "its column with the names of the WAV files; empty: guessed")
    text: str = setting("", "its column with what is said; empty: guessed")
    group: str = setting(
        "", "its column with, say, the speaker: held-out parts then have speakers of their own"
    )
    alphabet: str = setting("letters", "what is said one after the other", choices=UNITS)
    rate: int = setting(0, "samples a second; 0: what most training files have (of arrays: 16000)", min=0)
    features: str = setting("logmel", "what is heard of a frame", choices=KINDS)
    window: float = setting(0.025, "seconds of a frame", min=0, exclusive="min")
    hop: float = setting(0.010, "seconds from one frame to the next", min=0, exclusive="min")
    bands: int = setting(40, "mel filters", min=1)
    coefficients: int = setting(13, "cepstral coefficients of mfcc", min=1)
    stack: int = setting(3, "frames in a step of the network", min=1)
    centre: str = setting(
        "auto",
        "whose mean is taken off a band: the recording's, for voices never heard, or that of training; auto: "
        "the recording's where a group is set, but for one direction, which has not heard it to the end",
        choices=code.CENTRES,
    )
    masks: int = setting(2, "SpecAugment: bands and stretches of time hidden in training; 0: none", min=0)
    mask_share: float = setting(0.15, "SpecAugment: widest mask, as a share", min=0, max=1)
    beam: int = setting(
        8, "beginnings kept at every step of the search; 1: the best path", min=1, on_resume=True
    )
    layers: int = with_default(Estimator, "layers", 2)
    bidirectional: bool = with_default(Estimator, "bidirectional", True)
    dropout: float = with_default(Estimator, "dropout", 0.3)
    batch_size: int = with_default(Estimator, "batch_size", 16)
    epochs: int = with_default(Estimator, "epochs", 30)
    patience: int = with_default(Estimator, "patience", 10)
    learning_rate: float = with_default(Estimator, "learning_rate", 5e-3)

    def read(self, data: Any) -> Utterances:
        """The recordings of a folder, of a zip or of a table, or one, with a note.

        Raises:
            DataError: the files cannot be used.
        """
        if isinstance(data, Utterances):
            return data
        known: dict[str, str] | None = self.facts_["columns"] if hasattr(self, "facts_") else None
        return read(data, Columns(self.transcripts, self.file, self.text, self.group), known)

    def predict(self, X: Any) -> list[str]:
        """What is said in each recording.

        Raises:
            DataError: no list of recordings; the files cannot be used.
        """
        check_is_fitted(self)
        part = self._utterances(X)
        with loop.evaluating(self.network_):
            logs = _logs(self.network_, Ragged(code.steps_of(part, self.facts_)))
        return _texts(logs, self.facts_, self.beam)

    def way(self) -> LiveSound:
        """Sound in pieces in, what was said so far out: for `cellwright.Stream`."""
        check_is_fitted(self)
        return LiveSound(self)

    def take(self, X: Any, y: Any = None) -> Utterances:
        """The recordings with a transcript."""
        return self._utterances(X, y).whole()

    def hold_out(self, part: Utterances, share: float) -> tuple[Utterances, Utterances]:
        """By groups, where there are groups; texts that come again and again lie in both parts."""
        return part.split(share, self.seed)

    def learn(self, train: Utterances) -> Facts:
        """The alphabet, the rate, the frames, the scale of each band."""
        frames = self._frames(self.rate or code.usual_rate(train))
        return {
            "alphabet": Alphabet.of(train.known(), self.alphabet).to_json(),
            "frames": frames.to_json(),
            **code.scale(train, frames),
            "centre": self._centre(),
            "columns": dict(train.columns),
        }

    def build(self, cell: Cell | None, facts: Facts) -> Listener:
        """The untrained network."""
        frames = Frames.from_json(facts["frames"])
        return Listener(
            Layers.of(self, cast(Cell, cell)),
            frames.stack * frames.width,
            len(Alphabet.from_json(facts["alphabet"])),
        )

    def encode(self, part: Utterances, facts: Facts) -> Heard:
        """The steps of the sound and the numbers of the texts."""
        return code.encoded(part, facts)

    def feed(self, coded: Heard) -> loop.Feed:
        """Batches of recordings of similar length."""
        return Bucketed(*code.for_training(coded), batch_size=self.batch_size, seed=self.seed)

    def loss(self, network: nn.Module, batch: Padded, state: loop.State | None) -> loop.Loss:
        """What the right texts lack in probability, over all paths, by letter; bands and times hidden."""
        x = batch.x
        if self.masks:
            x = hidden(x, x.shape[-1] // self.stack, self.masks, self.mask_share)
        nats, letters = _nats(network(x, batch.lengths), batch)
        return loop.Loss(nats / letters, items=letters)

    def reads(self, network: nn.Module, batch: Padded) -> tuple[Tensor, Tensor | None] | None:
        """The steps."""
        return batch.x, batch.lengths

    def validate(self, network: nn.Module, coded: Heard, facts: Facts) -> Scores:
        """As `evaluate`, by the best path."""
        return self._scored(network, coded, facts, 1)

    def evaluate(self, network: nn.Module, coded: Heard, facts: Facts) -> Scores:
        """Error rates of words and characters, the share of texts exactly right, and the loss by letter."""
        return self._scored(network, coded, facts, self.beam)

    def baselines(self, train: Utterances, held: Utterances) -> dict[str, Scores]:
        """The most frequent text; a linear machine where texts are few, else the nearest recording's."""
        facts = self.learn(train)
        width = Frames.from_json(facts["frames"]).width
        heard, asked = (
            [steps.reshape(-1, width) for steps in code.steps_of(part, facts)] for part in (train, held)
        )
        said = simple.said(heard, train.known(), asked)
        return {name: scores(held.known(), texts) for name, texts in said.items()}

    def examples(self, network: nn.Module, held: Utterances, facts: Facts) -> dict[str, Any]:
        """Some recordings with the letters over their bands, and those with the most errors."""
        coded = code.steps_of(held, facts)
        logs = _logs(network, Ragged(coded))
        said, alphabet = _texts(logs, facts, self.beam), Alphabet.from_json(facts["alphabet"])
        frames = Frames.from_json(facts["frames"])
        return {
            "heard": [
                heard(
                    held,
                    k,
                    coded[k],
                    [(alphabet.tokens[one.token - 1], one) for one in best_path(logs[k])],
                    frames,
                )
                | {"said": said[k]}
                for k in shown(held, said)
            ],
            "worst_heard": worst(held, said),
        }

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.hop > self.window:
            yield f"hop must be at most window ({self.window:g}), or sound is lost, got {self.hop:g}"
        if self.features == "mfcc" and self.coefficients > self.bands:
            yield f"coefficients must be at most bands ({self.bands}), got {self.coefficients}"
        if self.file and self.file == self.text:
            yield f"file and text must be two columns, got {self.file} for both"
        if self.centre == code.RECORDING and not self.bidirectional:
            yield "centre recording needs both directions: one has not heard the recording to its end"

    def _utterances(self, X: Any, y: Any = None) -> Utterances:
        if isinstance(X, (str, Path)) and y is None:
            return self.read(X)
        rate = self.facts_["frames"]["rate"] if hasattr(self, "facts_") and not self.rate else self.rate
        return normal(X, y, rate=rate)

    def _centre(self) -> str:
        if self.centre != "auto":
            return self.centre
        return code.RECORDING if self.group and self.bidirectional else code.TRAINING

    def _frames(self, rate: int) -> Frames:
        return Frames(rate, self.features, self.window, self.hop, self.bands, self.coefficients, self.stack)

    def _scored(self, network: nn.Module, coded: Heard, facts: Facts, beam: int) -> Scores:
        logs = _logs(network, coded.inputs)
        found = scores(coded.part.known(), _texts(logs, facts, beam))
        return found | {"loss": _loss(logs, coded)}


def _logs(network: nn.Module, inputs: Ragged) -> Logs:
    """The log probabilities [T, tokens] of each recording, in their order."""
    device, found = next(network.parameters()).device, {}
    for batch in Bucketed(inputs, batch_size=TOGETHER).ordered():
        rows = network(batch.x.to(device), batch.lengths.to(device)).cpu().numpy()
        for column, place in enumerate(batch.index.tolist()):
            found[place] = rows[: int(batch.lengths[column]), column]
    return [found[place] for place in range(len(inputs))]


def _texts(logs: Logs, facts: Facts, beam: int) -> list[str]:
    alphabet = Alphabet.from_json(facts["alphabet"])
    return [alphabet.decode(decoded(rows, beam)) for rows in logs]


def _nats(logs: Tensor, batch: Padded) -> tuple[Tensor, int]:
    """The negative log probability of all texts of a batch, and how many letters they have."""
    assert batch.y is not None
    assert batch.y_lengths is not None
    nats = ctc_loss(
        logs, batch.y.T, batch.lengths, batch.y_lengths, blank=BLANK, reduction="sum", zero_infinity=True
    )
    return nats, int(batch.y_lengths.sum())


def _loss(logs: Logs, coded: Heard) -> float:
    """By letter, over the texts that can be learnt; NaN where there are none."""
    nats, letters = 0.0, 0
    for k in coded.learnable.tolist():
        y, size = coded.targets.pad([k])
        rows = torch.from_numpy(logs[k])[:, None]
        one = Padded(rows, torch.tensor([len(rows)]), torch.tensor([k]), y, size)
        sum_, count = _nats(rows, one)
        nats, letters = nats + float(sum_), letters + count
    return nats / letters if letters else float("nan")
