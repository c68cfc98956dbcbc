"""What no network is needed for: the sentence as it is, and word by word. Floor 6.

The baselines beside a translator's score. Refuses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cellwright.tasks.vocab import PAD, UNKNOWN, Vocabulary

MOST = 100_000  # pairs that are counted
LONGEST = 60  # words of a sentence that are counted
WORDS = 30_000


def word_by_word(sources: Sequence[str], targets: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Each word of `asked` replaced by the one that goes with it, in the order it stands.

    The partner of s is the t with the largest 2 n(s, t) / (n(s) + n(t)) (Dice), n the number of training
    pairs that hold it; a word that training has not seen stays as it is.

    >>> word_by_word(["ein hund", "ein haus"], ["a dog", "a house"], ["hund haus katze"])
    ['dog house katze']
    """
    reading = Vocabulary.build(sources, max_size=WORDS)
    writing = Vocabulary.build(targets, max_size=WORDS)
    partner = _partners(reading, writing, sources, targets)
    said = []
    for text in asked:
        words = [(word, partner.get(word)) for word in reading.tokens(text)]
        parts = [word if other is None else writing.all_tokens[other] for word, other in words]
        said.append(("" if writing.unit == "char" else " ").join(parts))
    return said


def _partners(
    reading: Vocabulary, writing: Vocabulary, sources: Sequence[str], targets: Sequence[str]
) -> dict[str, int]:
    own: Counter[int] = Counter()
    other: Counter[int] = Counter()
    both: dict[int, Counter[int]] = {}
    special = {0, 1}
    for source, target in zip(sources[:MOST], targets[:MOST], strict=True):
        ours = set(reading.encode(source)[:LONGEST]) - special
        theirs = set(writing.encode(target)[:LONGEST]) - special
        own.update(ours)
        other.update(theirs)
        for s in ours:
            both.setdefault(s, Counter()).update(theirs)
    names = reading.all_tokens
    return {
        names[s]: min(found, key=lambda t: (-2 * found[t] / (own[s] + other[t]), t))
        for s, found in both.items()
        if found and names[s] not in (PAD, UNKNOWN)
    }
