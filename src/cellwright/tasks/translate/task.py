"""The translate task: sentences in, sentences of another language out. Floor 6.

Pieces of words of both languages come from the training part alone. Refuses data without translations, and
settings that do not go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.tasks import overlap
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.beam import Beam
from cellwright.tasks.layers import Layers
from cellwright.tasks.metrics import perplexity
from cellwright.tasks.pieces import Pieces
from cellwright.tasks.telling import STOP, Telling, looked, loss, mean_loss, told, with_ends
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.settings import setting, with_default
from cellwright.tasks.translate.live import LiveSentences
from cellwright.tasks.translate.network import EncoderDecoder
from cellwright.tasks.translate.pairs import Pairs, normal
from cellwright.tasks.translate.read import read
from cellwright.tasks.translate.simple import word_by_word

TOGETHER = 100  # sentences translated at a time
SHOWN = 8  # translations in a report; of half as many the alignment too
LETTERS = 150  # of a sentence whose alignment is drawn


@dataclass(frozen=True)
class Numbers:
    """A part as numbers: sentences and translations, each with its end, and both as they are."""

    sources: Ragged
    targets: Ragged
    pairs: Pairs


@dataclass(kw_only=True, eq=False, repr=False)
class Translator(Telling[Pairs, Numbers]):
    """Sentences of one language to sentences of another, by an encoder, attention and a decoder of any cell.

    `fit` takes X and y, lists of sentences; or what `read` gave; or the name of a table with two columns, or
    of two files with a comma between them. Scores are BLEU and chrF (sacreBLEU); after each epoch the
    validation part is translated without a beam, the test part at the end with it.

    >>> X, y = ["eins zwei", "zwei drei", "drei eins"] * 8, ["one two", "two three", "three one"] * 8
    >>> model = Translator(units=16, embedding=16, epochs=40, batch_size=8, valid=0, learning_rate=0.02)
    >>> model.fit(X, y).predict(["zwei drei"])
    ['two three']
    """

    TASK = "translate"
    SCORE = "bleu"
    BETTER = "max"

    source: str = setting("", "the column of the sentences; empty: guessed")
    target: str = setting("", "the column of their translations; empty: guessed")
    pieces: int = setting(4000, "pieces of words known in each language, at most", min=10)
    max_length: int = setting(
        100, "pieces of a sentence at most: longer ones are left out of training, and cut elsewhere", min=2
    )
    bleu: str = setting(
        "auto", "how BLEU cuts sentences (sacreBLEU); none: at blanks", choices=overlap.CUTS, on_resume=True
    )
    cell: str | Cell = with_default(Estimator, "cell", "gru")
    units: int = with_default(Estimator, "units", 256)
    bidirectional: bool = with_default(Estimator, "bidirectional", True)
    dropout: float = with_default(Estimator, "dropout", 0.3)
    epochs: int = with_default(Estimator, "epochs", 15)
    batch_size: int = with_default(Estimator, "batch_size", 64)
    valid: float = with_default(Estimator, "valid", 0.05)

    def read(self, data: Any) -> Pairs:
        """The pairs of a table or of two files, or the lines of one file to translate, with a note.

        Raises:
            DataError: the files cannot be used.
        """
        if isinstance(data, Pairs):
            return data
        known: dict[str, str] | None = self.facts_["columns"] if hasattr(self, "facts_") else None
        return read(data, source=self.source, target=self.target, known=known)

    def predict(self, X: Any) -> list[str]:
        """The translation of each sentence; of an empty one, an empty one.

        Raises:
            DataError: no list of texts; the file cannot be used.
        """
        check_is_fitted(self)
        with loop.evaluating(self.network_):
            return self._said(cast(EncoderDecoder, self.network_), self._sentences(X).sources, self.facts_)

    def align(self, X: Any) -> list[dict[str, Any]]:
        """Where attention lay: {"read": S pieces, "said": T pieces, "weights": [T][S]} for each sentence.

        The last row is the end of the translation, the last column that of the sentence.

        Raises:
            DataError: as `predict`.
        """
        check_is_fitted(self)
        network = cast(EncoderDecoder, self.network_)
        sources = list(self._sentences(X).sources)
        with loop.evaluating(network):
            return self._aligned(network, sources, self._said(network, sources, self.facts_), self.facts_)

    def way(self) -> LiveSentences:
        """A sentence in, its translation out: for `cellwright.Stream`."""
        check_is_fitted(self)
        return LiveSentences(self)

    def take(self, X: Any, y: Any = None) -> Pairs:
        """The pairs with both sides."""
        return self._sentences(X, y).whole()

    def hold_out(self, part: Pairs, share: float) -> tuple[Pairs, Pairs]:
        """By sentences: all translations of one lie together."""
        return part.split(share, self.seed)

    def learn(self, train: Pairs) -> Facts:
        """The pieces of both languages, and how BLEU cuts."""
        targets = train.known()
        return {
            "source": Pieces.learn(train.sources, self.pieces).to_json(),
            "target": Pieces.learn(targets, self.pieces).to_json(),
            "bleu": overlap.cut_for(targets, self.bleu),
            "columns": dict(train.columns),
        }

    def build(self, cell: Cell | None, facts: Facts) -> EncoderDecoder:
        """The untrained network."""
        return EncoderDecoder(
            Layers.of(self, cast(Cell, cell)),
            (len(facts["source"]["tokens"]), len(facts["target"]["tokens"])),
            embedding=self.embedding,
            attention=self.attention,
            feed=self.feeding,
            hidden_words=self.word_dropout,
            tied=self.tied,
        )

    def encode(self, part: Pairs, facts: Facts) -> Numbers:
        """The numbers of the pieces, with the end of each sentence."""
        sources = with_ends(Pieces.from_json(facts["source"]), part.sources, self.max_length)
        targets = with_ends(Pieces.from_json(facts["target"]), part.known(), self.max_length)
        return Numbers(Ragged(sources), Ragged(targets), part)

    def feed(self, coded: Numbers) -> loop.Feed:
        """Batches of sentences of similar length."""
        return Bucketed(coded.sources, coded.targets, batch_size=self.batch_size, seed=self.seed)

    def loss(self, network: nn.Module, batch: Padded, state: loop.State | None) -> loop.Loss:
        """The cross-entropy of the pieces with smoothed certainty, by teacher forcing."""
        nats, items = loss(cast(EncoderDecoder, network), batch, self.smoothing)
        return loop.Loss(nats, items=items)

    def reads(self, network: nn.Module, batch: Padded) -> tuple[Tensor, Tensor | None] | None:
        """The vectors of the sentence's pieces."""
        return cast(EncoderDecoder, network).embedding(batch.x), batch.lengths

    def validate(self, network: nn.Module, coded: Numbers, facts: Facts) -> Scores:
        """As `evaluate`, the likeliest piece taken at every step."""
        return self._scored(network, coded, facts, Beam(1, self.penalty))

    def evaluate(self, network: nn.Module, coded: Numbers, facts: Facts) -> Scores:
        """BLEU and chrF of the translations; perplexity of the pieces and its logarithm, `loss`."""
        return self._scored(network, coded, facts, self.searching())

    def baselines(self, train: Pairs, held: Pairs) -> dict[str, Scores]:
        """The sentence as it is, and each word's usual partner in its place."""
        wanted = held.known()
        said = {
            "copy": list(held.sources),
            "word_by_word": word_by_word(train.sources, train.known(), held.sources),
        }
        cut = overlap.cut_for(train.known(), self.bleu)
        return {name: _overlaps(texts, wanted, cut) for name, texts in said.items()}

    def examples(self, network: nn.Module, held: Pairs, facts: Facts) -> dict[str, Any]:
        """Some translations beside the right ones, and where the decoder looked for each piece."""
        step = max(1, len(held) // SHOWN)
        part = held.some(range(0, len(held), step)[:SHOWN])
        model = cast(EncoderDecoder, network)
        said = self._said(model, part.sources, facts)
        rows = zip(part.sources, part.known(), said, strict=True)
        shown = [{"text": source, "wanted": target, "said": one} for source, target, one in rows]
        short = [k for k, text in enumerate(part.sources) if len(text) <= LETTERS][: SHOWN // 2]
        drawn = self._aligned(model, [part.sources[k] for k in short], [said[k] for k in short], facts)
        return {"translations": shown, "alignments": drawn}

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.source and self.source == self.target:
            yield f"source and target must be two columns, got {self.source} for both"

    def _sentences(self, X: Any, y: Any = None) -> Pairs:
        return self.read(X) if isinstance(X, (str, Path)) and y is None else normal(X, y)

    def _scored(self, network: nn.Module, coded: Numbers, facts: Facts, beam: Beam) -> Scores:
        model = cast(EncoderDecoder, network)
        said = self._said(model, coded.pairs.sources, facts, beam)
        feed = Bucketed(coded.sources, coded.targets, batch_size=TOGETHER)
        nats = mean_loss(model, feed.ordered())
        scores = _overlaps(said, coded.pairs.known(), facts["bleu"])
        return scores | {"perplexity": perplexity(nats), "loss": nats}

    def _said(
        self, network: EncoderDecoder, sources: Sequence[str], facts: Facts, beam: Beam | None = None
    ) -> list[str]:
        """The translations, batch by batch of similar length."""
        reading, writing = Pieces.from_json(facts["source"]), Pieces.from_json(facts["target"])
        full = [k for k, text in enumerate(sources) if text.strip()]
        said = [""] * len(sources)
        if not full:
            return said
        coded = Ragged(with_ends(reading, [sources[k] for k in full], self.max_length))
        feed = Bucketed(coded, batch_size=TOGETHER)
        longest = [2 * length + 10 for length in coded.lengths.tolist()]
        found = told(network, feed.ordered(), longest, beam or self.searching(), writing)
        for place, one in zip(full, found, strict=True):
            said[place] = one
        return said

    def _aligned(
        self, network: EncoderDecoder, sources: Sequence[str], said: Sequence[str], facts: Facts
    ) -> list[dict[str, Any]]:
        """Attention's weights, when these translations are read back piece by piece."""
        reading, writing = Pieces.from_json(facts["source"]), Pieces.from_json(facts["target"])
        drawn = []
        for source, text in zip(sources, said, strict=True):
            (x,), (y,) = (
                with_ends(pieces, [one], self.max_length)
                for pieces, one in ((reading, source), (writing, text))
            )
            drawn.append({"read": [*reading.shown(x), STOP], **looked(network, torch.tensor(x), y, writing)})
        return drawn


def _overlaps(said: Sequence[str], wanted: Sequence[str], cut: str) -> Scores:
    return {"bleu": overlap.bleu(said, [wanted], cut), "chrf": overlap.chrf(said, [wanted])}
