"""What no network is needed for: the commonest caption, and the caption of the nearest picture. Floor 6.

The baselines beside a captioner's score. Refuses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from cellwright.tasks.caption.pictures import Floats
from cellwright.tasks.cider import LONGEST, Cider, grams
from cellwright.tasks.overlap import words_of

STEPS = 8  # of a clip that are compared
TRIED, COMPARED = 20, 200  # captions tried as the commonest, on about so many pictures


def commonest(captions: Sequence[Sequence[str]]) -> str:
    """The caption that does best where every picture gets the same, by CIDEr-D on the pictures it is from.

    Tried are 20 of about the median length whose n-grams, up to 4 words, stand in most pictures' captions.

    >>> commonest([["a dog runs", "a brown dog runs"], ["a dog runs"], ["a cat runs"]])
    'a dog runs'
    """
    cut = [words_of(texts) for texts in captions]
    usual = float(np.median([len(words) for texts in cut for words in texts]))
    seen = [Counter[tuple[str, ...]]() for _ in range(LONGEST)]
    for texts in cut:
        for n, counts in enumerate(seen, start=1):
            counts.update({gram for words in texts for gram in grams(words, n)})

    def common(words: Sequence[str]) -> float:
        own = [grams(words, n) for n in range(1, LONGEST + 1)]
        return sum(
            sum(map(counts.__getitem__, g)) / max(1, len(g)) for counts, g in zip(seen, own, strict=True)
        )

    near = {
        tuple(words): text
        for texts, own in zip(captions, cut, strict=True)
        for text, words in zip(texts, own, strict=True)
        if abs(len(words) - usual) <= 2
    }
    tried = sorted(near, key=lambda words: (-common(words), words))[:TRIED]
    some = cut[:: max(1, len(cut) // COMPARED)]
    scorer = Cider(some)
    return near[max(tried, key=lambda words: scorer.score([words] * len(some)))]


def nearest(known: Sequence[Floats], captions: Sequence[Sequence[str]], asked: Sequence[Floats]) -> list[str]:
    """For each picture a caption of the known one that is nearest: the one its others agree with most.

    Near is by the cosine of standardised features; of clips at 8 evenly spaced frames.

    Args:
        known: features [S, D] of pictures.
        captions: of each.
        asked: features of others.
    """
    lengths = {len(one) for one in (*known, *asked)}
    steps = STEPS if len(lengths) > 1 else lengths.pop()
    seen, other = _flat(known, steps), _flat(asked, steps)
    mean, spread = seen.mean(0), seen.std(0) + 1e-6
    seen, other = ((values - mean) / spread for values in (seen, other))
    norms = np.linalg.norm(seen, axis=1) + 1e-12
    places = (other @ (seen / norms[:, None]).T).argmax(1)
    agreed = {place: _agreed(captions[place]) for place in set(places.tolist())}
    return [agreed[place] for place in places.tolist()]


def _flat(features: Sequence[Floats], steps: int) -> Floats:
    rows = [one[np.linspace(0, len(one) - 1, steps).round().astype(np.intp)].ravel() for one in features]
    return np.stack(rows)


def _agreed(texts: Sequence[str]) -> str:
    """The caption that shares most of its words with the others."""
    cut = [set(words) for words in words_of(texts)]

    def shared(k: int) -> float:
        others = (own for j, own in enumerate(cut) if j != k)
        return sum(2 * len(cut[k] & own) / max(1, len(cut[k]) + len(own)) for own in others)

    return texts[max(range(len(texts)), key=shared)]
