"""Letters: what each means, what stands opposite, what is recognised, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.errors import DataError
from cellwright.tasks.alphabet import ALPHABETS, NUCLEOTIDE, PROTEIN, recognised


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
def test_every_letter_means_some_letters(alphabet) -> None:
    assert alphabet.meanings.shape == (alphabet.size, len(alphabet.letters))
    assert alphabet.meanings.sum(axis=1).tolist() == pytest.approx([0, *[1] * (alphabet.size - 1)])
    assert sorted(set(alphabet.places.values())) == list(range(1, alphabet.size))


def test_the_other_strand() -> None:
    """Of every code the letters opposite to those it means; twice opposite is the letter itself."""
    table = NUCLEOTIDE.other_strand
    assert (table[table] == np.arange(NUCLEOTIDE.size)).all()
    swapped = NUCLEOTIDE.meanings[:, ["ACGT".index(letter) for letter in "TGCA"]]
    assert np.array_equal(NUCLEOTIDE.meanings[table], swapped)
    with pytest.raises(ValueError, match="no other strand"):
        _ = PROTEIN.other_strand


def test_letters_that_count_as_another() -> None:
    assert NUCLEOTIDE.numbers("ACGU").tolist() == NUCLEOTIDE.numbers("acgt").tolist()
    assert PROTEIN.numbers("UO").tolist() == PROTEIN.numbers("CK").tolist()
    assert PROTEIN.checked("MKV*", str) == "MKV"


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["ACGTACGTNNRY", "acguacguacgu"], "nucleotide"),
        (["MKVLAAGIVGLCAKMKVLAAGX"], "protein"),
        (["ACGTACGTAC1TACGTACGTACGT"], "nucleotide"),
        (["ACGT"], None),
        (["a good film, isn't it"], None),
        (["WONDERFUL FILM INDEED"], None),
        (["我爱中国我爱中国我爱中国"], None),
        (["", ""], None),
    ],
)
def test_recognised(texts: list[str], name: str | None) -> None:
    found = recognised(texts)
    assert (None if found is None else found.name) == name


def test_records_are_of_one_alphabet_or_the_other() -> None:
    for text, name in (("ACGT-A", "nucleotide"), ("MK", "protein"), ("", "protein")):
        found = recognised([text], surely=True)
        assert found is not None and found.name == name


@pytest.mark.parametrize(
    ("alphabet", "text", "said"),
    [
        (NUCLEOTIDE, "ACGXA", "none of the nucleotide alphabet (3): got 'X', expected A"),
        (NUCLEOTIDE, "AC-GT", "got '-'"),
        (NUCLEOTIDE, "ACGL", "amino acids are read with --tokens protein"),
        (PROTEIN, "MK1", "none of the protein alphabet (2): got '1'"),
        (PROTEIN, "M*K", "cut the protein at its stop"),
        (PROTEIN, "MKß", "got 'ß'"),
    ],
)
def test_letters_outside(alphabet, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        alphabet.checked(text, str)
    assert said in str(caught.value)
