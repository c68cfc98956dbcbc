"""What a network can say: letters or words by number, 0 for none of them. Floor 6.

Refuses a stored alphabet that was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from cellwright.errors import RunError

BLANK = 0
UNITS = ("letters", "words")


class Alphabet:
    """The tokens of the training texts; number 0 is the blank of CTC, which stands for nothing.

    Args:
        tokens: by number, from 1.
        unit: `letters`, the blank between words is one too, or `words`.

    >>> alphabet = Alphabet.of(["so it is"], "letters")
    >>> alphabet.encode("is it"), alphabet.decode([2, 4])
    ([2, 4, 1, 2, 5], 'is')
    """

    def __init__(self, tokens: Sequence[str], unit: str) -> None:
        self.tokens, self.unit = tuple(tokens), unit
        self._numbers = {token: number for number, token in enumerate(tokens, start=1)}

    @classmethod
    def of(cls, texts: Iterable[str], unit: str) -> Alphabet:
        """All that stands in these texts."""
        return cls(sorted({token for text in texts for token in _cut(text, unit)}), unit)

    def __len__(self) -> int:
        """How many numbers there are, 0 among them."""
        return len(self.tokens) + 1

    def encode(self, text: str) -> list[int] | None:
        """The numbers of a text; None where it has something that is not in the alphabet."""
        try:
            return [self._numbers[token] for token in _cut(text, self.unit)]
        except KeyError:
            return None

    def unknown(self, text: str) -> list[str]:
        """What a text has that is not in the alphabet."""
        return [token for token in dict.fromkeys(_cut(text, self.unit)) if token not in self._numbers]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers, without blanks around it."""
        said = [self.tokens[number - 1] for number in numbers]
        return " ".join("".join(said).split()) if self.unit == "letters" else " ".join(said)

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        return {"unit": self.unit, "tokens": list(self.tokens)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alphabet:
        """Of what `to_json` gave.

        Raises:
            RunError: it was changed.
        """
        tokens = data["tokens"]
        if data["unit"] not in UNITS or len(set(tokens)) != len(tokens):
            raise RunError(
                "an alphabet that cannot be trusted", where="model.json", fix="train the model again"
            )
        return cls(tokens, data["unit"])


def needed(numbers: Sequence[int]) -> int:
    """The steps that a text takes at least: one each, and one between two that are alike.

    >>> needed([1, 2, 2, 3])
    5
    """
    return len(numbers) + sum(a == b for a, b in pairwise(numbers))


def _cut(text: str, unit: str) -> Iterable[str]:
    return text if unit == "letters" else text.split()
