"""How much of a reference a written sentence has: BLEU and chrF, by sacreBLEU. Floor 6.

Refuses nothing: callers give as many references as sentences, and at least one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from cellwright.tasks.vocab import PAD, UNKNOWN, Vocabulary, choose_unit

CUTS = ("auto", "13a", "none", "zh", "char", "intl")


def cut_for(references: Sequence[str], asked: str) -> str:
    """How BLEU cuts sentences: as asked; `auto` takes `zh` for Chinese, else mteval's `13a`.

    >>> cut_for(["a small dog"], "auto"), cut_for(["一只小狗"], "auto")
    ('13a', 'zh')
    """
    if asked != "auto":
        return asked
    return "zh" if choose_unit(references) == "char" else "13a"


def bleu(
    said: Sequence[str], references: Sequence[Sequence[str]], cut: str = "13a", longest: int = 4
) -> float:
    """Corpus BLEU (Papineni et al. 2002), 0 to 100.

    Args:
        said: N sentences.
        references: the right ones of each, R lists of N; "" where a sentence has fewer.
        cut: how sentences are cut into tokens: `none` at blanks alone, for text cut already.
        longest: tokens of the n-grams that count, at most.

    >>> round(bleu(["the small dog runs away"], [["the small dog runs home"]]), 1)
    66.9
    """
    # `force`: no warning where the text looks cut already, since the caller chose the cut.
    metric = BLEU(tokenize=cut, force=True, max_ngram_order=longest)
    return float(metric.corpus_score(list(said), [list(row) for row in references]).score)


def chrf(said: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Corpus chrF2 (Popović 2015), 0 to 100: the F-score of character n-grams.

    >>> chrf(["same"], [["same"]])
    100.0
    """
    return float(CHRF().corpus_score(list(said), [list(row) for row in references]).score)


def words_of(texts: Iterable[str]) -> list[list[str]]:
    """The words of each text in lower case, without punctuation; of Chinese the characters.

    >>> words_of(["A dog, running .", "一只狗。"])
    [['a', 'dog', 'running'], ['一', '只', '狗']]
    """
    cutter = Vocabulary((PAD, UNKNOWN), "word", lower=True)
    return [[word for word in cutter.tokens(text) if any(map(str.isalnum, word))] for text in texts]
