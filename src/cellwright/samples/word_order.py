"""The sample `word_order`: sentences whose label only the order of the words tells. Floor 5.

Who acts: the person, or the place? "我爱中国" is `person`, "中国爱我" is `place`: the same words, the
other order. Each sentence comes with its mirror, so a bag of words is right half of the time at best.
Both nouns stand between the same modifiers drawn at random, so that pairs of neighbours
(the noun beside the verb) tell nothing either: what came first has to be kept in mind.
"""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass

SEED = 20240501
PAIRS = 400  # of sentences, half Chinese and half English


@dataclass(frozen=True)
class _Language:
    """The words of one language; a noun phrase is `before + noun + after`, a sentence joins three parts."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    persons: tuple[str, ...]
    places: tuple[str, ...]
    verbs: tuple[str, ...]
    blank: str


_CHINESE = _Language(
    before=("可爱的", "远方的", "从前的", "年轻的", "美丽的"),
    after=("的朋友", "的孩子", "的歌声", "的故事", "的邻居"),
    persons=("我", "老师", "小明", "奶奶", "诗人", "医生"),
    places=("中国", "北京", "上海", "山村", "故乡", "海岛"),
    verbs=("爱", "想念", "祝福", "记得", "等待"),
    blank="",
)
_ENGLISH = _Language(
    before=(
        "the old friend of the",
        "the first song about the",
        "the dear child of the",
        "the new book on the",
    ),
    after=("far away", "next door", "in the picture", "of long ago"),
    persons=("teacher", "poet", "doctor", "farmer", "singer", "king"),
    places=("village", "city", "island", "valley", "harbour", "country"),
    verbs=("loves", "remembers", "praises", "awaits", "misses"),
    blank=" ",
)
_PLAIN = (("我爱中国", "person"), ("中国爱我", "place"))


def rows(pairs: int = PAIRS, seed: int = SEED) -> list[tuple[str, str]]:
    """Rows (sentence, label), shuffled: `2 * pairs` of them, every sentence once, each with its mirror.

    >>> sorted(rows(pairs=1))
    [('中国爱我', 'place'), ('我爱中国', 'person')]
    """
    draw = random.Random(seed)
    found: dict[str, str] = dict(_PLAIN)
    while len(found) < 2 * pairs:
        language = _CHINESE if len(found) < pairs else _ENGLISH
        found.update(_mirrored(language, draw))
    made = list(found.items())
    draw.shuffle(made)
    return made


def as_csv(pairs: int = PAIRS, seed: int = SEED) -> str:
    """The rows as the bundled CSV file: columns `text`, `label`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("text", "label"))
    writer.writerows(rows(pairs, seed))
    return out.getvalue()


def _mirrored(language: _Language, draw: random.Random) -> dict[str, str]:
    def phrase(nouns: tuple[str, ...]) -> str:
        parts = (draw.choice(language.before), draw.choice(nouns), draw.choice(language.after))
        return language.blank.join(parts)

    person, place, verb = phrase(language.persons), phrase(language.places), draw.choice(language.verbs)
    return {
        language.blank.join((person, verb, place)): "person",
        language.blank.join((place, verb, person)): "place",
    }
