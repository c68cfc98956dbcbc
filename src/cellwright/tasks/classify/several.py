"""Several labels for one example: each is said or not, by one threshold for all. Floor 6."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cellwright.tasks.classify.labels import Label

Marks = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float32]

HALF = 0.5  # the threshold where no validation part chose one


def threshold(truth: Marks, shares: Shares) -> float:
    """The probability from which on a label is said, so that micro-F1 on this part is the highest.

    Halfway between two probabilities that occur. Of equals the highest: fewer labels are said.

    Args:
        truth: [N, K].
        shares: the probability of each label, [N, K].

    >>> threshold(np.array([[True, False], [True, True]]), np.array([[0.9, 0.2], [0.3, 0.4]], "float32"))
    0.25
    """
    order = np.argsort(-shares, axis=None, kind="stable")
    sorted_shares, right = shares.ravel()[order].astype(np.float64), truth.ravel()[order]
    if not right.any():
        return HALF
    f1 = 2 * right.cumsum() / (np.arange(1, len(right) + 1) + right.sum())
    following = np.append(sorted_shares[1:], 0.0)
    f1[sorted_shares == following] = 0.0  # no threshold lies between equals
    best = int(f1.argmax())
    if not f1[best]:
        return HALF
    return round(float(sorted_shares[best] + following[best]) / 2, 6)


def scores(truth: Marks, said: Marks) -> dict[str, float]:
    """Micro-F1, macro-F1 over the labels that are true or said of some example, and subset accuracy.

    Args:
        truth, said: [N, K].

    >>> scores(np.array([[True, False], [True, True]]), np.array([[True, False], [True, False]]))
    {'micro_f1': 0.8, 'macro_f1': 0.5, 'subset_accuracy': 0.5}
    """
    right, there, named = (truth & said).sum(0), truth.sum(0), said.sum(0)
    used = there + named > 0
    each = 2 * right[used] / (there + named)[used]
    total = int(there.sum() + named.sum())
    return {
        "micro_f1": float(2 * right.sum() / total) if total else 1.0,
        "macro_f1": float(each.mean()) if len(each) else 1.0,
        "subset_accuracy": float((truth == said).all(1).mean()),
    }


def said(names: Sequence[Label], shares: Shares, least: float) -> list[dict[str, Any]]:
    """The labels that are at least so probable, the most probable first, of `shares` [N, K].

    >>> said(["a", "b", "c"], np.array([[0.5, 0.75, 0.25]], "float32"), 0.5)
    [{'labels': ['b', 'a'], 'probabilities': [0.75, 0.5]}]
    """
    rows = [[k for k in np.argsort(-row, kind="stable").tolist() if row[k] >= least] for row in shares]
    return [
        {"labels": [names[k] for k in places], "probabilities": [round(float(row[k]), 4) for k in places]}
        for places, row in zip(rows, shares, strict=True)
    ]


def by_label(names: Sequence[str], truth: Marks, said: Marks) -> list[dict[str, Any]]:
    """A row for each label: how often it is true, precision, recall, F1 (None: never said, never true)."""
    rows = []
    for k, name in enumerate(names):
        right, there, named = (int(v.sum()) for v in (truth[:, k] & said[:, k], truth[:, k], said[:, k]))
        rows.append(
            {
                "label": name,
                "true": there,
                "said": named,
                "precision": round(right / named, 4) if named else None,
                "recall": round(right / there, 4) if there else None,
                "f1": round(2 * right / (there + named), 4) if there + named else None,
            }
        )
    return rows


def begin_at(network: nn.Module, counts: Tensor, examples: int) -> None:
    """Let an untrained network say of every example how often each label is true (Lin et al. 2017, 4.1).

    From a half for all labels it would first have to learn that most of them are rare.

    Args:
        network: ends in a linear layer `head` of K outputs.
        counts: how many examples have each label, [K].
        examples: how many there are.
    """
    head = network.get_submodule("head")
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.bias.copy_(((counts + 0.5) / (examples - counts + 0.5)).log())


def rarity(counts: Tensor, examples: int) -> Tensor:
    """How much a true label must weigh to weigh as much as all the examples without it, [K]."""
    return (examples - counts) / counts


def frequent(train: Tensor, count: int) -> Marks:
    """The baseline that says the most frequent label and no other of `count` examples, [count, K]."""
    said = np.zeros((count, train.shape[1]), dtype=bool)
    said[:, int(train.sum(0).argmax())] = True
    return said
