"""The text of a language model: read, checked, cut in order, and turned into numbers. Floor 6.

A plain text is cut in order of time, rows of a table at random.

Refuses what is no text, an empty one, one symbol over and over, and parts that hold fewer than two tokens.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.data import Source, read_text, resolve, split_examples
from cellwright.tasks.data.roles import NO_COLUMN
from cellwright.tasks.data.source import shown
from cellwright.tasks.data.table import SUFFIXES
from cellwright.tasks.generate.rows import Columns, Rows, apart, is_table, read_rows
from cellwright.tasks.generate.subwords import Tokens
from cellwright.tasks.vocab import PAD, UNKNOWN, Vocabulary, choose_unit

_WORD = re.compile(r"\n|\S+")
LONGEST_WORD = 15  # characters of a word, on average, in a text whose words are told apart by blanks
SEEN = 10_000  # characters that are enough to see that there are tokens
UNITS = {
    "char": "characters",
    "word": "words",
    "blank": "tokens between blanks",
    "piece": "pieces of words",
}
Kind: TypeAlias = Literal["char", "word", "blank", "piece"]
Unit: TypeAlias = Literal["auto", "char", "word", "blank", "piece"]


@dataclass(frozen=True)
class Text:
    """A text and the unit it is cut into.

    Attributes:
        text: as it was read.
        unit: of its tokens.
        source: its name, for messages.
        note: one line about it for the user.
        rows: what it is made of, where it comes from a table.
        columns: of that table.
    """

    text: str
    unit: Kind
    source: str = "the text"
    note: str = ""
    rows: tuple[str, ...] = ()
    columns: Columns | None = None

    def __len__(self) -> int:
        """How many characters."""
        return len(self.text)

    def cut(self, share: float, seed: int = 0) -> tuple[Text, Text]:
        """The text before its last `share`, and that share; words are cut after a line or a blank.

        Rows of a table are held out at random, by the seed.

        >>> [part.text for part in Text("to be or not to be", "word").cut(0.3)]
        ['to be or not ', 'to be']
        """
        if self.rows:
            return self._cut_rows(share, seed)
        at = int((1 - share) * len(self.text))
        if self.unit != "char":
            found = [place for mark in "\n " if (place := self.text.find(mark, max(0, at - 1))) >= 0]
            at = found[0] + 1 if found else at
        return _both(replace(self, text=self.text[:at]), replace(self, text=self.text[at:]))

    def _cut_rows(self, share: float, seed: int) -> tuple[Text, Text]:
        def part(index: Iterable[int]) -> Text:
            rows = tuple(self.rows[int(k)] for k in index)
            return replace(self, text="".join(rows), rows=rows)

        rest, held = split_examples(len(self.rows), None, (1 - share, share), seed)
        return _both(part(rest), part(held))


@dataclass(frozen=True)
class Codes:
    """A text as numbers.

    Attributes:
        tokens: [N].
        characters: of all tokens but the first, blanks between them too.
        unknown: how many tokens the vocabulary does not have.
        words: what stands between blanks, and line ends, after the first; None where words are not told apart
            by blanks.
    """

    tokens: Tensor
    characters: int
    unknown: int
    words: int | None = None


@dataclass(frozen=True)
class Reading:
    """How a text is to be read.

    Attributes:
        unit: of the tokens; `auto` takes characters, but what stands between blanks where a text is cut
            already (one word in a thousand or more is <unk>, as in Penn Treebank).
        text: the column of a table; empty: guessed; `none`: tables are read as plain text too.
        prefix: columns of a table that stand before the text, commas between.
        known: the columns of a trained model, which are taken where nothing else is asked for.
    """

    unit: Unit = "auto"
    text: str = ""
    prefix: str = ""
    known: Columns | None = None


def read(data: Any, how: Reading = Reading()) -> Text:
    """The text in normal form.

    Args:
        data: the text itself (a str), a Path or a Source of a file, or a Text, which stays as it is.
        how: it is to be read.

    Raises:
        DataError: it cannot be read, is no text, is empty, or is one symbol over and over; columns that a
            table does not have, or that are asked for where there is no table.

    >>> read("to be or not to be").note
    'the text: 18 characters, 7 different; the tokens are characters'
    """
    if isinstance(data, Text):
        return data
    rows = None
    if isinstance(data, (Path, Source)):
        source = resolve(data)
        name, notice, rows = shown(source), source.notice, _rows(source, how)
        text = read_text(source) if rows is None else "".join(rows.rows)
    elif isinstance(data, str):
        text, name, notice = data, "the text", None
    else:
        raise DataError(
            "data of a kind that is not read",
            got=type(data).__name__,
            expected="a text (str), or the Path of a file",
        )
    _check(text, name)
    kind = _kind(text) if how.unit == "auto" else how.unit
    said = [
        *([] if rows is None else [rows.note]),
        f"{len(text):,} characters, {len(set(text)):,} different; the tokens are {UNITS[kind]}",
        *([] if notice is None else [notice]),
    ]
    part = Text(text, kind, name, f"{name}: {'; '.join(said)}")
    if rows is not None:
        marked = tuple(map(apart, rows.rows)) if kind == "blank" else rows.rows
        part = replace(part, text="".join(marked), rows=marked, columns=rows.columns)
    need_two(part, "the text")
    return part


def _rows(source: Source, how: Reading) -> Rows | None:
    """The rows of a table; None for a plain text."""
    if how.text == NO_COLUMN or not is_table(source):
        if how.prefix or how.text not in ("", NO_COLUMN):
            raise DataError(
                "columns are asked for, and this is read as plain text",
                where=shown(source),
                got=f"--text {how.text}" if not how.prefix else f"--prefix {how.prefix}",
                expected=f"a table: {', '.join(SUFFIXES)}",
            )
        return None
    return read_rows(source, how.text, how.prefix, how.known)


def encode(part: Text, vocabulary: Tokens) -> Codes:
    """The part as numbers, with a count of what the vocabulary lacks."""
    found = vocabulary.tokens(part.text)
    known = set(vocabulary.all_tokens)
    unknown = sum(count for token, count in Counter(found).items() if token not in known)
    tokens = torch.tensor(vocabulary.encode(part.text), dtype=torch.int64)
    return Codes(tokens, max(1, len(part.text) - len(found[0])), unknown, _words(part.text))


def _words(text: str) -> int | None:
    """How many words and line ends follow the first; None where blanks hardly part any."""
    count = len(_WORD.findall(text)) - 1
    parted = choose_unit([text[:SEEN]]) == "word" and count and len(text) / count <= LONGEST_WORD
    return count if parted else None


def need_two(part: Text, name: str) -> None:
    """Refuse a part that holds nothing to predict."""
    if len(_tokens(part.text[:SEEN], part.unit)) < 2:
        raise DataError(
            f"{name} is too short",
            where=part.source,
            got=f"{len(part.text)} characters",
            expected=f"at least two {UNITS[part.unit]}",
            fix="bring more text, or hold out another share",
        )


def unknown_in(text: str, vocabulary: Tokens) -> list[str]:
    """The tokens of a text that the vocabulary lacks, each once, in order."""
    known = set(vocabulary.all_tokens)
    return [token for token in dict.fromkeys(vocabulary.tokens(text)) if token not in known]


def need_unicode(text: str, where: str) -> None:
    """Refuse halves of characters, which no file can hold and no tokenizer takes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            "the text is not Unicode",
            where=f"{where}, character {error.start + 1}",
            got=f"U+{ord(text[error.start]):04X}, half of a character",
            fix="give it as UTF-8",
        ) from None


def _both(rest: Text, held: Text) -> tuple[Text, Text]:
    need_two(rest, "what is left of the text")
    need_two(held, "the held-out part")
    return rest, held


def _check(text: str, name: str) -> None:
    need_unicode(text, name)
    if not text.strip():
        got = "nothing" if not text else "only blanks"
        raise DataError("the text is empty", where=name, got=got, expected="text to learn from")
    if len(set(text)) == 1:
        raise DataError(
            "the text is one symbol over and over",
            where=name,
            got=f"{len(text):,} times {text[0]!r}",
            expected="at least two different symbols",
        )
    if len(text) < 4096 and "\n" not in text and Path(text).suffix and _is_file(text):
        raise DataError(
            "this is the name of a file, not its text", got=text, fix="give it as a Path, or read it first"
        )


def _kind(text: str) -> Kind:
    return "blank" if UNKNOWN in text and text.count(UNKNOWN) >= text.count(" ") / 1000 else "char"


def _tokens(text: str, unit: Kind) -> list[str]:
    return Vocabulary((PAD, UNKNOWN), "word" if unit == "piece" else unit).tokens(text)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False
