"""Texts, sequences and series as the numbers a network reads, by facts of the training part alone. Floor 6.

Texts: token numbers, with those of pairs of neighbours and of words' ends beside them. Series: each channel
with mean 0 and deviation 1; a missing value becomes 0, the mean. Refuses what training has not seen: labels,
another kind of input, another number of channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cellwright.errors import DataError, RunError
from cellwright.tasks.alphabet import ALPHABETS
from cellwright.tasks.classify import genes
from cellwright.tasks.classify.affixes import SPECIAL, Affixes, affix_facts
from cellwright.tasks.classify.examples import Examples, Series, one_class
from cellwright.tasks.classify.labels import Label, classes, from_json, to_json
from cellwright.tasks.networks import PAD, UNKNOWN, Reader
from cellwright.tasks.strands import within
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.vectors import Vectors, read_vectors
from cellwright.tasks.vocab import Unit, Vocabulary

Facts = dict[str, Any]
Ints = npt.NDArray[np.int64]

LEAST_BATCHES = 100  # of an epoch that is not set
MOST_NAMED = 10


def label_facts(train: Examples) -> Facts:
    """The classes in order, how many examples each has, and where everything came from.

    Raises:
        DataError: one class only.
    """
    counts = (
        Counter(label for one in train.sets() for label in one) if train.several else Counter(train.known())
    )
    if len(counts) < 2:
        raise one_class(train)
    order = classes(list(counts))
    return {
        "kind": train.kind,
        "labels": [to_json(label) for label in order],
        "counts": [counts[label] for label in order],
        **({"several": len(train)} if train.several else {}),
        "columns": dict(train.columns),
    }


def text_facts(
    texts: Sequence[str],
    unit: Unit,
    *,
    lower: bool,
    min_count: int,
    max_tokens: int,
    pairs: bool,
    affixes: bool = False,
    vectors: str = "",
) -> tuple[Facts, Vectors | None]:
    """The vocabulary and, where asked, the pairs of neighbours that were seen at least twice.

    Args:
        texts: of the training part.
        unit, lower, min_count: as `Vocabulary.build`.
        max_tokens: tokens to keep at most, 0 for all; and as many pairs.
        pairs: whether to number pairs.
        affixes: whether to number the first and the last letters of words.
        vectors: a file of pretrained vectors; its words are in the vocabulary then, and `width` in the facts.

    Raises:
        DataError: no token in any text; the vectors cannot be read.
    """
    vocabulary = Vocabulary.build(
        texts,
        unit,
        lower=lower,
        min_count=_usable(texts, unit, lower, min_count),
        max_size=max_tokens or None,
    )
    found = None
    if vectors:
        tokens, single = vocabulary.all_tokens, vocabulary.unit == "char"

        def form(word: str) -> str:
            return "" if single and len(word) > 1 else word.lower() if lower else word

        found = read_vectors(vectors, set(tokens), max_tokens, form)
        vocabulary = Vocabulary([*dict.fromkeys((*tokens, *found.words))], vocabulary.unit, lower=lower)
    facts: Facts = {"vocabulary": vocabulary.to_json()} | ({"width": found.width} if found else {})
    if pairs:
        counts: Counter[int] = Counter()
        for ids in _numbers(vocabulary, texts, 0):
            counts.update(_pairs(ids, len(vocabulary)).tolist())
        counts.pop(-1, None)
        frequent = sorted(
            (pair for pair in counts if counts[pair] > 1), key=lambda pair: (-counts[pair], pair)
        )
        facts["pairs"] = sorted(frequent[: max_tokens or None])
    if affixes and vocabulary.unit == "word":
        facts["affixes"] = affix_facts(map(vocabulary.tokens, texts))
    return facts, found


def series_facts(series: Sequence[Series]) -> Facts:
    """The mean and deviation of each channel, how many channels, the median length.

    Raises:
        DataError: a channel without any value.
    """
    steps = np.concatenate(series).astype(np.float64)  # [all steps, C]
    lost = np.isnan(steps)
    if lost.all(axis=0).any():
        channel = int(np.flatnonzero(lost.all(axis=0))[0]) + 1
        raise DataError(
            "a channel without any value", where=f"channel {channel}", fix="leave the channel out"
        )
    scale = np.nanstd(steps, axis=0)
    return {
        "mean": np.nanmean(steps, axis=0).tolist(),
        "scale": np.where(scale > 0, scale, 1.0).tolist(),
        "channels": steps.shape[1],
        "length": int(np.median([len(values) for values in series])),
    }


def encoded(part: Examples, facts: Facts, longest: int) -> Ragged:
    """The inputs as numbers: token numbers [T] (with pairs [T, 2]), or standardised series [T, C].

    Args:
        part: of the kind the facts are of.
        facts: of the training part.
        longest: tokens of a text to read at most; 0 for all.

    Raises:
        DataError: texts for a model of series or the other way round; another number of channels.
    """
    if part.kind != facts["kind"]:
        raise DataError("another kind of input than in training", got=part.kind, expected=facts["kind"])
    if part.kind == "sequence":
        return genes.encoded(part, facts)
    if part.kind == "text":
        return Ragged(list(_text_numbers(part.texts, facts, longest)))
    mean, scale = np.array(facts["mean"]), np.array(facts["scale"])
    for number, values in enumerate(part.series, start=1):
        if values.shape[1] != facts["channels"]:
            raise DataError(
                "another number of channels than in training",
                where=f"series {number}",
                got=values.shape[1],
                expected=facts["channels"],
            )
    return Ragged([np.nan_to_num((values - mean) / scale).astype(np.float32) for values in part.series])


def encoded_labels(part: Examples, facts: Facts) -> Tensor:
    """The places of the labels among the classes, [N]; of several labels 0 and 1, [N, K], as floats.

    A number in a file is the text of it.

    Raises:
        DataError: labels that training never saw, named; several labels where it saw one each, or one.
    """
    if part.several != ("several" in facts):
        one, many = "one label each", "several labels each"
        got, expected = (many, one) if part.several else (one, many)
        raise DataError("other labels than in training", where=part.source or "y", got=got, expected=expected)
    order = [from_json(value) for value in facts["labels"]]
    places: dict[Label, int] = {str(label): k for k, label in enumerate(order)}
    places |= {label: k for k, label in enumerate(order)}
    rows = part.sets() if part.several else [[label] for label in part.known()]
    found = [[(label, places.get(label, places.get(str(label)))) for label in row] for row in rows]
    unseen = classes([label for row in found for label, k in row if k is None])
    if unseen:
        raise DataError(
            "labels that training has not seen",
            where=part.source or "y",
            got=_listed(unseen),
            expected=_listed(order),
            fix="leave those examples out, or train with examples of them",
        )
    if not part.several:
        return torch.tensor([row[0][1] for row in found])
    marks = torch.zeros(len(found), len(order))
    for number, row in enumerate(found):
        marks[number, [k for _, k in row if k is not None]] = 1.0
    return marks


def weighed(network: nn.Module, one: Examples, facts: Facts, longest: int) -> dict[str, Any]:
    """How much each token of one text counted, {"tokens": [..], "weights": [..]}; {} where nothing weighs."""
    network = within(network)
    if one.kind == "series" or not isinstance(network, Reader) or network.attention is None:
        return {}
    x, lengths = (value.to(network.head.weight.device) for value in encoded(one, facts, longest).pad([0]))
    weights = network.weights(x, lengths)
    assert weights is not None
    tokens = tokens_of(one.texts[0], facts)[: len(x)]
    return {"tokens": tokens, "weights": [round(share, 4) for share in weights[: len(tokens), 0].tolist()]}


def tokens_of(text: str, facts: Facts) -> list[str]:
    """What a text is read as: words or characters, or the letters of a sequence."""
    return Vocabulary.from_json(facts["vocabulary"]).tokens(text) if "vocabulary" in facts else list(text)


def sizes(facts: Facts) -> list[int]:
    """How many numbers each column of an encoded text has."""
    if "alphabet" in facts:
        return [ALPHABETS[facts["alphabet"]].size]
    pairs = [len(facts["pairs"]) + SPECIAL] if "pairs" in facts else []
    affixes = [len(parts) + SPECIAL for parts in facts.get("affixes", ())]
    return [len(facts["vocabulary"]["tokens"]), *pairs, *affixes]


class Passes:
    """A feed whose epoch is several passes of another one: small data, epochs worth validating.

    Args:
        feed: one pass.
        times: passes in an epoch.
    """

    def __init__(self, feed: Bucketed, times: int) -> None:
        self.feed, self.times = feed, times

    def __len__(self) -> int:
        return self.times * len(self.feed)

    def epoch(self, number: int, start: int = 0) -> Iterator[Padded]:
        """The batches of one epoch from batch `start` on."""
        done, inside = divmod(start, len(self.feed))
        for turn in range(done, self.times):
            yield from self.feed.epoch(number * self.times + turn, inside if turn == done else 0)


def passes(batches: int) -> int:
    """How many passes make an epoch: one, but at least LEAST_BATCHES batches.

    >>> passes(9), passes(500)
    (12, 1)
    """
    return -(-LEAST_BATCHES // batches)


def _usable(texts: Sequence[str], unit: Unit, lower: bool, min_count: int) -> int:
    """`min_count`, or 1 where no token is that frequent: a handful of texts still has words."""
    try:
        Vocabulary.build(texts, unit, lower=lower, min_count=min_count, max_size=3)
    except DataError:
        return 1
    return min_count


def _text_numbers(texts: Sequence[str], facts: Facts, longest: int) -> Iterator[Ints]:
    vocabulary = Vocabulary.from_json(facts["vocabulary"])
    known = None if "pairs" not in facts else _sorted_pairs(facts["pairs"])
    affixes = Affixes(facts["affixes"]) if "affixes" in facts else None
    for text, ids in zip(texts, _numbers(vocabulary, texts, longest), strict=True):
        columns = [ids]
        if known is not None:
            columns.append(_found(_pairs(ids, len(vocabulary)), known))
        if affixes is not None:
            columns.extend(affixes.numbers((vocabulary.tokens(text) or [""])[: len(ids)]).T)
        yield np.stack(columns, axis=1) if len(columns) > 1 else ids


def _numbers(vocabulary: Vocabulary, texts: Sequence[str], longest: int) -> Iterator[Ints]:
    """The token numbers of each text; of an empty one, the unknown token."""
    for text in texts:
        yield np.array((vocabulary.encode(text) or [UNKNOWN])[: longest or None], dtype=np.int64)


def _pairs(ids: Ints, size: int) -> Ints:
    """Each token with the one before it (padding before the first) as one number; -1 where one is unknown."""
    before = np.concatenate(([PAD], ids[:-1]))
    return np.where((ids == UNKNOWN) | (before == UNKNOWN), -1, before * size + ids)


def _found(pairs: Ints, known: Ints) -> Ints:
    """The numbers of pairs: their places among the known ones, after the special ones; or the unknown one."""
    if not len(known):
        return np.full(len(pairs), UNKNOWN)
    at = np.minimum(np.searchsorted(known, pairs), len(known) - 1)
    return np.where(known[at] == pairs, at + SPECIAL, UNKNOWN)


def _sorted_pairs(values: Any) -> Ints:
    pairs = np.array(values, dtype=np.int64)
    if pairs.ndim != 1 or (np.diff(pairs) <= 0).any():
        raise RunError(
            "pairs of tokens that cannot be trusted", where="model.json", fix="train the model again"
        )
    return pairs


def _listed(labels: Sequence[Label]) -> str:
    rest = len(labels) - MOST_NAMED
    return ", ".join(str(label) for label in labels[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
