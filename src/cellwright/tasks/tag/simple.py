"""Tagging without a network: each word's most frequent tag; a linear model of a token and what is around it.

What they say is in the tags they were taught. Floor 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from cellwright.tasks.tag.sentences import Sentences

PASSES = 5
WIDTH = 2**18
ENDS = 3  # characters of a word's ending
NEAR = 2  # tokens on either side that are read with their columns and in pairs


def most_frequent(train: Sentences, held: Sentences) -> list[list[str]]:
    """The tag that each word mostly had; of an unknown word, the tag that all words mostly had.

    >>> train = Sentences((("a", "b"),), (("X", "Y"),))
    >>> most_frequent(train, Sentences((("b", "?"),)))
    [['Y', 'X']]
    """
    counts: dict[str, Counter[str]] = {}
    overall: Counter[str] = Counter()
    for words, tags in zip(train.tokens, train.known(), strict=True):
        overall.update(tags)
        for word, tag in zip(words, tags, strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    usual = _first(overall)
    best = {word: _first(found) for word, found in counts.items()}
    return [[best.get(word, usual) for word in words] for words in held.tokens]


def linear_tags(train: Sentences, held: Sentences, reach: int = NEAR) -> list[list[str]]:
    """What a linear classifier says of each token by itself.

    It sees the token, its ending and its capitals, `reach` tokens on either side (at least two), the further
    columns of two on either side, but no tag (a multinomial decision by one-against-all logistic losses, 5
    passes).
    """
    hasher = FeatureHasher(WIDTH, input_type="string", alternate_sign=False)
    model = SGDClassifier(
        loss="modified_huber", alpha=1e-6, max_iter=PASSES, tol=None, random_state=0, average=True
    )
    model.fit(hasher.transform(_all(train, reach)), [tag for tags in train.known() for tag in tags])
    said = iter(model.predict(hasher.transform(_all(held, reach))).tolist())
    return [[next(said) for _ in words] for words in held.tokens]


def _first(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))


def _all(part: Sentences, reach: int) -> list[list[str]]:
    columns = list(part.features.values())
    return [
        found
        for k, words in enumerate(part.tokens)
        for found in _seen(words, [column[k] for column in columns], reach)
    ]


def _seen(words: Sequence[str], columns: Sequence[Sequence[str]], reach: int) -> list[list[str]]:
    """What is known of each token of a sentence, as texts."""
    around = ["", "", *(word.lower() for word in words), "", ""]
    beside = [["", "", *column, "", ""] for column in columns]
    found = []
    for t, word in enumerate(words):
        near = around[t : t + 5]
        own = [f"{at}={text}" for at, text in enumerate(near)]
        own += [f"01={near[0]} {near[1]}", f"12={near[1]} {near[2]}", f"23={near[2]} {near[3]}"]
        own += [f"end{n}={near[2][-n:]}" for n in range(1, ENDS + 1)]
        own += _further(words, t, reach)
        own += [f"shape={word[:1].isupper():d}{word.isupper():d}{any(map(str.isdigit, word)):d}{t == 0:d}"]
        for k, column in enumerate(beside):
            own += [f"c{k}{at}={value}" for at, value in enumerate(column[t : t + 5])]
            own.append(f"c{k}12={column[t + 1]} {column[t + 2]}")
        found.append(own)
    return found


def _further(words: Sequence[str], t: int, reach: int) -> list[str]:
    """The tokens beyond the nearest ones, with how far they are away."""
    places = (t + side * away for away in range(NEAR + 1, reach + 1) for side in (-1, 1))
    return [f"at{at - t}={words[at].lower()}" for at in places if 0 <= at < len(words)]
