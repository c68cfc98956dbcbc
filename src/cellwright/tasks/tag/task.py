"""The tag task: a tag for every token, and an intent for the sentence where the data have one. Floor 6.

Refuses tags that their scheme forbids (file and line), uneven columns, and one tag only.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.errors import DataError
from cellwright.nn import CRF
from cellwright.tasks.alphabet import ALPHABETS
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.layers import Layers
from cellwright.tasks.metrics import accuracy, confusion
from cellwright.tasks.tag import code, score
from cellwright.tasks.tag import scheme as schemes
from cellwright.tasks.tag.code import Batch, Coded, Sides
from cellwright.tasks.tag.live import LiveSentences
from cellwright.tasks.tag.network import TagEnsemble, TagNetwork
from cellwright.tasks.tag.read import Wanted, read
from cellwright.tasks.tag.recipes import RECIPES
from cellwright.tasks.tag.sentences import Sentences, normal
from cellwright.tasks.tag.simple import NEAR, linear_tags, most_frequent
from cellwright.tasks.training import loop
from cellwright.tasks.training.settings import dropping, setting, with_default
from cellwright.tasks.vectors import Vectors, read_vectors

Network = TagNetwork | TagEnsemble
TOGETHER = 64  # sentences in a batch that only predicts
ROOM = 4_000_000  # numbers in such a batch that the search for the best path may take
SHOWN = 10  # sentences in a report, with mistakes and without


@dataclass(frozen=True)
class Answers:
    """Tags of every sentence in the scheme of the data, how probable each is; intents."""

    tags: list[list[str]]
    sure: list[list[float]] = field(default_factory=list)
    intents: list[str] | None = None


@dataclass(kw_only=True, eq=False, repr=False)
class Tagger(Estimator[Sentences, Coded]):
    """Tags of tokens: chunks, names, slots with an intent (any IOB, BIOES, BMES, BILOU), parts of speech.

    `fit` takes X as sentences (lists of tokens) with y as lists of tags; or what `read` gave; or the path of
    a file alone. Words and their characters are read by recurrent layers, the tags are chosen together by a
    conditional random field (`cellwright.nn.CRF`) that forbids what the scheme forbids.

    >>> X = [["we", "fly", "to", "Rome"], ["Rome", "it", "is"], ["not", "Bern"]] * 10
    >>> y = [["O", "O", "O", "B-CITY"], ["B-CITY", "O", "O"], ["O", "B-CITY"]] * 10
    >>> model = Tagger(units=8, embedding=8, character_units=4, epochs=6, learning_rate=0.02).fit(X, y)
    >>> model.predict([["to", "Bern"]])
    [['O', 'B-CITY']]
    """

    TASK = "tag"
    SCORE = "f1"
    BETTER = "max"
    RECIPES = RECIPES

    text: str = setting(
        "", "the column of the tokens: a number from 1 or, in CoNLL-U, a name; empty: guessed"
    )
    label: str = setting("", "the column of the tags; none: no column; empty: guessed")
    features: str = setting("", "further columns that the network reads, separated by commas")
    tokens: str = setting(
        "auto",
        "letters of the sequences of a table or FASTA; auto recognises them",
        choices=("auto", "any", *ALPHABETS),
    )
    scheme: str = setting(
        "auto", "how tags mark chunks; none: they do not", choices=("auto", *schemes.SCHEMES, schemes.NONE)
    )
    illegal: str = setting(
        "refuse",
        "tags that the scheme forbids: refuse them, or read what was meant",
        choices=("refuse", "mend"),
    )
    crf: bool = setting(True, "learn which tag follows which, and choose all tags of a sentence together")
    lower: bool = setting(True, "take capital letters of words for small ones (characters keep them)")
    min_count: int = setting(2, "take words seen less often for unknown ones", min=1)
    max_tokens: int = setting(30_000, "words in the vocabulary at most; 0: no limit", min=0)
    pairs: bool = setting(True, "of tokens of one character, read each with the one before it too")
    embedding: int = setting(128, "size of the vector of a word", min=1)
    vectors: str = setting("", "a file of pretrained word vectors (GloVe's or fastText's text form)")
    window: int = setting(0, "tokens on either side that each step reads beside its own", min=0)
    character_units: int = setting(32, "units, in each direction, that read the characters; 0: none", min=0)
    word_dropout: float = dropping(0.05, "share of words hidden in training")
    ensemble: int = setting(1, "networks of different beginnings that are averaged", min=1)
    units: int = with_default(Estimator, "units", 128)
    bidirectional: bool = with_default(Estimator, "bidirectional", True)
    dropout: float = with_default(Estimator, "dropout", 0.5)
    epochs: int = with_default(Estimator, "epochs", 15)
    batch_size: int = with_default(Estimator, "batch_size", 16)

    _pretrained: Vectors | None = field(init=False, default=None)

    def read(self, data: Any) -> Sentences:
        """The sentences of a file, with a note; `fit`, `measure` and `predict` take them.

        A trained model looks for the columns it was trained on, and needs no tags.

        Raises:
            DataError: the file cannot be used (see `tag.read`).
        """
        if isinstance(data, Sentences):
            return data
        known = self.facts_["columns"] if hasattr(self, "facts_") else None
        columns = tuple(name.strip() for name in self.features.split(",") if name.strip())
        return self._schemed(read(data, Wanted(self.text, self.label, columns, known, self.tokens)))

    def take(self, X: Any, y: Any = None, intents: Any = None) -> Sentences:
        """Sentences with tags, the tags legal in their scheme."""
        part = self._inputs(X, y)
        part.known()
        return part

    def hold_out(self, part: Sentences, share: float) -> tuple[Sentences, Sentences]:
        """Some sentences, by chance."""
        return part.split(share, self.seed)

    def learn(self, train: Sentences) -> Facts:
        """The vocabularies and the tags."""
        facts = code.facts_of(
            train,
            lower=self.lower,
            min_count=self.min_count,
            max_tokens=self.max_tokens,
            pairs=self.pairs,
        )
        self._pretrained = None
        if self.vectors:
            found = read_vectors(
                self.vectors, set(facts["words"]), self.max_tokens, lambda word: code.word(word, self.lower)
            )
            self._pretrained = found
            facts |= {"words": [*dict.fromkeys((*facts["words"], *found.words))], "width": found.width}
        return facts

    def build(self, cell: Cell | None, facts: Facts) -> TagNetwork | TagEnsemble:
        """The untrained network."""
        members = [self._network(cast(Cell, cell), facts) for _ in range(self.ensemble)]
        return members[0] if len(members) == 1 else TagEnsemble(members)

    def encode(self, part: Sentences, facts: Facts) -> Coded:
        """The part as numbers; tags that training has not seen are said."""
        coded = code.encoded(part, facts)
        if coded.tags is not None:
            self._say_unseen(part, facts)
        return coded

    def feed(self, coded: Coded) -> loop.Feed:
        """Batches of similar lengths."""
        return Sides(coded, batch_size=self.batch_size, seed=self.seed)

    def loss(self, network: nn.Module, batch: Batch, state: loop.State | None) -> loop.Loss:
        """Nats per token, and those of the intent per sentence."""
        tagging, about, count = cast(Network, network).nats(batch)
        mean = tagging / max(1, count)
        return loop.Loss(mean if about is None else mean + about / len(batch.lengths), items=count)

    def reads(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor | None] | None:
        """The vectors of the tokens."""
        return cast(Network, network).first(batch), batch.lengths

    def evaluate(self, network: nn.Module, coded: Coded, facts: Facts) -> Scores:
        """F1 of whole chunks (of plain tags the accuracy), accuracy of tags and intents, nats a token."""
        model, lost, tokens = cast(Network, network), 0.0, 0
        for batch in _batches(coded, facts, model):
            tagging, _, count = model.nats(batch)
            lost, tokens = lost + float(tagging), tokens + count
        said = self._answers(model, coded, facts, sure=False)
        assert coded.truth is not None
        found = score.scores(coded.truth, said.tags, facts["scheme"])
        if coded.intents is not None and said.intents is not None:
            names = [facts["intents"][k] if k >= 0 else "" for k in coded.intents.tolist()]
            found["intent_accuracy"] = accuracy(names, said.intents)
        return found | {"loss": lost / max(1, tokens)}

    def baselines(self, train: Sentences, held: Sentences) -> dict[str, Scores]:
        """Each word's most frequent tag; a linear model of each token, its neighbours and its ending."""
        tags = Sentences(train.tokens, tuple(map(tuple, code.learnt_tags(train))), train.features)
        answers = {
            "most_frequent": most_frequent(tags, held),
            "linear": linear_tags(tags, held, max(NEAR, self.window)),
        }
        return {
            name: score.scores(held.known(), [code.answered(row, train.scheme) for row in rows], train.scheme)
            for name, rows in answers.items()
        }

    def examples(self, network: nn.Module, held: Sentences, facts: Facts) -> dict[str, Any]:
        """Each type of chunk by itself (or what is taken for what), and sentences, some with mistakes."""
        said = self._answers(network, code.encoded(held, facts), facts)
        truth = held.known()
        wrong = [k for k, tags in enumerate(truth) if list(tags) != said.tags[k]]
        right = [k for k, tags in enumerate(truth) if list(tags) == said.tags[k]]
        chosen = [
            *wrong[:: max(1, len(wrong) // SHOWN)][:SHOWN],
            *right[:: max(1, len(right) // SHOWN)][:SHOWN],
        ]
        shown = [
            {"tokens": list(held.tokens[k]), "truth": list(truth[k]), "said": said.tags[k]}
            | (
                {"intent": held.intents[k], "said_intent": said.intents[k]}
                if held.intents and said.intents
                else {}
            )
            for k in chosen
        ]
        if facts["scheme"] != schemes.NONE:
            counts = score.counted(truth, said.tags)
            rows = [{"type": kind, "right": r, "said": s, "true": t} for kind, (r, s, t) in counts.items()]
            return {"chunks": rows, "tagged": shown}
        true, claimed = ([tag for tags in rows for tag in tags] for rows in (truth, said.tags))
        labels = sorted({*true, *claimed})
        matrix = confusion(true, claimed, labels).tolist()
        return {"confusion": {"labels": labels, "matrix": matrix}, "tagged": shown}

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.text and self.text == self.label:
            yield f"text and label must be two columns, got {self.text} for both"

    def answers(self, X: Any) -> Answers:
        """The tags of each sentence, how probable each is, and the intents where the model knows any.

        Raises:
            DataError: X cannot be used.
        """
        check_is_fitted(self)
        part = self._inputs(X)
        coded = code.encoded(Sentences(part.tokens, features=part.features, source=part.source), self.facts_)
        with loop.evaluating(self.network_):
            return self._answers(self.network_, coded, self.facts_)

    def predict(self, X: Any) -> list[list[str]]:
        """The most probable legal tags of each sentence.

        Raises:
            DataError: X cannot be used.
        """
        return self.answers(X).tags

    def predict_intents(self, X: Any) -> list[str]:
        """What each sentence is about.

        Raises:
            DataError: X cannot be used, or training had no intents.
        """
        found = self.answers(X).intents
        if found is None:
            raise DataError("the model knows no intents", fix="train on data that have one for each sentence")
        return found

    def way(self) -> LiveSentences:
        """Sentences in, tags out: for `cellwright.Stream`."""
        check_is_fitted(self)
        return LiveSentences(self)

    def _inputs(self, X: Any, y: Any = None) -> Sentences:
        if isinstance(X, Path) or (isinstance(X, str) and y is None):
            return self.read(X)
        return X if isinstance(X, Sentences) and y is None else self._schemed(normal(X, y))

    def _network(self, cell: Cell, facts: Facts) -> TagNetwork:
        tags = facts["tags"]
        masks = (None, None, None)
        if facts["scheme"] != schemes.NONE:
            masks = tuple(torch.tensor(mask) for mask in schemes.legal(tags))  # type: ignore[assignment]
        characters = facts["characters"] if self.character_units else []
        network = TagNetwork(
            Layers.of(self, cell),
            code.sizes(facts),
            len(characters) + code.SPECIAL if characters else 0,
            [len(values) + code.SPECIAL for values in facts["features"].values()],
            CRF(len(tags), *masks),
            crf=self.crf,
            intents=len(facts["intents"]),
            embedding=facts.get("width", self.embedding),
            character_units=self.character_units,
            hidden_words=self.word_dropout,
            window=self.window,
        )
        if self._pretrained is not None:
            table = network.words.tables[0].get_parameter("weight")
            self._pretrained.put(table[code.SPECIAL :], facts["words"])
        return network

    def _schemed(self, part: Sentences) -> Sentences:
        wanted = self.facts_["scheme"] if hasattr(self, "facts_") else self.scheme
        if self.illegal == "refuse":
            return part.in_scheme(wanted)
        mended, changed = part.mended(wanted)
        if changed:
            warnings.warn(f"{changed} tags that are not legal were read as what was meant", stacklevel=4)
        return mended

    def _say_unseen(self, part: Sentences, facts: Facts) -> None:
        known, unseen = set(facts["tags"]), set()
        for own, learnt in zip(part.known(), code.learnt_tags(part), strict=True):
            unseen |= {tag for tag, as_learnt in zip(own, learnt, strict=True) if as_learnt not in known}
        if unseen:
            named = ", ".join(sorted(unseen)[:5]) + (", ..." if len(unseen) > 5 else "")
            warnings.warn(
                f"{len(unseen)} tags that training has not seen count as missed: {named}", stacklevel=3
            )

    def _answers(self, network: nn.Module, coded: Coded, facts: Facts, *, sure: bool = True) -> Answers:
        model, names = cast(Network, network), facts["tags"]
        tags: dict[int, list[str]] = {}
        shares: dict[int, list[float]] = {}
        about: dict[int, str] = {}
        for batch in _batches(coded, facts, model):
            found, probable, intents = model.answer(batch, sure=sure)
            best = None if intents is None else intents.argmax(-1).tolist()
            for b, (k, n) in enumerate(zip(batch.index.tolist(), batch.lengths.tolist(), strict=True)):
                tags[k] = code.answered([names[tag] for tag in found[:n, b].tolist()], facts["scheme"])
                if probable is not None:
                    shares[k] = [round(share, 4) for share in probable[:n, b].tolist()]
                if best is not None:
                    about[k] = facts["intents"][best[b]]
        order = range(len(tags))
        return Answers(
            [tags[k] for k in order],
            [shares[k] for k in order] if shares else [],
            [about[k] for k in order] if about else None,
        )


def _batches(coded: Coded, facts: Facts, network: nn.Module) -> Iterator[Batch]:
    """All sentences once, on the network's device, as many together as there is room for paths."""
    together = max(1, min(TOGETHER, ROOM // len(facts["tags"]) ** 2))
    device = next(network.parameters()).device
    for batch in Sides(coded, batch_size=together).ordered():
        yield batch.to(device)


def rows(tokens: Sequence[Sequence[str]], found: Answers) -> list[dict[str, Any]]:
    """A row for each token: the number of its sentence, the token, its tag, how probable that is."""
    given = []
    for k, (words, tags, sure) in enumerate(zip(tokens, found.tags, found.sure, strict=True)):
        about = {} if found.intents is None else {"intent": found.intents[k]}
        given += [
            {"sentence": k + 1, "token": token, "tag": tag, "probability": share, **about}
            for token, tag, share in zip(words, tags, sure, strict=True)
        ]
    return given
