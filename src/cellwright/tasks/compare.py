"""Several cells on one split: each trained from the same settings, one table at the end. Floor 6.

All names are checked before the first training. The split is the same for all, since it hangs on the seed and
the data alone; the test part chooses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sklearn.base import clone

from cellwright.errors import SettingError
from cellwright.tasks.base import Estimator, Scores
from cellwright.tasks.training.progress import Observer
from cellwright.tasks.training.run import Run


@dataclass(frozen=True)
class Entry:
    """One cell's line: its scores on the test part, its size, and the seconds its training took."""

    cell: str
    scores: Scores
    parameters: int
    epochs: int
    seconds: float


@dataclass(frozen=True)
class Leaderboard:
    """The entries, best first by `score`, and the baselines on the same test part."""

    task: str
    score: str
    better: str
    entries: tuple[Entry, ...]
    baselines: dict[str, Scores]

    def document(self) -> dict[str, Any]:
        """The leaderboard as JSON-able values."""
        return asdict(self)


def contenders(estimator: Estimator[Any, Any], cells: Sequence[str]) -> dict[str, Estimator[Any, Any]]:
    """A copy of `estimator` for each cell: nothing is trained yet, all names and settings are checked.

    Args:
        estimator: the settings of all; its own cell is not used.
        cells: names of cells, or of the task's networks without a cell (`mlp`).

    Raises:
        SettingError: fewer than two cells, one of them twice, or settings out of range.
        CellError: no such cell.
    """
    twice = sorted({cell for cell in cells if list(cells).count(cell) > 1})
    if twice:
        raise SettingError("a cell is named twice", where="cells", got=", ".join(twice), fix="name each once")
    if len(cells) < 2:
        got = ", ".join(cells) or "none"
        raise SettingError("nothing to compare", where="cells", got=got, expected="two or more")
    models: dict[str, Estimator[Any, Any]] = {cell: clone(estimator).set_params(cell=cell) for cell in cells}
    for model in models.values():
        model.check()
        model.find_cell()
    return models


def compare(
    models: Mapping[str, Estimator[Any, Any]],
    data: Any,
    y: Any = None,
    *,
    test: float | tuple[Any, Any],
    out: Path | None = None,
    watch: Mapping[str, Observer] | None = None,
) -> Leaderboard:
    """Train every model on the same split and score it on the same test part.

    Args:
        models: by the name of their cell, as `contenders` gives them; trained in place.
        data, y: what `fit` takes.
        test: a share to hold out, or a pair (X, y), as in `fit`.
        out: a folder to keep each cell's run in, under the cell's name; None keeps nothing.
        watch: who watches the training of each.

    Raises:
        DataError, RunError: as `fit` and `Run.create`.
    """
    runs = {cell: None if out is None else Run.create(out / _folder(cell)) for cell in models}
    for cell, model in models.items():
        model.fit(data, y, test=test, run=runs[cell], observer=(watch or {}).get(cell))
    return _leaderboard(models)


def _folder(cell: str) -> str:
    """A cell's name as that of a folder: `elman(nonlinearity='relu')`, `my/cells.py:fast`."""
    return "-".join("".join(c if c.isalnum() or c == "_" else " " for c in cell).split())


def _leaderboard(models: Mapping[str, Estimator[Any, Any]]) -> Leaderboard:
    last = list(models.values())[-1]
    entries = [
        Entry(cell, m["test"], m["parameters"], m["epochs"], m["seconds"])
        for cell, m in ((cell, model.metrics_) for cell, model in models.items())
    ]
    entries.sort(key=lambda entry: _rank(entry.scores.get(last.watched), last.BETTER))
    return Leaderboard(last.TASK, last.watched, last.BETTER, tuple(entries), last.metrics_["baselines"])


def _rank(score: float | None, better: str) -> float:
    """Least first; a score that has no value comes last."""
    if score is None:
        return float("inf")
    return -score if better == "max" else score
