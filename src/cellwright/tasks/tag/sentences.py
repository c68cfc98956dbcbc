"""Sentences to tag in normal form: tokens, tags, further columns, intents. Floor 6.

Refuses sentences without tokens, tags that are not one for each token, and tags that their scheme forbids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cellwright.errors import DataError
from cellwright.tasks.data import split_examples
from cellwright.tasks.tag import scheme as schemes

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Sentences:
    """Sentences, and what is known of them.

    Attributes:
        tokens: of every sentence, at least one.
        tags: one for each token, or None where there are none.
        features: further columns by name, each with one value for each token.
        intents: one for each sentence, or None.
        scheme: the scheme of the tags (see `scheme`).
        note: one line about the file; empty for data from memory.
        columns: which column was read as what.
        source: the file's name, for messages.
        places: the line of each token in the file; empty for data from memory.
    """

    tokens: Rows
    tags: Rows | None = None
    features: dict[str, Rows] = field(default_factory=dict)
    intents: tuple[str, ...] | None = None
    scheme: str = schemes.NONE
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    source: str = ""
    places: tuple[tuple[int, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)

    def known(self) -> Rows:
        """The tags.

        Raises:
            DataError: there are none.
        """
        if self.tags is None:
            raise DataError(
                "there are no tags",
                where=self.source or "y",
                expected="one for each token",
                fix="set --label to their column" if self.source else "give y",
            )
        return self.tags

    def some(self, index: Iterable[int]) -> Sentences:
        """The sentences at these places."""
        at = [int(k) for k in index]

        def chosen(rows: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(rows[k] for k in at)

        return replace(
            self,
            tokens=chosen(self.tokens),
            tags=None if self.tags is None else chosen(self.tags),
            features={name: chosen(rows) for name, rows in self.features.items()},
            intents=None if self.intents is None else chosen(self.intents),
            places=chosen(self.places) if self.places else (),
        )

    def split(self, share: float, seed: int) -> tuple[Sentences, Sentences]:
        """(rest, held out), drawn by chance.

        Raises:
            DataError: too few sentences.
        """
        rest, held = split_examples(len(self), None, (1 - share, share), seed)
        return self.some(rest), self.some(held)

    def where(self, sentence: int, token: int) -> str:
        """A token's place, for messages; both count from 0."""
        if self.places:
            return f"{self.source}, line {self.places[sentence][token]}"
        return f"{self.source or 'y'}, sentence {sentence + 1}, token {token + 1}"

    def in_scheme(self, wanted: str = "auto") -> Sentences:
        """The same with the scheme that was asked for, or guessed.

        Raises:
            DataError: tags that the scheme forbids; tags that are none of the scheme's.
        """
        if self.tags is None:
            return self
        found = schemes.guess(self.tags) if wanted == "auto" else wanted
        if found != schemes.NONE:
            for number, tags in enumerate(self.tags):
                self._refuse_illegal(number, tags, found)
        return replace(self, scheme=found)

    def _refuse_illegal(self, number: int, tags: Sequence[str], scheme: str) -> None:
        for place, tag in enumerate(tags):
            if tag != schemes.OUTSIDE and schemes.split(tag)[0] == schemes.OUTSIDE:
                raise DataError(
                    f"no tag of {scheme.upper()}",
                    where=self.where(number, place),
                    got=tag,
                    expected="O, or a letter and a type such as B-LOC",
                    fix="set --scheme none if the tags mark no chunks",
                )
        if (wrong := schemes.illegal(tags, scheme)) is not None:
            raise DataError(
                f"tags that are not legal in {scheme.upper()}",
                where=self.where(number, wrong[0]),
                got=wrong[1],
                fix="mend the line, or set --illegal mend to read the chunk that was meant",
            )

    def mended(self, wanted: str = "auto") -> tuple[Sentences, int]:
        """The same with every illegal tag written as the one that was meant, and how many those are."""
        if self.tags is None:
            return self, 0
        found = schemes.guess(self.tags) if wanted == "auto" else wanted
        if found == schemes.NONE:
            return replace(self, scheme=found), 0
        tags = tuple(tuple(schemes.converted(row, found)) for row in self.tags)
        changed = sum(
            a != b for own, new in zip(self.tags, tags, strict=True) for a, b in zip(own, new, strict=True)
        )
        return replace(self, tags=tags, scheme=found), changed


def normal(X: Any, y: Any = None, intents: Any = None) -> Sentences:
    """The user's X and y in normal form, the scheme not looked at.

    Args:
        X: sentences: lists of tokens.
        y: a list of tags for each, or None.
        intents: what each sentence is about, or None.

    Raises:
        DataError: texts instead of lists of tokens, an empty sentence, tags that do not fit.
    """
    if isinstance(X, Sentences):
        return X if y is None else replace(X, tags=_tags(y, X.tokens))
    if isinstance(X, (str, bytes)) or any(isinstance(row, (str, bytes)) for row in X):
        fix = "cut each into its tokens: text.split(), or list(text) for characters"
        raise DataError("a text instead of a list of tokens", where="X", fix=fix)
    tokens = tuple(tuple(str(token) for token in row) for row in X)
    if not tokens:
        raise DataError("there are no sentences", where="X", got=0, expected="at least one")
    for number, row in enumerate(tokens, start=1):
        if not row or not all(row):
            what = "an empty sentence" if not row else "an empty token"
            raise DataError(what, where=f"X, sentence {number}", expected="at least one token, none empty")
    held = None if intents is None else tuple(str(intent) for intent in intents)
    if held is not None and len(held) != len(tokens):
        raise DataError("X and intents differ in length", got=f"{len(tokens)} and {len(held)}")
    return Sentences(tokens, None if y is None else _tags(y, tokens), intents=held)


def _tags(y: Any, tokens: Rows) -> Rows:
    tags = tuple(tuple(str(tag) for tag in row) for row in y)
    if len(tags) != len(tokens):
        raise DataError("X and y differ in length", got=f"{len(tokens)} and {len(tags)}")
    for number, (own, row) in enumerate(zip(tags, tokens, strict=True), start=1):
        if len(own) != len(row):
            got = f"{len(row)} tokens and {len(own)} tags"
            raise DataError("not one tag for each token", where=f"y, sentence {number}", got=got)
    return tags
