"""The generate task: a language model of any text, by characters or words, and what it writes. Floor 6.

Trained by truncated backpropagation through time, its state carried from chunk to chunk. Refuses texts too
short for a chunk, both directions, and prompts with tokens the model never saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from cellwright.compiler.trace import Cell
from cellwright.errors import DataError, SettingError
from cellwright.tasks.base import Estimator, Facts, Scores
from cellwright.tasks.baselines import NGram
from cellwright.tasks.data import resolve
from cellwright.tasks.data.roles import NO_COLUMN
from cellwright.tasks.data.source import Data
from cellwright.tasks.generate.live import LiveText
from cellwright.tasks.generate.network import Drops, LanguageModel
from cellwright.tasks.generate.recipes import RECIPES
from cellwright.tasks.generate.rows import END, Columns
from cellwright.tasks.generate.sampling import Sampling
from cellwright.tasks.generate.subwords import Subwords, Tokens, tokens_from_json
from cellwright.tasks.generate.text import UNITS, Codes, Reading, Text, Unit, encode, read
from cellwright.tasks.generate.write import Writer
from cellwright.tasks.metrics import bits_per_character, perplexity
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Chunk, Chunks
from cellwright.tasks.training.settings import dropping, setting, with_default
from cellwright.tasks.vocab import UNKNOWN, Vocabulary

STEPS = 50  # chunks that even a short text should give in an epoch
LONGEST = 100  # characters of a token, on average, in any text worth learning
PIECE = 1024  # steps that a score is computed over at a time
SHOWN = 400  # characters of a sample in a report; a fifth as many words
ORDERS = {"char": (1, 3, 5), "word": (1, 2, 3), "blank": (1, 2, 3), "piece": (1, 2, 3)}
WARMTHS = (0.0, 0.5, 0.8, 1.0)  # temperatures of the samples in a report


@dataclass(kw_only=True, eq=False, repr=False)
class Generator(Estimator[Text, Codes]):
    """A language model: it learns a text, says how likely another one is, and writes on.

    `fit` takes the text itself or the Path of a file. Parts are cut in order: the test part is the end of
    the text, the validation part stands before it. Tokens that are rare in the training part count as
    `<unk>`, and so does what is unknown in another part.

    >>> model = Generator(units=16, chunk=16, epochs=1, seed=1).fit("to be or not to be, " * 40, test=0.1)
    >>> sorted(model.metrics_["baselines"])
    ['3-gram', '5-gram', 'unigram']
    >>> len(model.generate("to ", length=12, seed=3))
    12
    """

    TASK = "generate"
    SCORE = "perplexity"
    BETTER = "min"
    TEST = "0.1"
    RECIPES = RECIPES

    text: str = setting("", "a table's column of texts; empty: guessed; none: the file as it stands")
    prefix: str = setting("", "columns of a table that stand before each text, commas between")
    unit: str = setting(
        "auto",
        "the tokens: characters, words, what stands between blanks, pieces of words, or chosen from the text",
        choices=("auto", "char", "word", "blank", "piece"),
    )
    min_count: int = setting(
        0, "tokens seen less often count as unknown; 0: 2, but 1 where <unk> stands in the text", min=0
    )
    vocabulary: int = setting(20_000, "tokens known at most, the most frequent ones", min=4)
    pieces: int = setting(4000, "pieces of words known at most, with unit piece", min=10)
    embedding: int = setting(0, "numbers that stand for a token; 0: as many as units", min=0)
    tied: bool = setting(False, "use the same numbers for reading a token and for writing it")
    narrow: bool = setting(False, "give the last layer the embedding's width instead of the units'")
    init_range: float = setting(0.0, "start all weights evenly within +-X; 0: as the cell has it", min=0)
    chunk: int = setting(64, "steps that a gradient reaches back", min=1)
    vary_chunk: bool = setting(False, "cut chunks of varying lengths, other ones in every epoch")
    locked: bool = setting(
        False, "drop the same values at all steps of a chunk (variational dropout)", on_resume=True
    )
    dropout_between: float = setting(
        -1.0, "dropout between layers; -1: as dropout", min=-1, max=1, exclusive="max", on_resume=True
    )
    dropout_input: float = dropping(0.0, "dropout of the token vectors")
    dropout_token: float = dropping(0.0, "share of tokens hidden in a chunk")
    dropout_weights: float = dropping(0.0, "share of the recurrent weights dropped (DropConnect)")
    penalty_size: float = setting(
        0.0, "weight of the outputs' squares in the loss (AR)", min=0, on_resume=True
    )
    penalty_change: float = setting(
        0.0, "weight of the squares of their changes over a step (TAR)", min=0, on_resume=True
    )
    units: int = with_default(Estimator, "units", 256)
    learning_rate: float = with_default(Estimator, "learning_rate", 5e-3)
    dropout: float = with_default(Estimator, "dropout", 0.1)
    epochs: int = with_default(Estimator, "epochs", 12)
    batch_size: int = with_default(Estimator, "batch_size", 32)
    valid: float = with_default(Estimator, "valid", 0.05)

    def conflicts(self) -> Iterable[str]:
        """Clauses for settings that do not go together."""
        if self.bidirectional:
            yield "bidirectional must be false: a language model must not see the tokens it is to predict"

    def read(self, data: Text | Data) -> Text:
        """The text of a file or a bundled sample, with a note about it; `fit` takes it.

        Raises:
            DataError: it cannot be used (see `generate_text.read`).
        """
        return data if isinstance(data, Text) else read(resolve(data), self._reading())

    def way(self) -> LiveText:
        """Text in, what may come next out: for `cellwright.Stream`."""
        return LiveText(self)

    def take(self, X: Any, y: Any = None) -> Text:
        """The text, checked."""
        if y is not None:
            raise DataError("a language model takes no y", fix="give the text alone")
        return read(X, self._reading())

    def _reading(self) -> Reading:
        """How files are read: by a trained model as those it was trained on."""
        unit = cast(Unit, self.unit)
        if not hasattr(self, "facts_"):
            return Reading(unit, self.text, self.prefix)
        known = Columns.from_json(self.facts_.get("columns"))
        return Reading(unit, self.text if known else NO_COLUMN, self.prefix if known else "", known)

    def hold_out(self, part: Text, share: float) -> tuple[Text, Text]:
        """Cut off the end of the text; of a table, some of its rows."""
        return part.cut(share, self.seed)

    def learn(self, train: Text) -> Facts:
        """The vocabulary of the training part, and what an empty prompt begins with."""
        least = self.min_count or (1 if UNKNOWN in train.text else 2)
        vocabulary: Tokens = (
            Subwords.learn(train.text, self.pieces, min_count=least)
            if train.unit == "piece"
            else Vocabulary.build(train.text, train.unit, min_count=least, max_size=self.vocabulary)
        )
        found = vocabulary.tokens(train.text[: LONGEST * (self.chunk + 1)])
        if len(vocabulary) < 4:
            raise DataError(
                "the training part has one known token only",
                where=train.source,
                got=repr(vocabulary.all_tokens[2]),
                expected="at least two",
                fix="bring more text, or lower min_count",
            )
        if len(found) <= self.chunk:
            raise DataError(
                "the text is too short for a chunk",
                where=train.source,
                got=f"{len(found)} {UNITS[train.unit]} to train on",
                expected=f"more than {self.chunk}",
                fix="bring more text, or lower chunk",
            )
        begin = END if train.rows else "\n" if "\n" in vocabulary else found[0]
        columns = {} if train.columns is None else {"columns": train.columns.to_json()}
        return {"vocabulary": vocabulary.to_json(), "begin": vocabulary.encode(begin)[0], **columns}

    def build(self, cell: Cell | None, facts: Facts) -> LanguageModel:
        """The untrained network."""
        vocabulary = tokens_from_json(facts["vocabulary"])
        if facts["begin"] not in range(len(vocabulary)):
            raise ValueError(f"begin is token {facts['begin']} of {len(vocabulary)}")
        network = LanguageModel(
            cast(Cell, cell),
            len(vocabulary),
            embedding=self.embedding or self.units,
            units=self.units,
            layers=self.layers,
            tied=self.tied,
            drops=self._drops(),
            narrow=self.narrow,
        )
        if self.init_range:
            for parameter in network.parameters():
                nn.init.uniform_(parameter, -self.init_range, self.init_range)
        return network

    def _drops(self) -> Drops:
        return Drops(
            output=self.dropout,
            between=self.dropout if self.dropout_between < 0 else self.dropout_between,
            input=self.dropout_input,
            token=self.dropout_token,
            weights=self.dropout_weights,
            locked=self.locked,
        )

    def encode(self, part: Text, facts: Facts) -> Codes:
        """The token numbers of the part."""
        return encode(part, tokens_from_json(facts["vocabulary"]))

    def feed(self, coded: Codes) -> Chunks:
        """Chunks in `batch_size` columns; a short text gets fewer, so that an epoch has some steps."""
        columns = max(1, min(self.batch_size, (len(coded.tokens) - 1) // (STEPS * self.chunk)))
        seed = self.seed if self.vary_chunk else None
        return Chunks(coded.tokens, batch_size=columns, length=self.chunk, vary=seed)

    def loss(self, network: nn.Module, batch: Chunk, state: loop.State | None) -> loop.Loss:
        """Nats per token; the state goes on to the next chunk."""
        model = cast(LanguageModel, network)
        mean, state = model.loss(batch.x, batch.y, state, self.penalty_size, self.penalty_change)
        # A short chunk has fewer tokens to learn from: its step is shorter by as much.
        weight = len(batch.x) / self.chunk if self.vary_chunk else 1.0
        return loop.Loss(mean * weight, items=batch.y.numel(), state=state)

    def reads(self, network: nn.Module, batch: Chunk) -> tuple[Tensor, Tensor | None] | None:
        """The vectors of the tokens."""
        return cast(LanguageModel, network).embedding(batch.x), None

    def evaluate(self, network: nn.Module, coded: Codes, facts: Facts) -> Scores:
        """Perplexity, and nats and bits, over the whole part read as one stream.

        One state is carried from the first token to the last; every token but the first is predicted. What is
        unknown counts as `<unk>` (`unknown` says how many). Bits per character spread the same nats over the
        characters of the text.
        """
        model = cast(LanguageModel, network)
        tokens = coded.tokens.to(model.embedding.weight.device)
        nats, state = 0.0, None
        for begin in range(0, len(tokens) - 1, PIECE):
            wanted = tokens[begin + 1 : begin + PIECE + 1]
            features, state = model(tokens[begin : begin + len(wanted), None], state)
            nats += float(model.nats(features, wanted)) * len(wanted)
        return _scores(nats / (len(tokens) - 1), coded)

    def baselines(self, train: Text, held: Text) -> dict[str, Scores]:
        """n-gram models of the same tokens, interpolated; each also sees only the training part."""
        facts = self.learn(train)
        known, wanted = self.encode(train, facts), self.encode(held, facts)
        size = len(facts["vocabulary"]["tokens"])
        scores = {}
        for order in ORDERS[train.unit]:
            model = NGram(known.tokens.numpy(), size, order)
            nats = -np.log(model.probabilities(wanted.tokens.numpy())[1:]).mean()
            scores["unigram" if order == 1 else f"{order}-gram"] = _scores(float(nats), wanted)
        return scores

    def examples(self, network: nn.Module, held: Text, facts: Facts) -> dict[str, Any]:
        """What it writes after the beginning of the held-out part, and what it expects along it."""
        writer = Writer(cast(LanguageModel, network), facts)
        before, after = writer.excerpt(held)
        length = SHOWN if held.unit == "char" else SHOWN // 5
        texts = [
            {
                "prompt": writer.text_of(before),
                "temperature": warmth,
                "seed": self.seed,
                "text": "".join(writer.write(before, length, Sampling(warmth, seed=self.seed))),
            }
            for warmth in WARMTHS
        ]
        return {"texts": texts, "expected_next": writer.expectations(before, after)}

    def generate(
        self,
        prompt: str = "",
        length: int = 300,
        temperature: float = 0.8,
        top_k: int | None = None,
        seed: int = 0,
        top_p: float | None = None,
        given: Mapping[str, str] | None = None,
        beam: int | None = None,
    ) -> str:
        """What follows the prompt; the prompt itself is not repeated. See `stream_text`."""
        return "".join(self.stream_text(prompt, length, temperature, top_k, seed, top_p, given, beam))

    def stream_text(
        self,
        prompt: str = "",
        length: int = 300,
        temperature: float = 0.8,
        top_k: int | None = None,
        seed: int = 0,
        top_p: float | None = None,
        given: Mapping[str, str] | None = None,
        beam: int | None = None,
    ) -> Iterator[str]:
        """The text that follows the prompt, piece by piece as it is drawn.

        A model of a table's rows stops where a row ends.

        Args:
            prompt: what to go on from; empty: as after a line's end.
            length: tokens to write (characters, or words).
            temperature: 1 writes as the model expects, less keeps to the likely, 0 takes the likeliest.
            top_k: choose among the so many likeliest tokens; None: among all.
            seed: the same seed writes the same text.
            top_p: choose among the likeliest tokens with this share together (nucleus sampling, Holtzman et
                al. 2020); None: among all.
            given: of a model of a table's rows: what stands in the columns before the text. Where the last
                ones are left out, they are written too, with a tab after each.
            beam: search for the likeliest text with so many kept at every step, instead of drawing;
                temperature and seed have no part in it then. None: draw.

        Raises:
            SettingError: a number out of range; columns that the model does not read; top_k or top_p with a
                beam.
            DataError: tokens in the prompt that the model never saw.
        """
        check_is_fitted(self)
        writer = Writer(cast(LanguageModel, self.network_), self.facts_)
        sampling, begun = Sampling(temperature, top_k, seed, top_p), writer.prompt(prompt, given)
        after_blank = prompt[-1:].isspace()
        if beam is None:
            return writer.write(begun, length, sampling, after_blank=after_blank)
        if top_k is not None or top_p is not None:
            raise SettingError("a beam searches and draws nothing", got="top_k or top_p", fix="leave it out")
        return writer.find(begun, length, beam, after_blank=after_blank)


def _scores(nats: float, coded: Codes) -> Scores:
    """All scores, for a mean loss in nats per token; those of characters and words compare any two units."""
    total = nats * (len(coded.tokens) - 1)
    of_words = {} if coded.words is None else {"word_perplexity": perplexity(total / coded.words)}
    return {
        "perplexity": perplexity(nats),
        **of_words,
        "bits_per_character": bits_per_character(total, coded.characters),
        "loss": nats,
        "unknown": coded.unknown,
    }
