"""Schemes of chunk tags: which there are, which one a file is in, tags to chunks and back. Floor 6.

    IOB1    B- only where a chunk follows one of its own type directly, else I-
    IOB2    B- begins every chunk
    BIOES   B- begins, I- goes on, E- ends, S- is one token alone; BMES (M for I), BILOU (L, U) likewise

A network learns BIOES, whatever the file is in: the chunks are the same, and it is told more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

OUTSIDE = "O"
LEARNT = "bioes"
# What each scheme calls the begin, the inside, the end and the single token of a chunk.
LETTERS = {
    "bioes": ("B", "I", "E", "S"), "bmes": ("B", "M", "E", "S"),
    "bilou": ("B", "I", "L", "U"), "iob2": ("B", "I", "I", "B"),
}  # fmt: skip
SCHEMES = ("iob1", "iob2", "bioes", "bmes", "bilou")
NONE = "none"  # tags that mark no chunks: parts of speech
_TAG = re.compile(r"([BIMESLU])(?:-(.+))?")


class Chunk(NamedTuple):
    """Tokens from `start` up to `end`, of one type; the type is empty where tags are letters alone."""

    kind: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def split(tag: str) -> tuple[str, str]:
    """The letter and the type of a tag.

    >>> split("B-LOC"), split("O"), split("S")
    (('B', 'LOC'), ('O', ''), ('S', ''))
    """
    found = _TAG.fullmatch(tag)
    return (found[1], found[2] or "") if found else (OUTSIDE, "")


def guess(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme that all tags fit, or `none` where they mark no chunks.

    Of IOB1 and IOB2 the one in which more sentences are legal; IOB2 among equals.

    >>> guess([["O", "B-LOC", "I-LOC"]]), guess([["I-LOC", "O"]]), guess([["S", "B", "E"]]), guess([["NOUN"]])
    ('iob2', 'iob1', 'bioes', 'none')
    """
    held = [list(tags) for tags in sentences]
    tags = {tag for sentence in held for tag in sentence} - {OUTSIDE}
    if not tags or not all(_TAG.fullmatch(tag) for tag in tags):
        return NONE
    letters = {split(tag)[0] for tag in tags}
    if letters <= set("BI"):
        legal = {s: sum(illegal(tags, s) is None for tags in held) for s in ("iob2", "iob1")}
        return max(legal, key=lambda s: legal[s])
    return next((s for s in ("bioes", "bmes", "bilou") if letters <= set(LETTERS[s])), NONE)


def illegal(tags: Sequence[str], scheme: str) -> tuple[int, str] | None:
    """The place of the first tag that may not stand there and what comes before it, or None.

    >>> illegal(["O", "I-LOC"], "iob2")
    (1, 'I-LOC after O')
    >>> illegal(["B-LOC", "O"], "bioes")
    (1, 'O after B-LOC')
    """
    before = ""
    for place, tag in enumerate([*tags, ""]):
        if not _may_follow(before, tag, scheme):
            said = f"{tag or 'the end'} after {before}" if before else f"{tag} at the beginning"
            return min(place, len(tags) - 1), said
        before = tag
    return None


@lru_cache(maxsize=65536)
def _may_follow(before: str, tag: str, scheme: str) -> bool:
    """Whether `tag` may stand after `before`; empty is what lies outside the sentence."""
    (first, own), (last, kind) = split(tag), split(before)
    same = kind == own
    if scheme == "iob1":
        return first != "B" or (last != OUTSIDE and same)
    begin, inside, end, single = LETTERS[scheme]
    if first not in {begin, inside, end, single, OUTSIDE}:
        return False
    going = last in (begin, inside)
    if scheme == "iob2":
        return first != "I" or (going and same)
    return (first in (inside, end) and same) if going else first not in (inside, end)


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """The chunks of a sentence in any of the schemes; an illegal tag is read as the one that was meant.

    As the shared task's own scorer reads them (conlleval): a chunk begins at B and S, and where I or E has
    nothing of its type before it; it ends at E and S, and where the next token is not of it.

    >>> chunks(["B-A", "I-A", "O", "I-A", "I-B", "S-B"])
    [Chunk(kind='A', start=0, end=2), Chunk(kind='A', start=3, end=4), Chunk(kind='B', start=4, end=5), \
Chunk(kind='B', start=5, end=6)]
    """
    found: list[Chunk] = []
    start, before = 0, (OUTSIDE, "")
    for place, tag in enumerate([*tags, OUTSIDE]):
        letter, kind = _common(tag)
        goes_on = letter in "IE" and before[0] in "BI" and before[1] == kind
        if before[0] != OUTSIDE and not goes_on:
            found.append(Chunk(before[1], start, place))
        if letter != OUTSIDE and not goes_on:
            start = place
        before = (letter, kind)
    return found


def _common(tag: str) -> tuple[str, str]:
    """A tag in the letters of BIOES."""
    letter, kind = split(tag)
    return {"M": "I", "L": "E", "U": "S"}.get(letter, letter), kind


def written(found: Sequence[Chunk], length: int, scheme: str) -> list[str]:
    """The tags of chunks that do not overlap, in a scheme.

    >>> written([Chunk("A", 0, 2), Chunk("A", 2, 3)], 4, "bioes")
    ['B-A', 'E-A', 'S-A', 'O']
    >>> written([Chunk("A", 0, 2), Chunk("A", 2, 3)], 4, "iob1")
    ['I-A', 'I-A', 'B-A', 'O']
    """
    tags = [OUTSIDE] * length
    begin, inside, end, single = LETTERS["iob2" if scheme == "iob1" else scheme]
    for kind, start, stop in found:
        letters = [begin, *[inside] * (stop - start - 2), end] if stop - start > 1 else [single]
        tags[start:stop] = [f"{letter}-{kind}" if kind else letter for letter in letters]
    if scheme == "iob1":
        needed = {b.start for a, b in pairwise(found) if a.end == b.start and a.kind == b.kind}
        for kind, start, _ in found:
            if start not in needed:
                tags[start] = f"I-{kind}" if kind else "I"
    return tags


def converted(tags: Sequence[str], scheme: str) -> list[str]:
    """The same chunks in another scheme."""
    return written(chunks(tags), len(tags), scheme)


def inventory(sentences: Iterable[Sequence[str]]) -> list[str]:
    """The tags a network chooses among, of tags in BIOES: O, then by type.

    A type that was seen with several tokens gets B, I and E, though none was seen with three.

    >>> inventory([["B-A", "E-A"], ["S-B", "O"]])
    ['O', 'B-A', 'I-A', 'E-A', 'S-B']
    """
    seen: dict[str, set[str]] = {}
    for tags in sentences:
        for letter, kind in map(split, tags):
            if letter != OUTSIDE:
                seen.setdefault(kind, set()).add("S" if letter == "S" else "BIE")
    order = [(kind, letter) for kind in sorted(seen) for letter in "BIES" if letter in "".join(seen[kind])]
    return [OUTSIDE, *(f"{letter}-{kind}" if kind else letter for kind, letter in order)]


def legal(tags: Sequence[str]) -> tuple[list[list[bool]], list[bool], list[bool]]:
    """Of tags in BIOES: which may follow which [K, K], which may begin, which may end a sentence."""
    follow = [[_may_follow(before, tag, LEARNT) for tag in tags] for before in tags]
    return follow, [_may_follow("", tag, LEARNT) for tag in tags], [_may_follow(t, "", LEARNT) for t in tags]
