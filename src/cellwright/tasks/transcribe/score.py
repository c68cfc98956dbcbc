"""How far texts are from what was said: errors of words and of characters, by jiwer. Floor 6.

A character of a script without blanks counts as a word. Refuses an empty list, and an empty transcript.
"""

from __future__ import annotations

from collections.abc import Sequence

import jiwer

from cellwright.tasks.vocab import parted


def scores(wanted: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Error rates of words and characters (wrong, missing, added over wanted), and texts exactly right.

    >>> scores(["so it is", "yes"], ["so is", "yes"])
    {'word_error_rate': 0.25, 'character_error_rate': 0.2727272727272727, 'exact': 0.5}
    """
    words = [parted(text) for text in wanted], [parted(text) for text in said]
    return {
        "word_error_rate": float(jiwer.wer(*words)),
        "character_error_rate": float(jiwer.cer(list(wanted), list(said))),
        "exact": sum(a == b for a, b in zip(*words, strict=True)) / len(wanted),
    }


def errors(wanted: str, said: str) -> int:
    """How many words must be changed, put in or taken out to make one of the other.

    >>> errors("so it is", "so is it"), errors("我爱你", "我你")
    (2, 1)
    """
    found = jiwer.process_words(parted(wanted), parted(said))
    return int(found.substitutions + found.deletions + found.insertions)
