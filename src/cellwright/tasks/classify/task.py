"""The classify task: a text, a gene or protein, or a series in; one label out, or several. Floor 6.

The vocabulary and the scales come from the training part alone. Refuses one class only, labels unseen in
training, and inputs of another kind than those of training.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy

from cellwright.compiler.trace import Cell
from cellwright.errors import DataError
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.classify import code, genes, several
from cellwright.tasks.classify.beside import beside, of_classes
from cellwright.tasks.classify.examples import Examples, normal
from cellwright.tasks.classify.labels import as_array, from_json, said
from cellwright.tasks.classify.live import LiveSeries, LiveTexts
from cellwright.tasks.classify.read import read
from cellwright.tasks.classify.recipes import RECIPES
from cellwright.tasks.classify.settings import Few, Reading
from cellwright.tasks.classify.show import shown
from cellwright.tasks.classify.vary import varied
from cellwright.tasks.data.split import split_examples
from cellwright.tasks.facts import plain
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import (
    POOLINGS,
    Bag,
    CountsPerceptron,
    Embedding,
    Ensemble,
    Reader,
    StretchedPerceptron,
)
from cellwright.tasks.strands import within
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.settings import dropping, setting, with_default
from cellwright.tasks.vectors import Vectors

TOGETHER = 256  # examples in a batch that only predicts


@dataclass(frozen=True)
class Numbers:
    """A part as numbers: the inputs, and the labels (see `code.encoded_labels`)."""

    inputs: Ragged
    labels: Tensor


@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(ClassifierMixin, Reading, Few, Estimator[Examples, Numbers]):  # type: ignore[misc]
    """Classes of texts, of genes and proteins, or of series of unequal lengths and several channels.

    `fit` takes X as texts, as sequences of letters, or as series (arrays [T, C] or [T] each, or one array
    [N, T, C] or [N, T]; NaN is a missing value), with y as labels (texts, numbers, true or false, tuples of
    them; a list of them where an example has several, or 0 and 1, [N, labels]); or what `read` gave; or the
    path of a file alone. With `bow` or `mlp` in the place of a cell the order of the words is not seen (`mlp`
    sees a series whole, stretched to one length).

    >>> X = ["good film", "bad film", "a good one", "a bad one"] * 10
    >>> y = ["+", "-", "+", "-"] * 10
    >>> model = Classifier(units=8, embedding=8, epochs=2).fit(X, y)
    >>> model.predict(["good", "bad"]).tolist(), model.predict_proba(["good"]).shape
    (['+', '-'], (1, 2))
    """

    TASK = "classify"
    SCORE = "accuracy"
    BETTER = "max"
    NOT_CELLS = ("mlp", "bow")
    RECIPES = RECIPES

    pooling: str = setting("max", "how the steps become one answer", choices=POOLINGS)
    word_dropout: float = dropping(0.2, "share of tokens hidden in training")
    embedding_dropout: float = dropping(0.5, "share of the vectors' values dropped")
    smoothing: float = setting(
        0.1, "share of certainty taken off the labels in training", min=0, max=1, exclusive="max"
    )
    balance: bool = setting(False, "let rare classes count as much as frequent ones")
    bidirectional: bool = with_default(Estimator, "bidirectional", True)
    dropout: float = with_default(Estimator, "dropout", 0.5)
    epochs: int = with_default(Estimator, "epochs", 10)

    _pretrained: Vectors | None = field(init=False, default=None)
    _several: bool = field(init=False, default=False)

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The labels, in the order of `predict_proba`'s columns."""
        check_is_fitted(self, "facts_")
        return as_array([from_json(value) for value in self.facts_["labels"]])

    @property
    def watched(self) -> str:
        """Accuracy; of several labels micro-F1."""
        return "micro_f1" if self._several else self.SCORE

    def read(self, data: Any) -> Examples:
        """The examples of a file or a bundled sample, with a note; `fit`, `measure`, `predict` take them.

        A trained model looks for the columns it was trained on.

        Raises:
            DataError: the file cannot be used.
        """
        known: dict[str, str] | None = self.facts_["columns"] if hasattr(self, "facts_") else None
        tokens, text, label = self._alphabet(), self.text or None, self.label or None
        return read(data, text=text, label=label, separator=self.separator, known=known, tokens=tokens)

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """The probability of each class, [N, classes]; of several labels each by itself.

        Raises:
            DataError: X is not of the kind of training.
        """
        check_is_fitted(self)
        inputs = code.encoded(self.inputs(X), self.facts_, self.max_length)
        with loop.evaluating(self.network_):
            return self._probabilities(self.network_, inputs).numpy()

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable label of each, [N]; of several labels a list of those that are said, [N].

        Raises:
            DataError: X is not of the kind of training.
        """
        answers = self.answers(self.predict_proba(X))
        return as_array([answer["labels" if self._several else "label"] for answer in answers])

    def answers(self, shares: npt.NDArray[np.float32]) -> list[dict[str, Any]]:
        """What is said where `predict_proba` gives `shares`, [N, classes], in plain values.

        Each is {"label": .., "probability": ..}; of several labels {"labels": [..], "probabilities": [..]}:
        those that are at least as probable as the threshold, the most probable first.
        """
        names = [from_json(value) for value in self.facts_["labels"]]
        return several.said(names, shares, self.facts_["threshold"]) if self._several else said(names, shares)

    def score(self, X: Any, y: Any = None) -> float:
        """The share of right answers; of several labels micro-F1."""
        return Estimator.score(self, X, y)

    def way(self) -> LiveTexts | LiveSeries:
        """Texts in, or steps of a sequence, classes out: for `cellwright.Stream`."""
        check_is_fitted(self)
        return LiveSeries(self) if self.facts_["kind"] == "series" else LiveTexts(self)

    def take(self, X: Any, y: Any = None) -> Examples:
        """The examples that have a label."""
        part = self.inputs(X, y)
        if part.labels is None and part.source == "":
            raise DataError("there are no labels", where="y", expected="a label each", fix="give y")
        self._several = part.several
        return part.labelled()

    def hold_out(self, part: Examples, share: float) -> tuple[Examples, Examples]:
        """Each class in proportion (an example of several counts as its rarest); one of a kind is not cut."""
        return part.split(share, self.seed)

    def folds(self, part: Examples, count: int) -> list[tuple[Examples, Examples]]:
        """Cross-validation: (rest, held out) for each of `count` parts, each class in proportion."""
        places = split_examples(len(part), part.strata(), (1 / count,) * count, self.seed)
        return [part.apart(held) for held in places]

    def learn(self, train: Examples) -> Facts:
        """The classes, and the vocabulary or the scales."""
        facts = code.label_facts(train)
        if train.kind == "series":
            return facts | code.series_facts(train.series)
        if train.kind == "sequence":
            return facts | genes.sequence_facts(
                train, together=self.kmer, positions=self.positions, both_strands=self.both_strands
            )
        found, self._pretrained = code.text_facts(
            train.texts,
            self.tokens,  # type: ignore[arg-type]
            lower=self.lower,
            min_count=self.min_count,
            max_tokens=self.max_tokens,
            pairs=self.pairs and self.cell not in self.NOT_CELLS,
            affixes=self.affixes and self.cell not in self.NOT_CELLS,
            vectors=self.vectors,
        )
        return facts | found

    def build(self, cell: Cell | None, facts: Facts) -> nn.Module:
        """The untrained network, with the weight of each class beside it."""
        self._several = "several" in facts
        members = [self._network(cell, facts) for _ in range(self.ensemble)]
        network = members[0] if len(members) == 1 else Ensemble(members, several=self._several)
        if self.both_strands and "alphabet" in facts:
            network = genes.of_both_strands(network, facts)
        counts = torch.tensor(facts["counts"], dtype=torch.float32)
        weight = several.rarity(counts, facts["several"]) if self._several else counts.mean() / counts
        if self._several and not self.balance:
            for member in members:
                several.begin_at(member, counts, facts["several"])
        network.register_buffer("class_weight", weight, persistent=False)
        return network

    def encode(self, part: Examples, facts: Facts) -> Numbers:
        """The part as numbers."""
        return Numbers(code.encoded(part, facts, self.max_length), code.encoded_labels(part, facts))

    def feed(self, coded: Numbers) -> loop.Feed:
        """Batches of similar lengths; an epoch of small data is several passes."""
        feed = Bucketed(coded.inputs, coded.labels, batch_size=self.batch_size, seed=self.seed)
        return code.Passes(feed, self.passes or code.passes(len(feed)))

    def loss(self, network: nn.Module, batch: Padded, state: loop.State | None) -> loop.Loss:
        """The cross-entropy with smoothed labels (Szegedy et al. 2016), weighted by class if `balance`.

        Of several labels the mean of each one's, without smoothing: most of them are rare.
        """
        x = batch.x
        if x.is_floating_point():
            x = varied(x, batch.lengths, noise=self.augment, warp=self.warp)
        logits = network(x, batch.lengths)
        assert batch.y is not None
        weight = network.get_buffer("class_weight") if self.balance else None
        if batch.y.is_floating_point():
            marks = batch.y.expand_as(logits)
            loss = binary_cross_entropy_with_logits(logits, marks, pos_weight=weight)
            return loop.Loss(loss, items=len(batch.y))
        y = batch.y.expand(logits.shape[:-1]).flatten()
        loss = cross_entropy(logits.flatten(0, -2), y, weight=weight, label_smoothing=self.smoothing)
        return loop.Loss(loss, items=len(batch.y))

    def reads(self, network: nn.Module, batch: Padded) -> tuple[Tensor, Tensor | None] | None:
        """The vectors of the tokens, or the series."""
        reader = within(network)
        return (reader.first(batch.x), batch.lengths) if isinstance(reader, Reader) else None

    def evaluate(self, network: nn.Module, coded: Numbers, facts: Facts) -> Scores:
        """Accuracy, macro-F1 and cross-entropy; of several labels see `several.scores`."""
        shares = self._probabilities(network, coded.inputs)
        if self._several:
            loss = binary_cross_entropy(shares, coded.labels)
            marks = shares.numpy() >= facts["threshold"]
            return several.scores(coded.labels.numpy() > 0, marks) | {"loss": float(loss)}
        right = shares[torch.arange(len(coded.labels)), coded.labels]
        scores = of_classes(coded.labels.tolist(), shares.argmax(dim=1).tolist(), facts["kind"])
        return scores | {"loss": float(-right.clamp_min(1e-12).log().mean())}

    def validate(self, network: nn.Module, coded: Numbers, facts: Facts) -> Scores:
        """As `evaluate`; of several labels at the threshold that would be chosen now."""
        return self.evaluate(network, coded, self._with_threshold(network, coded, facts))

    def settle(
        self,
        network: nn.Module,
        facts: Facts,
        cell: Cell | None,
        train: Examples,
        valid: Examples | None,
        outcome: loop.Outcome,
    ) -> tuple[nn.Module, Facts]:
        """Of several labels, the threshold that is best for the validation part; a last training if asked.

        That one is on all examples, for all epochs: a tenth of a few chooses the epoch by luck, and is missed
        in the training.
        """
        if self._several:
            coded = None if valid is None else self.encode(valid, facts)
            with loop.evaluating(network):
                facts = self._with_threshold(network, coded, facts)
        everything = train.cut_from
        if valid is None or everything is None or valid.cut_from is not everything or not self.refit:
            return network, facts
        device, kept = next(network.parameters()).device, {"threshold"} & facts.keys()
        facts = plain(self.learn(everything)) | {name: facts[name] for name in kept}
        again = self.build(cell, facts).to(device)
        loop.train(again, self.feed(self.encode(everything, facts)), self.loss, self._plan(device))
        return again, facts

    def baselines(self, train: Examples, held: Examples) -> dict[str, Scores]:
        """The most frequent class, and a linear model: on words and pairs, letters, stretched series.

        They see what the network saw: the validation part too, if it was trained once more with that.
        """
        both = train.cut_from
        seen = both if both is not None and held.cut_from is not both and self.refit else train
        return beside(seen, held)

    def examples(self, network: nn.Module, held: Examples, facts: Facts) -> dict[str, Any]:
        """The confusion matrix (of several labels a row for each), some right and some wrong predictions."""
        coded = self.encode(held, facts)
        shares = self._probabilities(network, coded.inputs)
        claimed = shares >= facts["threshold"] if self._several else shares.argmax(dim=1)

        def weighed(k: int) -> dict[str, Any]:
            return code.weighed(network, held.some([k]), facts, self.max_length)

        names = [str(from_json(value)) for value in facts["labels"]]
        return shown(held, names, coded.labels, claimed, shares, weighed)

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.text and self.text == self.label:
            yield f"text and label must be two columns, got {self.text} for both"
        if 0 < self.max_tokens < 3:
            yield f"max_tokens must be 0 or at least 3 (two tokens are special), got {self.max_tokens}"

    def _probabilities(self, network: nn.Module, inputs: Ragged) -> Tensor:
        """The probability of each class, [N, classes], in the order of the inputs, on the CPU."""
        device = next(network.parameters()).device
        batches = list(Bucketed(inputs, batch_size=TOGETHER).ordered())
        logits = torch.cat([network(b.x.to(device), b.lengths.to(device)).cpu() for b in batches])
        shares = logits.sigmoid() if self._several else logits.softmax(dim=1)
        return shares[torch.cat([batch.index for batch in batches]).argsort()]

    def _with_threshold(self, network: nn.Module, coded: Numbers | None, facts: Facts) -> Facts:
        if not self._several:
            return facts
        if coded is None:
            return facts | {"threshold": several.HALF}
        shares = self._probabilities(network, coded.inputs).numpy()
        return facts | {"threshold": several.threshold(coded.labels.numpy() > 0, shares)}

    def inputs(self, X: Any, y: Any = None) -> Examples:
        """X and y in normal form: of a trained model's kind where texts could be of two kinds."""
        part = self.read(X) if isinstance(X, Path) or (isinstance(X, str) and y is None) else normal(X, y)
        part = genes.as_sequences(part, self._alphabet())
        lost = sum(int(np.isnan(values).sum()) for values in part.series) if part.kind == "series" else 0
        if lost:
            warnings.warn(f"{lost} missing values (NaN) count as their channel's mean", stacklevel=3)
        return part

    def _alphabet(self) -> str:
        """What `tokens` says, or what training found it to be."""
        if not hasattr(self, "facts_"):
            return self.tokens
        return str(self.facts_.get("alphabet", "none"))

    def _network(self, cell: Cell | None, facts: Facts) -> nn.Module:
        text, outputs = facts["kind"] != "series", len(facts["labels"])
        if self.cell == "mlp" and cell is None:
            return self._perceptron(facts, outputs)
        first: nn.Module = self._embedding(facts) if text else nn.Identity()
        width = facts.get("width", self.embedding) if text else facts["channels"]
        if cell is None:
            if not text:
                first, width = nn.Sequential(nn.Linear(width, self.units), nn.ReLU()), self.units
            return Bag(first, width, outputs, dropout=self.dropout)
        return Reader(first, width, Layers.of(self, cell), outputs, pooling=self.pooling)

    def _embedding(self, facts: Facts) -> nn.Module:
        if "alphabet" in facts:
            return genes.reads_letters(facts, self.embedding, self.word_dropout, self.embedding_dropout)
        width = facts.get("width", self.embedding)
        made = Embedding(
            code.sizes(facts), width, hidden_words=self.word_dropout, dropout=self.embedding_dropout
        )
        if self._pretrained is not None:
            self._pretrained.put(made.tables[0].get_parameter("weight"), facts["vocabulary"]["tokens"])
        return made

    def _perceptron(self, facts: Facts, outputs: int) -> nn.Module:
        if facts["kind"] != "series":
            return CountsPerceptron(code.sizes(facts)[0], outputs, units=self.units, dropout=self.dropout)
        return StretchedPerceptron(
            facts["channels"], facts["length"], outputs, units=self.units, dropout=self.dropout
        )
