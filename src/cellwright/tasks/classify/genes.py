"""Genes and proteins to classify: recognised, checked, as numbers, and what reads them. Floor 6.

Refuses letters outside the alphabet (file, line, column), sequences of another alphabet or, where places
count, another length than in training, and the other strand of a protein.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from cellwright.errors import DataError, SettingError
from cellwright.tasks import baselines as simple
from cellwright.tasks.alphabet import ALPHABETS, AUTO, Alphabet, recognised
from cellwright.tasks.classify.examples import Examples
from cellwright.tasks.networks import UNKNOWN
from cellwright.tasks.strands import BothStrands, Letters, one_length
from cellwright.tasks.training.batches import Ragged

Facts = dict[str, Any]
Where = Callable[[int, int], str]  # of a letter: example and letter, both from 0

TOKENS = (AUTO, *ALPHABETS)
MOST_TOGETHER = 4**8  # different words of k letters


def as_sequences(
    part: Examples, tokens: str, where: Where | None = None, *, surely: bool = False
) -> Examples:
    """Texts that are genes or proteins, with every letter checked; other texts as they are.

    Args:
        part: texts.
        tokens: the name of an alphabet; `auto` recognises one; anything else wants texts.
        where: the place of a letter, for messages.
        surely: they come from a FASTA file: one alphabet or the other.

    Raises:
        DataError: a letter outside the alphabet.
    """
    if part.kind != "text" or tokens not in TOKENS:
        return part
    texts = [text.strip() for text in part.texts]
    alphabet = recognised(texts, surely=surely) if tokens == AUTO else ALPHABETS[tokens]
    if alphabet is None:
        return part
    place = where or _in_memory
    inputs = [alphabet.checked(text, partial(place, k)) for k, text in enumerate(texts)]
    guessed = " (guessed; set --tokens)" if tokens == AUTO else ""
    note = part.note.replace(" texts, ", f" {alphabet.name} sequences{guessed}, ", 1)
    return replace(part, kind="sequence", inputs=inputs, alphabet=alphabet.name, note=note)


def sequence_facts(part: Examples, *, together: int, positions: bool, both_strands: bool) -> Facts:
    """The alphabet, the letters read together, and the length where all have one and places shall count.

    Raises:
        SettingError: both strands of proteins; more letters together than a vector can be learnt for.
    """
    alphabet = ALPHABETS[part.alphabet]
    if both_strands and not alphabet.opposite:
        raise SettingError("both_strands is for nucleotides", got=f"{alphabet.name} sequences")
    if len(alphabet.letters) ** together > MOST_TOGETHER:
        most = max(k for k in range(1, 99) if len(alphabet.letters) ** k <= MOST_TOGETHER)
        raise SettingError(
            f"kmer must be at most {most} for {alphabet.name} sequences", where="kmer", got=together
        )
    length = one_length(part.texts) if positions and not both_strands else 0
    return {"alphabet": alphabet.name, "together": together, "length": length}


def encoded(part: Examples, facts: Facts) -> Ragged:
    """Numbers of letters, [T] each; of an empty sequence, any letter once.

    Raises:
        DataError: another alphabet, or another length where places count.
    """
    alphabet = ALPHABETS[facts["alphabet"]]
    if part.alphabet != alphabet.name:
        raise DataError("another alphabet than in training", got=part.alphabet, expected=alphabet.name)
    for number, text in enumerate(part.texts, start=1):
        if facts["length"] and len(text) != facts["length"]:
            raise DataError(
                "another length than in training, where places count",
                where=f"{part.source or 'X'}, example {number}",
                got=f"{len(text)} letters",
                expected=facts["length"],
                fix="cut windows of that length, or train with --no-positions",
            )
    rows = (alphabet.numbers(text) for text in part.texts)
    return Ragged([row if len(row) else np.array([UNKNOWN]) for row in rows])


def reads_letters(facts: Facts, width: int, hidden: float, dropout: float) -> Letters:
    """The first module of a network: letters to vectors."""
    return Letters(
        ALPHABETS[facts["alphabet"]],
        width,
        together=facts["together"],
        places=facts["length"],
        hidden=hidden,
        dropout=dropout,
    )


def of_both_strands(network: nn.Module, facts: Facts) -> BothStrands:
    """The network, to which a sequence and its reverse complement are the same."""
    return BothStrands(network, ALPHABETS[facts["alphabet"]], several="several" in facts)


def linear(train: Examples, labels: simple.Said, held: Examples) -> simple.Said:
    """A linear model of which letter stands where, or of words of up to four letters where lengths differ."""
    alphabet = ALPHABETS[train.alphabet]
    if one_length([*train.texts, *held.texts]):
        return simple.linear_places(_places(train, alphabet), labels, _places(held, alphabet))
    return simple.linear_letters(train.texts, labels, held.texts)


def _in_memory(example: int, letter: int) -> str:
    return f"X, example {example + 1}, letter {letter + 1}"


def _places(part: Examples, alphabet: Alphabet) -> simple.Floats:
    """How far each letter stands at each place, [N, T * letters]."""
    rows = [alphabet.meanings[alphabet.numbers(text)].ravel() for text in part.texts]
    return np.stack(rows).astype(np.float64)
