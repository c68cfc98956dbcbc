"""The answer task: a story of facts and a question in, one of the known answers out. Floor 6.

The words and the answers come from the training part alone; an answer that it never saw counts as wrong.
Refuses data without answers, and one answer only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cellwright.compiler.trace import Cell
from cellwright.errors import DataError
from cellwright.nn.attention import ATTENTIONS
from cellwright.tasks import baselines as simple
from cellwright.tasks.answer.live import LiveQuestions
from cellwright.tasks.answer.network import Answering, Asked
from cellwright.tasks.answer.read import read
from cellwright.tasks.answer.stories import Stories, normal
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.layers import Layers
from cellwright.tasks.metrics import accuracy
from cellwright.tasks.networks import UNKNOWN
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.settings import dropping, setting, with_default
from cellwright.tasks.vocab import Vocabulary

TOGETHER = 256  # questions in a batch that only predicts
SHOWN = 6  # right and wrong answers in a report, each
UNSEEN = -1


@dataclass(frozen=True)
class Numbers:
    """A part as numbers: words of stories, ends of facts, words of questions, answers [N]."""

    stories: Ragged
    ends: Ragged
    questions: Ragged
    answers: Tensor

    def asked(self, batch: Padded) -> Asked:
        """A batch of stories with what was asked of them."""
        ends, counts = self.ends.pad(batch.index)
        question, asked = self.questions.pad(batch.index)
        y = self.answers[batch.index]
        return Asked(batch.x, batch.lengths, ends, counts, question, asked, y, batch.index)


class Questions:
    """A feed of stories of similar length, each with its question."""

    def __init__(self, coded: Numbers, batch_size: int, seed: int = 0) -> None:
        self.coded, self.inner = coded, Bucketed(coded.stories, batch_size=batch_size, seed=seed)

    def __len__(self) -> int:
        return len(self.inner)

    def epoch(self, number: int, start: int = 0) -> Iterator[Asked]:
        """The batches of one epoch from batch `start` on."""
        return map(self.coded.asked, self.inner.epoch(number, start))

    def ordered(self) -> Iterator[Asked]:
        """All examples once, the same every time."""
        return map(self.coded.asked, self.inner.ordered())


@dataclass(kw_only=True, eq=False, repr=False)
class Answerer(Estimator[Stories, Numbers]):
    """Answers to questions about stories: an encoder of story and question, attention over the facts.

    `fit` takes X as pairs (story, question), where a story is a text or a list of facts, and y as answers; or
    what `read` gave; or the path of a file. An answer is one of those that stood in the training part.

    >>> X = [(f"Ann is in the {a}. Bob is in the {b}.", "Where is Ann?") for a in "xyz" for b in "xyz"] * 6
    >>> y = [story[14] for story, _ in X]
    >>> model = Answerer(units=16, embedding=16, epochs=25, valid=0, learning_rate=0.02, dropout=0.0)
    >>> model.fit(X, y).predict([("Ann is in the y. Bob is in the z.", "Where is Ann?")])
    ['y']
    """

    TASK = "answer"
    SCORE = "accuracy"
    BETTER = "max"

    story: str = setting("", "the column of the stories; empty: guessed")
    question: str = setting("", "the column of the questions; empty: guessed")
    answer: str = setting("", "the column of the answers; empty: guessed")
    lower: bool = setting(True, "take capital letters for small ones")
    min_count: int = setting(1, "take words seen less often for unknown ones", min=1)
    max_length: int = setting(1000, "words of a story that are read, the last ones", min=1)
    embedding: int = setting(64, "size of the vector of a word", min=1)
    attention: str = setting("multiplicative", "how a question looks at the facts", choices=tuple(ATTENTIONS))
    looks: int = setting(3, "times that it looks, each time with what it found", min=1)
    word_dropout: float = dropping(0.0, "share of words hidden in training")
    cell: str | Cell = with_default(Estimator, "cell", "gru")
    units: int = with_default(Estimator, "units", 64)
    dropout: float = with_default(Estimator, "dropout", 0.1)
    learning_rate: float = with_default(Estimator, "learning_rate", 2e-3)
    epochs: int = with_default(Estimator, "epochs", 40)
    patience: int = with_default(Estimator, "patience", 12)

    def read(self, data: Any) -> Stories:
        """The stories of a file, with a note.

        Raises:
            DataError: the file cannot be used.
        """
        if isinstance(data, Stories):
            return data
        known: dict[str, str] | None = self.facts_["columns"] if hasattr(self, "facts_") else None
        return read(data, story=self.story, question=self.question, answer=self.answer, known=known)

    def predict(self, X: Any) -> list[str]:
        """The answer to each.

        Raises:
            DataError: no pairs of story and question; an example without a fact or a question.
        """
        return [str(self.facts_["answers"][k]) for k in self._logits(X).argmax(1).tolist()]

    def predict_proba(self, X: Any) -> Any:
        """The probability of each known answer, [N, answers], in the order of `classes_`."""
        return self._logits(X).softmax(1).numpy()

    @property
    def classes_(self) -> list[str]:
        """The known answers."""
        check_is_fitted(self)
        return list(self.facts_["answers"])

    def way(self) -> LiveQuestions:
        """A story with a question in, the answer out: for `cellwright.Stream`."""
        check_is_fitted(self)
        return LiveQuestions(self)

    def take(self, X: Any, y: Any = None) -> Stories:
        """The examples with story, question and answer."""
        return self._stories(X, y).whole()

    def hold_out(self, part: Stories, share: float) -> tuple[Stories, Stories]:
        """By stories: all questions about one lie together."""
        return part.split(share, self.seed)

    def learn(self, train: Stories) -> Facts:
        """The words and the answers."""
        counts = Counter(train.known())
        if len(counts) < 2:
            got = next(iter(counts))
            raise DataError("one answer only", where=train.place, got=got, expected="at least two")
        texts = [*(" ".join(facts) for facts in train.facts), *train.questions]
        vocabulary = Vocabulary.build(texts, "word", lower=self.lower, min_count=self.min_count)
        return {
            "vocabulary": vocabulary.to_json(),
            "answers": sorted(counts),
            "columns": dict(train.columns),
        }

    def build(self, cell: Cell | None, facts: Facts) -> Answering:
        """The untrained network."""
        return Answering(
            Layers.of(self, cast(Cell, cell)),
            len(facts["vocabulary"]["tokens"]),
            len(facts["answers"]),
            embedding=self.embedding,
            attention=self.attention,
            looks=self.looks,
            hidden_words=self.word_dropout,
        )

    def encode(self, part: Stories, facts: Facts) -> Numbers:
        """The numbers of words, the ends of facts, the numbers of answers."""
        places = {answer: k for k, answer in enumerate(facts["answers"])}
        wanted = part.answers or [""] * len(part)
        answers = torch.tensor([places.get(answer, UNSEEN) for answer in wanted])
        vocabulary = Vocabulary.from_json(facts["vocabulary"])
        coded = [_story(vocabulary, told, self.max_length) for told in part.facts]
        questions = [vocabulary.encode(text) or [UNKNOWN] for text in part.questions]
        return Numbers(
            Ragged([words for words, _ in coded]),
            Ragged([ends for _, ends in coded]),
            Ragged(questions),
            answers,
        )

    def feed(self, coded: Numbers) -> Questions:
        """Batches of stories of similar length."""
        return Questions(coded, self.batch_size, self.seed)

    def loss(self, network: nn.Module, batch: Asked, state: loop.State | None) -> loop.Loss:
        """The cross-entropy of the answers."""
        logits, _ = network(batch)
        return loop.Loss(cross_entropy(logits, batch.y), items=len(batch.y))

    def reads(self, network: nn.Module, batch: Asked) -> tuple[Tensor, Tensor | None] | None:
        """The vectors of the facts' words."""
        return cast(Answering, network).reads(batch)

    def evaluate(self, network: nn.Module, coded: Numbers, facts: Facts) -> Scores:
        """Accuracy; the cross-entropy of the answers that training has seen, and how many it has not."""
        logits, _ = _told(cast(Answering, network), coded)
        right = logits.argmax(1) == coded.answers
        seen = coded.answers != UNSEEN
        scores = {"accuracy": float(right.float().mean()), "unseen": float((~seen).sum())}
        loss = cross_entropy(logits[seen], coded.answers[seen]) if seen.any() else logits.new_zeros(())
        return scores | {"loss": float(loss)}

    def baselines(self, train: Stories, held: Stories) -> dict[str, Scores]:
        """The usual answer; the known answer the story mentions last; a linear model on words."""
        known, truth = train.known(), held.known()
        usual = simple.majority(known, truth)
        texts = [[" ".join([*told, asked]) for told, asked in _rows(part)] for part in (train, held)]
        said = {
            "majority": usual,
            "last_mentioned": _last_mentioned(held, set(known), usual),
            "linear": simple.linear_text(texts[0], known, texts[1]),
        }
        return {name: {"accuracy": accuracy(truth, answers)} for name, answers in said.items()}

    def examples(self, network: nn.Module, held: Stories, facts: Facts) -> dict[str, Any]:
        """Some wrong and some right answers, with the facts that were looked at."""
        coded = self.encode(held, facts)
        logits, seen = _told(cast(Answering, network), coded)
        said = [str(facts["answers"][k]) for k in logits.argmax(1).tolist()]
        chosen: list[int] = []
        for wanted in (False, True):
            rows = zip(said, held.known(), strict=True)
            places = [k for k, (one, other) in enumerate(rows) if (one == other) == wanted]
            chosen += places[:: max(1, len(places) // SHOWN)][:SHOWN]
        return {"looked_at": [self._shown(held, k, said[k], seen[k]) for k in chosen]}

    def _shown(self, held: Stories, k: int, said: str, seen: Tensor) -> dict[str, Any]:
        kept = seen.shape[1]
        told = list(held.facts[k])[-kept:] if kept else []
        return {
            "question": held.questions[k],
            "truth": held.known()[k],
            "said": said,
            "facts": told,
            "looks": [[round(float(share), 3) for share in row[: len(told)]] for row in seen],
        }

    def _stories(self, X: Any, y: Any = None) -> Stories:
        return self.read(X) if isinstance(X, (str, Path)) and y is None else normal(X, y)

    def _logits(self, X: Any) -> Tensor:
        check_is_fitted(self)
        part = self._stories(X)
        bare = next((k for k, (told, asked) in enumerate(_rows(part)) if not told or not asked.strip()), None)
        if bare is not None:
            raise DataError(
                "an example without a fact or a question",
                where=f"{part.place or 'X'}, example {bare + 1}",
                expected="at least one fact, and a question",
            )
        with loop.evaluating(self.network_):
            return _told(cast(Answering, self.network_), self.encode(part, self.facts_))[0]


def _rows(part: Stories) -> list[tuple[Sequence[str], str]]:
    return list(zip(part.facts, part.questions, strict=True))


def _story(vocabulary: Vocabulary, told: Sequence[str], longest: int) -> tuple[list[int], list[int]]:
    """The numbers of a story's words and the places of its facts' last ones; whole facts, the last ones."""
    words: list[int] = []
    ends: list[int] = []
    kept: list[list[int]] = []
    for fact in reversed(told):
        numbers = vocabulary.encode(fact) or [UNKNOWN]
        if kept and sum(map(len, kept)) + len(numbers) > longest:
            break
        kept.append(numbers[-longest:])
    for numbers in reversed(kept):
        words += numbers
        ends.append(len(words) - 1)
    return words or [UNKNOWN], ends or [0]


def _told(network: Answering, coded: Numbers) -> tuple[Tensor, list[Tensor]]:
    """Logits [N, answers], and for each example where its looks went, [looks, F], in the data's order."""
    device = next(network.parameters()).device
    logits, seen, places = [], [], []
    for batch in Questions(coded, TOGETHER).ordered():
        found, weights = network(batch.to(device))
        logits.append(found.cpu())
        seen += [weights[:, k, :count].cpu() for k, count in enumerate(batch.counts.tolist())]
        places.append(batch.index)
    order = torch.cat(places).argsort()
    return torch.cat(logits)[order], [seen[k] for k in order.tolist()]


def _last_mentioned(part: Stories, answers: set[str], usual: Sequence[str]) -> list[str]:
    """The known answer that is a word of the story and stands last in it; else the usual one."""
    words = [" ".join(told).replace(".", " ").split() for told in part.facts]
    return [
        next((word for word in reversed(story) if word in answers), other)
        for story, other in zip(words, usual, strict=True)
    ]
