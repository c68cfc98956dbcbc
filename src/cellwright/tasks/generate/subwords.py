"""Pieces of words of a running text (byte pair encoding, Sennrich et al. 2016), nothing lost. Floor 6.

Unlike `tasks.pieces`, which is for sentences, blanks and line ends stay as they are. Learning, cutting and
look-up are Hugging Face `tokenizers`. Refuses texts without any known letter, and tampered pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import BpeTrainer

from cellwright.errors import DataError
from cellwright.tasks.generate.rows import BETWEEN, END
from cellwright.tasks.pieces import merges_of, restored
from cellwright.tasks.vocab import PAD, SHOWN_UNKNOWN, UNKNOWN, Vocabulary

SPECIAL = (PAD, UNKNOWN)
# A line's end and our marks stand alone; a word and a run of signs carry the blank before them.
_PART = rf"[\n{BETWEEN}{END}]| ?[\p{{L}}\p{{M}}\p{{N}}]+| ?[^\s\p{{L}}\p{{M}}\p{{N}}{BETWEEN}{END}]+|\s"
_CHUNK = 50_000  # characters given to the tokenizer at a time, to bound its memory


class Subwords:
    """Numbers of pieces: 0 is padding, 1 an unknown letter, then what was learnt. `decode` is exact.

    Has the face of `tasks.vocab.Vocabulary`. Frequent words are one piece with the blank before them, rare
    ones several. In scripts without blanks a piece is a frequent run of characters.

    Args:
        tokens: all pieces by number, the two special ones first.
        merges: which two pieces become one, in the order they were learnt.

    >>> pieces = Subwords.learn("low lower lowest\\n" * 9, 40)
    >>> pieces.tokens("low lowest\\n"), pieces.decode(pieces.encode("low lowest\\n"))
    (['low', ' lowest', '\\n'], 'low lowest\\n')
    """

    unit: ClassVar[str] = "piece"

    def __init__(self, tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
        if tuple(tokens[:2]) != SPECIAL or len(set(tokens)) != len(tokens):
            raise ValueError(f"pieces start with {', '.join(SPECIAL)} and are distinct")
        self._tokens, self._merges = tuple(tokens), [(a, b) for a, b in merges]
        self._numbers = {token: number for number, token in enumerate(tokens)}
        self._tokenizer = _cutter(BPE(self._numbers, self._merges, unk_token=UNKNOWN))

    @classmethod
    def learn(cls, text: str, size: int, *, min_count: int = 2) -> Subwords:
        """Learn at most `size` pieces from a text.

        Args:
            text: the training text.
            size: pieces at most; all letters that are frequent enough are kept, however many.
            min_count: how often a letter must be there to be known, and two pieces together to become one.

        Raises:
            DataError: no letter is frequent enough.
        """
        letters = sum(count >= min_count for count in Counter(text).values())
        if not letters:
            raise DataError("no letter is frequent enough", expected="a longer text", fix="lower min_count")
        tokenizer = _cutter(BPE(unk_token=UNKNOWN))
        trainer = BpeTrainer(
            vocab_size=size,
            min_frequency=min_count,
            special_tokens=list(SPECIAL),
            limit_alphabet=letters,
            show_progress=False,
        )
        tokenizer.train_from_iterator(_chunks(text), trainer)
        numbers: dict[str, int] = tokenizer.get_vocab()
        return cls(sorted(numbers, key=lambda token: numbers[token]), merges_of(tokenizer))

    def __len__(self) -> int:
        """How many pieces, the two special ones included."""
        return len(self._tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._numbers

    @property
    def all_tokens(self) -> tuple[str, ...]:
        """Every piece, by number."""
        return self._tokens

    def tokens(self, text: str) -> list[str]:
        """The pieces of `text`; an unknown letter stands as it is."""
        found = []
        for chunk in _chunks(text):
            found += [chunk[begin:end] for begin, end in self._tokenizer.encode(chunk).offsets]
        return found

    def encode(self, text: str) -> list[int]:
        """The numbers of the pieces of `text`; an unknown letter is 1."""
        encoded = self._tokenizer.encode_batch(list(_chunks(text)))
        return [number for part in encoded for number in part.ids]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of pieces, exactly; padding is left out, an unknown letter is shown as `□`."""
        shown = (SHOWN_UNKNOWN if number == 1 else self._tokens[number] for number in ids if number)
        return "".join(shown)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes: plain values that go into `model.json`."""
        merges = [list(pair) for pair in self._merges]
        return {"unit": self.unit, "tokens": list(self._tokens), "merges": merges}

    @classmethod
    def from_json(cls, facts: Any) -> Subwords:
        """The pieces that `to_json` wrote.

        Raises:
            RunError: anything else.
        """
        return restored(cls, facts)


Tokens: TypeAlias = Vocabulary | Subwords


def tokens_from_json(facts: Any) -> Tokens:
    """The tokens of a stored language model, of either kind.

    Raises:
        RunError: they cannot be trusted.
    """
    pieces = isinstance(facts, Mapping) and facts.get("unit") == Subwords.unit
    return Subwords.from_json(facts) if pieces else Vocabulary.from_json(facts)


def _cutter(model: BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = Split(Regex(_PART), behavior="isolated")
    return tokenizer


def _chunks(text: str) -> Iterator[str]:
    """Stretches of the text that can be cut apart: each ends after a line's end."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + _CHUNK) + 1 or len(text)
        yield text[begin:end]
        begin = end
