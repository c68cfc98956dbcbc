"""Scores of captions with several references: CIDEr-D and BLEU, of words without punctuation. Floor 6."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellwright.tasks import overlap
from cellwright.tasks.cider import Cider

TURNS = 5  # ways in which captions are given to other pictures


def overlaps(said: Sequence[str], wanted: Sequence[Sequence[str]]) -> dict[str, float]:
    """CIDEr-D, BLEU of up to 4 words, and of single words.

    Args:
        said: a caption for each of N pictures.
        wanted: the right ones of each, at least one.
    """
    own, others = overlap.words_of(said), [overlap.words_of(texts) for texts in wanted]
    lines = [" ".join(words) for words in own]
    most = max(map(len, others))
    rows = [[" ".join(texts[j]) if j < len(texts) else "" for texts in others] for j in range(most)]
    return {
        "cider": Cider(others).score(own),
        "bleu": overlap.bleu(lines, rows, "none"),
        "bleu_1": overlap.bleu(lines, rows, "none", longest=1),
    }


def shuffled(said: Sequence[str], wanted: Sequence[Sequence[str]], seed: int = 0) -> float:
    """CIDEr-D of the same captions when each is taken for that of another picture, the mean of five ways.

    A captioner whose pictures are exchanged says exactly this.
    """
    count = len(said)
    if count < 2:
        return 0.0
    scorer = Cider([overlap.words_of(texts) for texts in wanted])
    words, order = overlap.words_of(said), np.random.default_rng(seed).permutation(count)
    turns = range(1, min(TURNS, count - 1) + 1)
    given = [dict(zip(order.tolist(), np.roll(order, turn).tolist(), strict=True)) for turn in turns]
    return float(np.mean([scorer.score([words[other[k]] for k in range(count)]) for other in given]))
