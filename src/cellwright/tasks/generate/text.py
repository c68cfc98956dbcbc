"""The text of a language model: read, checked, cut in order of time, and turned into numbers. Floor 6.

Refuses what is no text, an empty one, one symbol over and over, and parts that hold fewer than two tokens.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cellwright.errors import DataError
from cellwright.tasks.data import Source, read_text, resolve
from cellwright.tasks.data.source import shown
from cellwright.tasks.vocab import PAD, UNKNOWN, Kind, Unit, Vocabulary

SEEN = 10_000  # characters that are enough to see that there are tokens
UNITS = {"char": "characters", "word": "words", "blank": "tokens between blanks"}


@dataclass(frozen=True)
class Text:
    """A text and the unit it is cut into.

    Attributes:
        text: as it was read.
        unit: of its tokens.
        source: its name, for messages.
        note: one line about it for the user.
    """

    text: str
    unit: Kind
    source: str = "the text"
    note: str = ""

    def __len__(self) -> int:
        """How many characters."""
        return len(self.text)

    def cut(self, share: float) -> tuple[Text, Text]:
        """The text before its last `share`, and that share; words are cut after a line or a blank.

        >>> [part.text for part in Text("to be or not to be", "word").cut(0.3)]
        ['to be or not ', 'to be']
        """
        at = int((1 - share) * len(self.text))
        if self.unit != "char":
            found = [place for mark in "\n " if (place := self.text.find(mark, max(0, at - 1))) >= 0]
            at = found[0] + 1 if found else at
        parts = replace(self, text=self.text[:at]), replace(self, text=self.text[at:])
        for name, part in zip(("what is left of the text", "the held-out part"), parts, strict=True):
            need_two(part, name)
        return parts


@dataclass(frozen=True)
class Codes:
    """A text as numbers.

    Attributes:
        tokens: [N].
        characters: of all tokens but the first, blanks between them too.
        unknown: how many tokens the vocabulary does not have.
    """

    tokens: Tensor
    characters: int
    unknown: int


def read(data: Any, unit: Unit = "auto") -> Text:
    """The text in normal form.

    Args:
        data: the text itself (a str), a Path or a Source of a file, or a Text, which stays as it is.
        unit: of the tokens; `auto` takes characters, but what stands between blanks where a text is cut
            already (one word in a thousand or more is <unk>, as in Penn Treebank).

    Raises:
        DataError: it cannot be read, is no text, is empty, or is one symbol over and over.

    >>> read("to be or not to be").note
    'the text: 18 characters, 7 different; the tokens are characters'
    """
    if isinstance(data, Text):
        return data
    if isinstance(data, (Path, Source)):
        source = resolve(data)
        text, name, notice = read_text(source), shown(source), source.notice
    elif isinstance(data, str):
        text, name, notice = data, "the text", None
    else:
        raise DataError(
            "data of a kind that is not read",
            got=type(data).__name__,
            expected="a text (str), or the Path of a file",
        )
    _check(text, name)
    kind = _kind(text) if unit == "auto" else unit
    note = f"{name}: {len(text):,} characters, {len(set(text)):,} different; the tokens are {UNITS[kind]}"
    part = Text(text, kind, name, note if notice is None else f"{note}; {notice}")
    need_two(part, "the text")
    return part


def encode(part: Text, vocabulary: Vocabulary) -> Codes:
    """The part as numbers, with a count of what the vocabulary lacks."""
    found = vocabulary.tokens(part.text)
    known = set(vocabulary.all_tokens)
    unknown = sum(count for token, count in Counter(found).items() if token not in known)
    tokens = torch.tensor(vocabulary.encode(part.text), dtype=torch.int64)
    return Codes(tokens, max(1, len(part.text) - len(found[0])), unknown)


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


def unknown_in(text: str, vocabulary: Vocabulary) -> list[str]:
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
    return Vocabulary((PAD, UNKNOWN), unit).tokens(text)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False
