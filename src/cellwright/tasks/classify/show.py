"""What the report shows of a classifier on held-out data: what it mistakes, single answers. Floor 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from cellwright.tasks.classify.examples import Examples
from cellwright.tasks.classify.several import by_label
from cellwright.tasks.metrics import confusion

SHOWN = 10  # right and wrong predictions, each
STEPS_SHOWN = 12  # of a series


def shown(
    held: Examples,
    names: Sequence[str],
    truth: Tensor,
    said: Tensor,
    shares: Tensor,
    weighed: Callable[[int], dict[str, Any]],
) -> dict[str, Any]:
    """A confusion matrix, or a row for each of several labels; and single predictions.

    Args:
        held: the examples.
        names: of the K classes.
        truth, said: [N], or [N, K] for several labels.
        shares: the probabilities, [N, K].
        weighed: how much each token of an example counted, where that is known.
    """
    if held.several:
        marks, claimed = truth.numpy() > 0, said.numpy()
        right = (marks == claimed).all(1).tolist()
        answers: list[dict[str, Any]] = [
            {"truth": _listed(names, marks[k]), "predicted": _listed(names, claimed[k])}
            for k in _chosen(right)
        ]
        found: dict[str, Any] = {"by_label": by_label(names, marks, claimed)}
    else:
        right = (truth == said).tolist()
        answers = [
            {
                "truth": names[int(truth[k])],
                "predicted": names[int(said[k])],
                "probability": round(float(shares[k].max()), 4),
            }
            for k in _chosen(right)
        ]
        places = [str(k) for k in range(len(names))]
        matrix = confusion([str(k) for k in truth.tolist()], [str(k) for k in said.tolist()], places)
        found = {"confusion": {"labels": list(names), "matrix": matrix.tolist()}}
    predictions = [
        _input(held, k) | weighed(k) | answer for k, answer in zip(_chosen(right), answers, strict=True)
    ]
    return found | {"predictions": predictions}


def _listed(names: Sequence[str], marks: Any) -> str:
    return ", ".join(names[k] for k in np.flatnonzero(marks).tolist()) or "none"


def _chosen(right: list[bool]) -> list[int]:
    """The places of some wrong and some right predictions, evenly spread over the data."""
    chosen: list[int] = []
    for wanted in (False, True):
        places = [k for k, is_right in enumerate(right) if is_right == wanted]
        chosen += places[:: max(1, len(places) // SHOWN)][:SHOWN]
    return chosen


def _input(part: Examples, k: int) -> dict[str, Any]:
    if part.kind != "series":
        return {"text": part.texts[k]}
    values = part.series[k]
    start = np.round(values[:STEPS_SHOWN, 0].astype(float), 3).tolist()
    more = f"{len(values)} steps, {values.shape[1]} channels; the first begins "
    return {"values": more + ", ".join("missing" if np.isnan(v) else f"{v:g}" for v in start)}
