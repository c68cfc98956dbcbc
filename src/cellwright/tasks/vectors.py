"""Pretrained vectors of words: a word and its numbers in a line, as GloVe and fastText write them. Floor 6.

fastText's first line (how many words, how many numbers) is passed over. Refuses a line with another count of
numbers than the first, and what is no finite number, naming file and line.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.data.source import file_of


@dataclass(frozen=True)
class Vectors:
    """Words, in the form of a vocabulary, and their vectors [N, D]."""

    words: tuple[str, ...]
    values: Tensor

    @property
    def width(self) -> int:
        """D."""
        return self.values.shape[1]

    def put(self, table: Tensor, tokens: Collection[str]) -> None:
        """Write the vectors into a table [V, D] whose rows stand for `tokens`; other rows stay."""
        places = {token: k for k, token in enumerate(tokens)}
        pairs = [(places[word], k) for k, word in enumerate(self.words) if word in places]
        if pairs:
            rows, own = torch.tensor(pairs).T
            with torch.no_grad():
                table[rows] = self.values[own].to(table)


def read_vectors(
    path: str | Path, known: Collection[str], most: int, form: Callable[[str], str] = str
) -> Vectors:
    """The vectors of all words that are known, and of the first `most` others: words of data to come.

    Args:
        path: a text file, `.gz` too; a file of millions of words is read line by line.
        known: the words of the training part.
        most: further words to keep at most; such files begin with the frequent ones.
        form: a word of the file as the vocabulary writes it, of several that become one the first counts;
            empty for one that it cannot hold.

    Raises:
        DataError: no such file; not UTF-8; a line that does not fit.
    """
    file = file_of(path)
    words: dict[str, None] = {}
    rows: list[np.ndarray] = []
    width = further = 0
    for number, line in _lines(file):
        cells = line.split(" ") if not width else line.rsplit(" ", width)
        if number == 1 and len(cells) == 2 and all(cell.isdecimal() for cell in cells):
            continue
        width = width or len(cells) - 1
        word = form(cells[0])
        if not word or word in words or (word not in known and further >= most):
            continue
        rows.append(_numbers(cells[1:], width, file, number))
        words[word] = None
        further += word not in known
    if not rows:
        raise DataError("no vectors of words", where=file, expected="a word and its numbers in a line")
    return Vectors(tuple(words), torch.from_numpy(np.stack(rows)))


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                if line.strip():
                    yield number, line.rstrip("\r\n ").replace("\t", " ")
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise DataError("the vectors cannot be read", where=f"{file}, line {number}", got=error) from None


def _numbers(cells: list[str], width: int, file: Path, number: int) -> np.ndarray:
    try:
        values = np.array(cells, dtype=np.float32)
    except ValueError:
        values = np.full(1, np.nan, dtype=np.float32)
    if width < 1 or len(values) != width or not np.isfinite(values).all():
        got = f"{len(cells)} of them" if len(cells) != max(width, 1) else "something else"
        raise DataError(
            "a line that is not a word and its numbers",
            where=f"{file}, line {number}",
            got=got,
            expected=f"{max(width, 1)} finite numbers",
        )
    return values
