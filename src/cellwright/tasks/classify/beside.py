"""What no network is needed for, beside the classifier, and the scores of both. Floor 6."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cellwright.tasks import baselines as simple
from cellwright.tasks.classify import code, genes, several
from cellwright.tasks.classify.examples import Examples
from cellwright.tasks.metrics import accuracy, macro_f1, mcc

Scores = dict[str, float]


def of_classes(truth: Sequence[int], said: Sequence[int], kind: str) -> Scores:
    """Accuracy and macro-F1 of places among the classes; of genes and proteins Matthews' coefficient too."""
    true, claimed = [str(k) for k in truth], [str(k) for k in said]
    found = {"accuracy": accuracy(true, claimed), "macro_f1": macro_f1(true, claimed)}
    return found | {"mcc": mcc(true, claimed)} if kind == "sequence" else found


def beside(train: Examples, held: Examples) -> dict[str, Scores]:
    """The scores on `held` of the most frequent class and of a linear model, both of `train` alone.

    The linear model reads words and pairs of words, letters, or series stretched to one length; of several
    labels there is one for each.

    Raises:
        DataError: labels that `train` has not seen.
    """
    facts = code.label_facts(train)
    known, truth = code.encoded_labels(train, facts), code.encoded_labels(held, facts)
    if train.several:
        marks = truth.numpy() > 0
        said = {
            "majority": several.frequent(known, len(held)),
            "linear": _linear(train, known.numpy() > 0, held),
        }
        return {name: several.scores(marks, one) for name, one in said.items()}
    labels, true = [str(k) for k in known.tolist()], truth.tolist()
    claimed = {
        "majority": simple.majority(labels, [str(k) for k in true]),
        "linear": _linear(train, labels, held),
    }
    return {name: of_classes(true, [int(k) for k in one], train.kind) for name, one in claimed.items()}


def _linear(train: Examples, labels: simple.Said, held: Examples) -> simple.Said:
    if train.kind == "sequence":
        return genes.linear(train, labels, held)
    if train.kind == "text":
        return simple.linear_text(train.texts, labels, held.texts)
    return simple.linear_series(_filled(train), labels, _filled(held))


def _filled(part: Examples) -> list[npt.NDArray[np.float32]]:
    """Series without NaN, for the linear baseline: a missing value is the mean of its channel."""
    mean = np.nanmean(np.concatenate(part.series), axis=0)
    return [np.where(np.isnan(values), mean, values) for values in part.series]
