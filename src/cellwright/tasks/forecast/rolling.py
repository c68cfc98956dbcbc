"""Rolling origin: what would have been forecast at several times, by what was known then. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from sklearn.base import clone

from cellwright.errors import DataError
from cellwright.tasks.forecast.series import Part
from cellwright.tasks.forecast.show import written

if TYPE_CHECKING:
    from cellwright.tasks.forecast.task import Forecaster

JUDGED = 0.4  # share of the rows, the last ones, over which the origins are spread


def rolling(part: Part, count: int, horizon: int) -> list[tuple[Part, Part]]:
    """For each of `count` times the rows before it, and those from it to the next one, a horizon at least.

    Raises:
        DataError: too few rows.

    >>> import numpy as np
    >>> from cellwright.tasks.forecast.series import Panel, Series, whole
    >>> part = whole(Panel((Series(np.zeros((50, 1)), np.zeros((50, 0)), ("y",)),)))
    >>> [(rest.spans[0].stop, held.spans[0].stop) for rest, held in rolling(part, 4, 5)]
    [(30, 35), (35, 40), (40, 45), (45, 50)]
    """
    rows = part.rows
    block = max(horizon, int(JUDGED * rows / count))
    if count * block >= rows - horizon:
        raise DataError(
            "too few rows for so many origins",
            where=part.panel.first.source,
            got=f"{rows} rows",
            expected=f"more than {count * block + horizon} ({count} times {block}, and a horizon before)",
            fix="take fewer of them, or a shorter --horizon",
        )
    found = []
    for left in range(count, 0, -1):
        rest, held = part.cut(left * block)
        found.append((rest, held.cut((left - 1) * block)[0] if left > 1 else held))
    return found


def backtest(estimator: Forecaster, part: Part, count: int) -> list[dict[str, Any]]:
    """Train anew at each of `count` times, and score the rows from there to the next one.

    Returns:
        For each time {"from": .., "rows": .., "scores": {method: scores}}; the network's by its cell.

    Raises:
        DataError: as `rolling` and `Estimator.fit`.
    """
    found = []
    for rest, held in estimator.folds(part, count):
        model = clone(estimator).set_params(backtest=0)
        train, valid = model.hold_out(rest, model.valid) if model.valid else (rest, None)
        with torch.inference_mode(False), torch.enable_grad():  # scores are taken without gradients
            model.fit_parts(train, valid, held)
        name = model.cell if isinstance(model.cell, str) else model.cell.name
        scores = {name: model.metrics_["test"], **model.metrics_["baselines"]}
        found.append({"from": _when(held), "rows": len(held), "scores": scores})
    return found


def means(found: Sequence[Mapping[str, Any]], score: str) -> dict[str, float]:
    """The mean of a score over all times, for each method that has it at every one."""
    every = [one["scores"] for one in found]
    methods = [name for name in every[0] if all(score in scores.get(name, {}) for scores in every)]
    return {name: sum(scores[name][score] for scores in every) / len(every) for name in methods}


def _when(held: Part) -> str:
    """The first time of a part, or its first row."""
    span = next(span for span in held.spans if len(span))
    stamps = span.series.stamps
    return f"row {span.first + 1}" if stamps is None else written(stamps[span.first : span.first + 1])[0]
