"""The settings of classes that say how inputs are read, and what few examples are helped with. Floor 6."""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.tasks.alphabet import ALPHABETS
from cellwright.tasks.training.settings import setting


@dataclass(kw_only=True, eq=False, repr=False)
class Reading:
    """Which column is what, and what a text is to the network."""

    text: str = setting("", "the column of the texts; empty: guessed")
    label: str = setting(
        "", "the column of the labels, or several of 0 and 1 (a,b,c); none: no column; empty: guessed"
    )
    separator: str = setting("", "what stands between several labels in a cell; empty: one label")
    tokens: str = setting(
        "auto",
        "what a text is cut into, or of which alphabet it is; auto goes by script and letters",
        choices=("auto", "word", "char", *ALPHABETS),
    )
    kmer: int = setting(1, "letters of a gene or protein that are also read together", min=1, max=8)
    positions: bool = setting(True, "of sequences of one length, let places count")
    both_strands: bool = setting(False, "take a gene and its reverse complement for the same")
    lower: bool = setting(True, "take capital letters for small ones")
    min_count: int = setting(2, "take tokens seen less often for unknown ones", min=1)
    max_tokens: int = setting(30_000, "tokens in the vocabulary at most; 0: no limit", min=0)
    max_length: int = setting(256, "tokens of a text that are read; 0: all", min=0)
    pairs: bool = setting(True, "give the cell pairs of neighbouring tokens too")
    affixes: bool = setting(True, "give the cell the first and the last letters of words too")
    embedding: int = setting(128, "size of the vector of a token", min=1)
    vectors: str = setting("", "a file of pretrained word vectors (GloVe's or fastText's text form)")


@dataclass(kw_only=True, eq=False, repr=False)
class Few:
    """What makes more of a few examples."""

    ensemble: int = setting(1, "networks of different beginnings that are averaged", min=1)
    augment: float = setting(
        0.0, "spread of the noise on a series, and on the size of its channels, in training", min=0
    )
    warp: float = setting(
        0.0,
        "share of a series that is cut off at random in training, the rest drawn out at an uneven pace",
        min=0,
        max=1,
        exclusive="max",
    )
    refit: bool = setting(False, "train once more with the validation part, for all epochs")
    passes: int = setting(0, "passes over the data in an epoch; 0: one, more for small data", min=0)
