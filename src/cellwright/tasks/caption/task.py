"""The caption task: a picture or a clip in, a sentence about it out. Floor 6.

Pieces of words and the scale of the features come from the training part alone. Refuses pictures without
captions, and features of another width than a trained model's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.errors import DataError
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.beam import Beam
from cellwright.tasks.caption.describe import GRID
from cellwright.tasks.caption.live import LivePictures
from cellwright.tasks.caption.network import Describer
from cellwright.tasks.caption.pictures import FRAMES, IMAGES, VECTORS, Floats, Pictures, normal
from cellwright.tasks.caption.read import read
from cellwright.tasks.caption.score import overlaps, shuffled
from cellwright.tasks.caption.simple import commonest, nearest
from cellwright.tasks.layers import Layers
from cellwright.tasks.metrics import perplexity
from cellwright.tasks.pieces import Pieces
from cellwright.tasks.telling import Telling, looked, loss, mean_loss, told, with_ends
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.settings import dropping, setting, with_default

TOGETHER = 100  # pictures described at a time
SHOWN = 8  # pictures in a report
BARS = 64  # of features drawn


@dataclass(frozen=True)
class Numbers:
    """A part as numbers: features of pictures, all captions with their ends, whose they are; and as it is."""

    features: Ragged
    captions: Ragged
    owners: Tensor
    pictures: Pictures


class Captions:
    """A feed of captions of similar length, each with its picture: x the features, y the caption."""

    def __init__(self, coded: Numbers, batch_size: int, seed: int = 0) -> None:
        self.coded, self.inner = coded, Bucketed(coded.captions, batch_size=batch_size, seed=seed)

    def __len__(self) -> int:
        return len(self.inner)

    def epoch(self, number: int, start: int = 0) -> Iterator[Padded]:
        """The batches of one epoch from batch `start` on."""
        return map(self._with_pictures, self.inner.epoch(number, start))

    def ordered(self) -> Iterator[Padded]:
        """All captions once, the same every time."""
        return map(self._with_pictures, self.inner.ordered())

    def _with_pictures(self, batch: Padded) -> Padded:
        x, lengths = self.coded.features.pad(self.coded.owners[batch.index])
        return Padded(x, lengths, batch.index, batch.x, batch.lengths)


@dataclass(kw_only=True, eq=False, repr=False)
class Captioner(Telling[Pictures, Numbers]):
    """Sentences about pictures or clips: a recurrent net over frames, attention, a decoder of any cell.

    `fit` takes X, features [N, D] of pictures or [N, T, D] of clips (or a list of arrays of any lengths), and
    y, a caption or a list of captions for each; or what `read` gave; or the names of files. Scores are
    CIDEr-D and BLEU over words in lower case without punctuation; all captions of a picture are references.
    `shuffled_cider` scores the same captions as if of other pictures: the difference is what a picture adds.

    >>> X = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] * 8
    >>> y = ["a red dog", "a grey cat", "two people"] * 8
    >>> model = Captioner(units=16, embedding=16, epochs=30, batch_size=8, valid=0, learning_rate=0.02)
    >>> model.fit(X, y).predict([[0.0, 1.0, 0.0]])
    ['a grey cat']
    """

    TASK = "caption"
    SCORE = "cider"
    BETTER = "max"

    image: str = setting("", "the column of the pictures' names; empty: guessed")
    caption: str = setting("", "the column of the captions; empty: guessed")
    features: str = setting("", "the array of an .npz that holds the features; empty: the only one")
    encoder: str = setting(
        "auto",
        "what reads the features: a linear layer each vector, a recurrent net the frames of a clip",
        choices=("auto", "linear", "recurrent"),
    )
    lower: bool = setting(True, "take capital letters for small ones")
    pieces: int = setting(4000, "pieces of words known, at most", min=10)
    max_length: int = setting(60, "pieces of a caption at most: longer ones are cut", min=2)
    feature_dropout: float = dropping(0.2, "share of features hidden in training")
    penalty: float = with_default(Telling, "penalty", 0.7)
    embedding: int = with_default(Telling, "embedding", 128)
    cell: str | Cell = with_default(Estimator, "cell", "gru")
    units: int = with_default(Estimator, "units", 256)
    dropout: float = with_default(Estimator, "dropout", 0.4)
    epochs: int = with_default(Estimator, "epochs", 20)
    batch_size: int = with_default(Estimator, "batch_size", 64)

    def read(self, data: Any) -> Pictures:
        """The pictures and captions of files, or pictures alone to describe, with a note.

        Raises:
            DataError: the files cannot be used.
            SettingError: images, and Pillow is not installed.
        """
        if isinstance(data, Pictures):
            return data
        known: dict[str, str] | None = self.facts_["columns"] if hasattr(self, "facts_") else None
        return read(data, image=self.image, caption=self.caption, features=self.features, known=known)

    def predict(self, X: Any) -> list[str]:
        """A caption for each picture.

        Raises:
            DataError: features of another shape or width; the file cannot be used.
        """
        check_is_fitted(self)
        network = cast(Describer, self.network_)
        with loop.evaluating(network):
            return self._told(network, _scaled(self._pictures(X), self.facts_), self.facts_, self.searching())

    def align(self, X: Any) -> list[dict[str, Any]]:
        """Where attention lay: {"said": T pieces, "weights": [T][S]} for each picture.

        S is 1 for a vector, the frames of a clip, or the regions of an image, row by row.

        Raises:
            DataError: as `predict`.
        """
        part = self._pictures(X)
        said = self.predict(part)
        with loop.evaluating(self.network_):
            return self._looked(cast(Describer, self.network_), part, said, self.facts_)

    def way(self) -> LivePictures:
        """A picture in, its caption out: for `cellwright.Stream`."""
        check_is_fitted(self)
        return LivePictures(self)

    def take(self, X: Any, y: Any = None) -> Pictures:
        """The pictures with a caption."""
        return self._pictures(X, y).whole()

    def hold_out(self, part: Pictures, share: float) -> tuple[Pictures, Pictures]:
        """By pictures: all captions of one lie together."""
        return part.split(share, self.seed)

    def learn(self, train: Pictures) -> Facts:
        """The pieces, the longest caption, and how the features are scaled."""
        texts = [self._plain(text) for captions in train.known() for text in captions]
        pieces = Pieces.learn(texts, self.pieces)
        values = np.concatenate(list(train.features))
        spread = values.std(0, dtype=np.float64)
        recurrent = train.kind == FRAMES if self.encoder == "auto" else self.encoder == "recurrent"
        return {
            "pieces": pieces.to_json(),
            "longest": max(map(len, with_ends(pieces, texts, self.max_length))),
            "kind": train.kind,
            "recurrent": recurrent,
            "mean": values.mean(0, dtype=np.float64).tolist(),
            "scale": np.where(spread > 1e-6, spread, 1.0).tolist(),
            "columns": dict(train.columns),
        }

    def build(self, cell: Cell | None, facts: Facts) -> Describer:
        """The untrained network."""
        return Describer(
            Layers.of(self, cast(Cell, cell)),
            len(facts["mean"]),
            len(facts["pieces"]["tokens"]),
            recurrent=facts["recurrent"],
            embedding=self.embedding,
            attention=self.attention,
            feed=self.feeding,
            hidden_features=self.feature_dropout,
            hidden_words=self.word_dropout,
            tied=self.tied,
        )

    def encode(self, part: Pictures, facts: Facts) -> Numbers:
        """Scaled features, and the numbers of every caption's pieces with its end."""
        captions = part.known()
        texts = [self._plain(text) for own in captions for text in own]
        owners = [k for k, own in enumerate(captions) for _ in own]
        coded = with_ends(Pieces.from_json(facts["pieces"]), texts, self.max_length)
        return Numbers(_scaled(part, facts), Ragged(coded), torch.tensor(owners), part)

    def feed(self, coded: Numbers) -> loop.Feed:
        """Batches of captions of similar length."""
        return Captions(coded, self.batch_size, self.seed)

    def loss(self, network: nn.Module, batch: Padded, state: loop.State | None) -> loop.Loss:
        """The cross-entropy of the pieces with smoothed certainty, by teacher forcing."""
        nats, items = loss(cast(Describer, network), batch, self.smoothing)
        return loop.Loss(nats, items=items)

    def reads(self, network: nn.Module, batch: Padded) -> tuple[Tensor, Tensor | None] | None:
        """The frames' vectors; None where no recurrent net reads them."""
        model = cast(Describer, network)
        return None if model.recurrent is None else (model.vectors(batch.x), batch.lengths)

    def validate(self, network: nn.Module, coded: Numbers, facts: Facts) -> Scores:
        """As `evaluate`, the likeliest piece taken at every step."""
        return self._scored(cast(Describer, network), coded, facts, Beam(1, self.penalty))

    def evaluate(self, network: nn.Module, coded: Numbers, facts: Facts) -> Scores:
        """CIDEr-D and BLEU of the captions, CIDEr-D as if of other pictures, perplexity and its logarithm."""
        return self._scored(cast(Describer, network), coded, facts, self.searching())

    def baselines(self, train: Pictures, held: Pictures) -> dict[str, Scores]:
        """The caption that fits most pictures, and one of the nearest picture."""
        known, wanted = train.known(), held.known()
        said = {
            "commonest": [commonest(known)] * len(held),
            "nearest": nearest(train.features, known, held.features),
        }
        return {name: overlaps(texts, wanted) for name, texts in said.items()}

    def examples(self, network: nn.Module, held: Pictures, facts: Facts) -> dict[str, Any]:
        """Some pictures with what is said of them and what people say; where it looked."""
        model = cast(Describer, network)
        part = held.some(range(0, len(held), max(1, len(held) // SHOWN))[:SHOWN])
        said = self._told(model, _scaled(part, facts), facts, self.searching())
        wanted = zip(part.names, said, part.known(), strict=True)
        rows: list[dict[str, Any]] = [{"name": n, "said": one, "wanted": texts} for n, one, texts in wanted]
        where = self._looked(model, part, said, facts) if part.kind != VECTORS else []
        if part.kind == FRAMES:
            frames = [[str(k) for k in range(1, len(one) + 1)] for one in part.features]
            drawn = [{"read": read, **one} for read, one in zip(frames, where, strict=True)]
            return {"captions": rows, "alignments": drawn[: SHOWN // 2]}
        for k, row in enumerate(rows):
            if part.kind == IMAGES:
                picture = "data:image/jpeg;base64," + base64.b64encode(part.looks[k]).decode()
                row |= {"picture": picture, "grid": [GRID, GRID], "looked": where[k]}
            else:
                row["bars"] = _bars(part.features[k], facts)
        return {"captions": rows}

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.image and self.image == self.caption:
            yield f"image and caption must be two columns, got {self.image} for both"

    def _pictures(self, X: Any, y: Any = None) -> Pictures:
        return self.read(X) if isinstance(X, (str, Path)) and y is None else normal(X, y)

    def _plain(self, text: str) -> str:
        return text.lower() if self.lower else text

    def _scored(self, network: Describer, coded: Numbers, facts: Facts, beam: Beam) -> Scores:
        said, wanted = self._told(network, coded.features, facts, beam), coded.pictures.known()
        nats = mean_loss(network, Captions(coded, TOGETHER).ordered())
        scores = overlaps(said, wanted) | {"shuffled_cider": shuffled(said, wanted, self.seed)}
        return scores | {"perplexity": perplexity(nats), "loss": nats}

    def _told(self, network: Describer, features: Ragged, facts: Facts, beam: Beam) -> list[str]:
        batches = Bucketed(features, batch_size=TOGETHER).ordered()
        longest = [facts["longest"]] * len(features)
        return told(network, batches, longest, beam, Pieces.from_json(facts["pieces"]))

    def _looked(
        self, network: Describer, part: Pictures, said: Sequence[str], facts: Facts
    ) -> list[dict[str, Any]]:
        pieces = Pieces.from_json(facts["pieces"])
        features, numbers = _scaled(part, facts), with_ends(pieces, said, self.max_length)
        return [looked(network, features.pad([k])[0][:, 0], own, pieces) for k, own in enumerate(numbers)]


def _scaled(part: Pictures, facts: Facts) -> Ragged:
    """The features less their mean, in units of their spread.

    Raises:
        DataError: they are not of the model's kind.
    """
    width, images = len(facts["mean"]), facts["kind"] == IMAGES
    for name, one in zip(part.names, part.features, strict=True):
        if one.shape[1] != width or (part.kind == IMAGES) != images:
            kind = "features" if part.kind != IMAGES else "an image, described by its regions"
            raise DataError(
                "pictures of another kind than the model's",
                where=f"{part.place or 'X'}, {name}",
                got=f"{one.shape[1]} {kind}" if part.kind != IMAGES else kind,
                expected="images" if images else f"{width} features",
                fix="describe them as those it was trained on",
            )
    mean, scale = (np.array(facts[key], dtype=np.float32) for key in ("mean", "scale"))
    return Ragged([(one - mean) / scale for one in part.features])


def _bars(features: Floats, facts: Facts) -> list[float]:
    """A vector in units of its spread, neighbours averaged to at most 64 numbers."""
    scaled = (features[0] - np.array(facts["mean"])) / np.array(facts["scale"])
    return [round(float(part.mean()), 2) for part in np.array_split(scaled, min(BARS, len(scaled)))]
