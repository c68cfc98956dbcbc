"""The letters of nucleotides and of amino acids, with those that mean one of several. Floor 6.

Numbers of letters: 0 is padding, 1 any letter at all (N, X), then the letters themselves, then those that
mean some of them (R: A or G). U counts as T. Refuses what is no letter of the alphabet, gaps and stops too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError

Ints = npt.NDArray[np.int64]

FIRST = 2  # the number of the first letter: 0 is padding, 1 any letter
AUTO = "auto"
LEAST_LETTERS = 10  # of a typical sequence, to be taken for one without being told
NEARLY_ALL, MOSTLY = 0.95, 0.75  # of the letters: of the alphabet; not codes for several


@dataclass(frozen=True)
class Alphabet:
    """Letters, and what the others mean.

    Attributes:
        name: `nucleotide` or `protein`.
        letters: each with a number of its own.
        any: the letter for any of them.
        some: letters that mean one of several.
        same: letters that count as another.
        opposite: of each letter the one that stands opposite in the other strand; empty where there is none.
    """

    name: str
    letters: str
    any: str
    some: Mapping[str, str]
    same: Mapping[str, str]
    opposite: Mapping[str, str]

    @property
    def size(self) -> int:
        """How many numbers letters can have, padding included."""
        return FIRST + len(self.letters) + len(self.some)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The number of each letter."""
        found = {self.any: 1}
        found |= {letter: k for k, letter in enumerate((*self.letters, *self.some), start=FIRST)}
        return found | {letter: found[other] for letter, other in self.same.items()}

    @cached_property
    def meanings(self) -> npt.NDArray[np.float32]:
        """How far each number means each letter, [size, letters]: rows add up to 1, that of padding to 0."""
        table = np.zeros((self.size, len(self.letters)), dtype=np.float32)
        table[1] = 1 / len(self.letters)
        table[FIRST : FIRST + len(self.letters)] = np.eye(len(self.letters))
        for letter, meant in self.some.items():
            table[self.places[letter], [self.letters.index(one) for one in meant]] = 1 / len(meant)
        return table

    @cached_property
    def other_strand(self) -> Ints:
        """The number of the letter opposite to each number, [size]; of a protein there is none.

        Raises:
            ValueError: the letters have no opposites.
        """
        if not self.opposite:
            raise ValueError(f"{self.name} letters have no other strand")
        table = np.arange(self.size)
        for letter, other in self.opposite.items():
            table[self.places[letter]] = self.places[other]
        return table

    def numbers(self, text: str) -> Ints:
        """The numbers of letters that are known to be of this alphabet, [T].

        >>> NUCLEOTIDE.numbers("acguNR").tolist()
        [2, 3, 4, 5, 1, 6]
        """
        return np.array([self.places[letter] for letter in text.upper()], dtype=np.int64)

    def checked(self, text: str, where: Callable[[int], str], *, stop: bool = True) -> str:
        """The text as it is read: in capitals, a stop at the very end of a protein left out.

        Args:
            text: letters.
            where: the place of a letter, counted from 0, for the message.
            stop: whether a protein may end in one.

        Raises:
            DataError: a letter that is not of the alphabet.
        """
        letters = "".join(letter.upper() if letter.isascii() else letter for letter in text)
        if stop and self.name == "protein":
            letters = letters.removesuffix("*")
        for k, letter in enumerate(letters):
            if letter not in self.places:
                raise DataError(
                    f"a letter that is none of the {self.name} alphabet",
                    where=where(k),
                    got=repr(text[k]),
                    expected=f"{self.letters}, {''.join(self.some)} for some of them, {self.any} for any",
                    fix=_cure(letter, self),
                )
        return letters


NUCLEOTIDE = Alphabet(
    "nucleotide",
    "ACGT",
    "N",
    {
        "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
        "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG",
    },
    {"U": "T"},
    {
        "A": "T", "C": "G", "G": "C", "T": "A", "R": "Y", "Y": "R", "K": "M", "M": "K",
        "B": "V", "V": "B", "D": "H", "H": "D",
    },
)  # fmt: skip
# Selenocysteine (U) and pyrrolysine (O) count as the amino acids they are made of: cysteine and lysine.
PROTEIN = Alphabet(
    "protein", "ACDEFGHIKLMNPQRSTVWY", "X", {"B": "DN", "Z": "EQ", "J": "IL"}, {"U": "C", "O": "K"}, {}
)
ALPHABETS: Mapping[str, Alphabet] = {one.name: one for one in (NUCLEOTIDE, PROTEIN)}


def recognised(texts: Iterable[str], *, surely: bool = False) -> Alphabet | None:
    """The alphabet that nearly all letters of the texts belong to; None where they are no such sequences.

    Args:
        texts: a column, or the records of a file.
        surely: they are sequences, of one alphabet or the other.

    >>> recognised(["ACGTTGCAACGN", "acguuacgauua"]).name, recognised(["a good film", "bad"])
    ('nucleotide', None)
    """
    held = [text for text in texts if text]
    if not held:
        return PROTEIN if surely else None
    joined = "".join(held)
    letters, total = joined.upper(), len(joined)
    if not surely and (total < LEAST_LETTERS * len(held) or any(c.isspace() for c in joined)):
        return None
    plain = sum(letters.count(letter) for letter in "ACGTUN")
    codes = sum(letters.count(letter) for letter in NUCLEOTIDE.some)
    if plain >= MOSTLY * total and (surely or plain + codes >= NEARLY_ALL * total):
        return NUCLEOTIDE
    capitals = sum(joined.count(letter) for letter in PROTEIN.letters)
    return PROTEIN if surely or capitals >= NEARLY_ALL * total else None


def _cure(letter: str, alphabet: Alphabet) -> str:
    if letter in "-.":
        return "take the gaps of an alignment out"
    if letter == "*":
        return "cut the protein at its stop"
    if alphabet is NUCLEOTIDE and letter in PROTEIN.places:
        return "mend the letter; amino acids are read with --tokens protein"
    return f"mend the letter, or write {alphabet.any}"
