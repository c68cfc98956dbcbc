"""Pieces of words (byte pair encoding, Sennrich et al. 2016): text to numbers and back. Floor 6.

Learning, cutting and look-up are Hugging Face `tokenizers`. Nothing is unknown but letters never seen.
Refuses texts without any letter, and stored pieces that were tampered with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Metaspace, Split
from tokenizers.pre_tokenizers import Sequence as InTurn
from tokenizers.trainers import BpeTrainer

from cellwright.errors import DataError, RunError

Made = TypeVar("Made")

PAD, UNKNOWN, BEGIN, END = range(4)
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
BLANK = "▁"
SHOWN_UNKNOWN = "□"
# A sign stands alone, with the blank before it; &apos; and its like, of texts cut by Moses' tools, are signs.
_SIGN = rf"{BLANK}?(?:&[a-z]+;|\p{{P}})"


class Pieces:
    """Numbers of pieces: 0 is padding, 1 an unknown letter, 2 the begin, 3 the end, then what was learnt.

    Frequent words are one piece, rare ones several; a piece that begins a word carries the blank before it,
    so that joining the pieces gives the text back, blanks between words made single.

    Args:
        tokens: all pieces by number, the four special ones first.
        merges: which two pieces become one, in the order they were learnt.

    >>> pieces = Pieces.learn(["low lower lowest", "new newer newest"], 60)
    >>> pieces.decode(pieces.encode("the newest low"))
    't□e newest low'
    """

    def __init__(self, tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
        if tuple(tokens[:4]) != SPECIAL or len(set(tokens)) != len(tokens):
            raise ValueError(f"pieces start with {', '.join(SPECIAL)} and are distinct")
        self._tokens, self._merges = tuple(tokens), [(a, b) for a, b in merges]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        self._tokenizer = _cutter(BPE(vocabulary, self._merges, unk_token=SPECIAL[UNKNOWN]))

    @classmethod
    def learn(cls, texts: Iterable[str], size: int, *, min_count: int = 2) -> Pieces:
        """Learn at most `size` pieces from texts.

        Args:
            texts: the training texts.
            size: pieces at most; all letters are kept, however many.
            min_count: how often two pieces must stand together to become one.

        Raises:
            DataError: no letter at all.
        """
        tokenizer = _cutter(BPE(unk_token=SPECIAL[UNKNOWN]))
        trainer = BpeTrainer(
            vocab_size=size, min_frequency=min_count, special_tokens=list(SPECIAL), show_progress=False
        )
        tokenizer.train_from_iterator((plain(text) for text in texts), trainer)
        numbers: dict[str, int] = tokenizer.get_vocab()
        tokens = sorted(numbers, key=lambda token: numbers[token])
        if len(tokens) <= len(SPECIAL):
            raise DataError("no letter in the texts", expected="sentences", fix="check the columns or files")
        return cls(tokens, merges_of(tokenizer))

    def __len__(self) -> int:
        return len(self._tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pieces) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(self._tokens)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without begin and end."""
        numbers: list[int] = self._tokenizer.encode(plain(text)).ids
        return numbers

    def encode_all(self, texts: Iterable[str]) -> list[list[int]]:
        """The same for many texts at once."""
        return [found.ids for found in self._tokenizer.encode_batch([plain(text) for text in texts])]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of pieces; special ones are left out, an unknown letter is shown as `□`."""
        return "".join(self.shown(numbers)).replace(BLANK, " ").strip()

    def shown(self, numbers: Iterable[int]) -> list[str]:
        """Each piece as text, its blank shown as `▁`; special ones left out."""
        kept = [int(number) for number in numbers if int(number) not in (PAD, BEGIN, END)]
        return [SHOWN_UNKNOWN if number == UNKNOWN else self._tokens[number] for number in kept]

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes: plain values that go into `model.json`."""
        return {"tokens": list(self._tokens), "merges": [list(pair) for pair in self._merges]}

    @classmethod
    def from_json(cls, facts: Any) -> Pieces:
        """The pieces that `to_json` wrote.

        Raises:
            RunError: anything else.
        """
        return restored(cls, facts)


def plain(text: str) -> str:
    """A text with single blanks between words and none around.

    >>> plain("  two   words ")
    'two words'
    """
    return " ".join(text.split())


def _cutter(model: BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    marks = Metaspace(replacement=BLANK, prepend_scheme="always")
    tokenizer.pre_tokenizer = InTurn([marks, Split(Regex(_SIGN), behavior="isolated")])
    return tokenizer


def restored(make: Callable[[Sequence[str], Sequence[tuple[str, str]]], Made], facts: Any) -> Made:
    """What `make` makes of stored tokens and merges.

    Raises:
        RunError: they were tampered with.
    """
    try:
        tokens, merges = facts["tokens"], [(str(a), str(b)) for a, b in facts["merges"]]
        if not all(isinstance(token, str) and token for token in tokens):
            raise ValueError("tokens that are no texts")
        return make(tokens, merges)
    except Exception as error:
        # The tokenizers library raises plain Exception for merges of unknown pieces.
        raise RunError(
            "pieces that cannot be trusted", where="model.json", got=error, fix="train the model again"
        ) from None


def merges_of(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """The merges, which the library gives out only with everything else."""
    return [(a, b) for a, b in json.loads(tokenizer.to_str())["model"]["merges"]]
