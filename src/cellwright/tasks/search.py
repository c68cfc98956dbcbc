"""Choosing the size: settings tried on folds of the training part, by Optuna (the extra `tune`). Floor 6.

The test part is cut off before anything is tried and never looked at. A study is a file: what was tried stays
tried, and more can be tried later. Refuses ranges that are none, and a study of other data or settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sklearn.base import clone

from cellwright.checkpoint import digest, to_json
from cellwright.errors import Interrupted, RunError, SettingError
from cellwright.tasks.base import Estimator
from cellwright.tasks.training.history import Row
from cellwright.tasks.training.progress import Quiet

STUDY, NAME = "study.db", "cellwright"
PATIENT, PRUNED_FROM = 5, 5  # trials and epochs that are never cut short
RANGES: Mapping[str, tuple[float, float]] = {
    "units": (8, 256),
    "layers": (1, 3),
    "dropout": (0.0, 0.6),
    "learning_rate": (3e-4, 1e-2),
}
WHOLE = ("units", "layers")


@runtime_checkable
class Folded(Protocol):
    """An estimator that cuts its data as its task asks for: in time, by class."""

    def folds(self, part: Any, count: int) -> Sequence[tuple[Any, Any]]:
        """(rest, held out), several times."""


@dataclass(frozen=True)
class Space:
    """What is searched.

    Attributes:
        cells: names of cells.
        ranges: of the settings, both ends included; units go by powers of two.
    """

    cells: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Tried:
    """One trial: its settings, the mean of its scores on the folds (None: it was cut short), those scores."""

    number: int
    settings: Mapping[str, Any]
    score: float | None
    folds: tuple[float, ...]


def space(cells: Sequence[str], text: str, fixed: Mapping[str, Any]) -> Space:
    """The space by `units=8:256,layers=1:2`; what is fixed is not searched.

    Raises:
        SettingError: no such setting, no range.

    >>> space(["lstm"], "units=8:32", {"dropout": 0.1, "learning_rate": 0.01, "layers": 1}).ranges
    {'units': (8.0, 32.0)}
    """
    ranges = {name: RANGES[name] for name in RANGES if name not in fixed}
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, ends = word.partition("=")
        low, _, high = ends.partition(":")
        try:
            pair = (float(low), float(high or low))
        except ValueError:
            pair = (math.nan, math.nan)
        if name not in RANGES or not pair[0] <= pair[1] or name in fixed:
            raise SettingError(
                "not a range to search"
                if name not in fixed
                else "a setting that is fixed cannot be searched",
                where="--ranges",
                got=word,
                expected=f"NAME=LOW:HIGH, of {', '.join(RANGES)}",
            )
        ranges[name] = pair
    return Space(tuple(cells), ranges)


def search(
    estimator: Estimator[Any, Any],
    material: Any,
    wanted: Space,
    *,
    folder: Path,
    trials: int,
    folds: int,
    test: Any = None,
    resume: bool = False,
    watch: Callable[[Tried, int], None] = lambda tried, number: None,
) -> list[Tried]:
    """Try settings until there are `trials` of them; returns all, the best first, those cut short last.

    Args:
        estimator: its settings are those of every trial, but for what is searched.
        material: what its `read` gave.
        wanted: the space.
        folder: for the study; made.
        trials: how many in all, those of earlier sessions too.
        folds: into how many parts the training part is cut.
        test: what is held out and never looked at, as in `fit`.
        resume: go on with the study in the folder.
        watch: told of each trial.

    Raises:
        SettingError: Optuna is not installed; settings out of range.
        RunError: there is a study already, or one of other data or settings.
        Interrupted: the user stopped; what was tried is kept.
    """
    if find_spec("optuna") is None:
        raise SettingError("tune needs Optuna", fix="pip install 'cellwright[tune]'")
    estimator.check()
    rest = estimator.take(material)
    if test is not None and not isinstance(test, tuple):
        rest, _ = estimator.hold_out(rest, test)
    cuts = _cuts(estimator, rest, folds)
    study = _study(folder, resume, _identity(estimator, rest, wanted, folds, test), estimator)
    for _ in range(trials - len(_counted(study))):
        try:
            trial = study.ask()
            _run(study, trial, estimator, wanted, cuts)
        except KeyboardInterrupt:
            study.tell(trial, state=_states().FAIL)
            done = len(_counted(study))
            raise Interrupted(
                f"stopped after {done} trials; they are in {folder}; go on with --resume"
            ) from None
        watch(_tried(study.trials[-1]), len(_counted(study)))
    return ranked(study, estimator.BETTER)


def ranked(study: Any, better: str) -> list[Tried]:
    """All trials of a study, the best first; those that were cut short at the end."""
    found = [_tried(trial) for trial in _counted(study)]
    sign = -1 if better == "max" else 1
    return sorted(found, key=lambda one: (one.score is None, sign * (one.score or 0.0), one.number))


def _cuts(estimator: Estimator[Any, Any], rest: Any, folds: int) -> Sequence[tuple[Any, Any]]:
    """As the task cuts its data; several random parts where it says nothing about it."""
    found: list[tuple[Any, Any]] = []
    if isinstance(estimator, Folded):
        return list(estimator.folds(rest, folds))
    for number in range(folds):
        other: Estimator[Any, Any] = clone(estimator).set_params(seed=estimator.seed + number)
        found.append(other.hold_out(rest, 1 / (folds + 1)))
    return found


def _study(folder: Path, resume: bool, identity: str, estimator: Estimator[Any, Any]) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / STUDY
    if path.exists() and not resume:
        raise RunError("there is a study already", where=folder, fix="add --resume, or choose another --out")
    if resume and not path.exists():
        raise RunError("no study to go on with", where=folder, fix="leave --resume")
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{path}",
        study_name=NAME,
        load_if_exists=True,
        direction="maximize" if estimator.BETTER == "max" else "minimize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=PATIENT, n_warmup_steps=PRUNED_FROM),
    )
    study.sampler = optuna.samplers.TPESampler(seed=estimator.seed + len(study.trials))
    if study.user_attrs.setdefault("identity", identity) != identity:
        raise RunError(
            "the study was made with other data, settings, ranges or folds",
            where=folder,
            fix="give those it was begun with, or choose another --out",
        )
    study.set_user_attr("identity", identity)
    return study


def _identity(estimator: Estimator[Any, Any], rest: Any, wanted: Space, folds: int, test: Any) -> str:
    said = [estimator.TASK, estimator.settings(), wanted.cells, wanted.ranges, folds, len(rest), str(test)]
    return digest(to_json(said).encode())


def _run(
    study: Any, trial: Any, estimator: Estimator[Any, Any], wanted: Space, cuts: Sequence[tuple[Any, Any]]
) -> None:
    """One trial on all folds, unless it is cut short."""
    settings = _suggested(trial, wanted)
    trial.set_user_attr("settings", settings)
    scores: list[float] = []
    for train, held in cuts:
        model = clone(estimator).set_params(**settings)
        watcher = _Watcher(trial, scores, estimator, len(scores))
        try:
            model.fit_parts(train, held, None, observer=watcher)
        except _CutShort:
            trial.set_user_attr("folds", scores)
            study.tell(trial, state=_states().PRUNED)
            return
        scores.append(float(model.metrics_["valid"][model.watched]))
    trial.set_user_attr("folds", scores)
    study.tell(trial, sum(scores) / len(scores))


def _suggested(trial: Any, wanted: Space) -> dict[str, Any]:
    found: dict[str, Any] = {"cell": trial.suggest_categorical("cell", list(wanted.cells))}
    for name, (low, high) in wanted.ranges.items():
        if name == "units":
            powers = (math.ceil(math.log2(low)), max(math.ceil(math.log2(low)), math.floor(math.log2(high))))
            found[name] = 2 ** trial.suggest_int("log2_units", *powers)
        elif name in WHOLE:
            found[name] = trial.suggest_int(name, round(low), round(high))
        else:
            found[name] = trial.suggest_float(name, low, high, log=name == "learning_rate")
    return found


class _CutShort(Exception):  # noqa: N818 - it is not a mistake
    """A trial that would not become one of the better half."""


class _Watcher(Quiet):
    """Reports every epoch's score, the finished folds in its mean, and cuts a poor trial short."""

    def __init__(self, trial: Any, done: Sequence[float], estimator: Estimator[Any, Any], fold: int) -> None:
        self._trial, self._done, self._fold = trial, tuple(done), fold
        self._column, self._epochs = f"valid_{estimator.watched}", estimator.epochs
        self._pick = max if estimator.BETTER == "max" else min
        self._best: float | None = None

    def epoch(self, row: Row) -> None:
        """One more score."""
        value = row.get(self._column)
        if not isinstance(value, float) or not math.isfinite(value):
            return
        self._best = value if self._best is None else self._pick(self._best, value)
        step = self._fold * self._epochs + int(row["epoch"] or 0)
        self._trial.report((sum(self._done) + self._best) / (len(self._done) + 1), step)
        if self._trial.should_prune():
            raise _CutShort


def _counted(study: Any) -> list[Any]:
    """The trials that came to an end, or were cut short."""
    return [trial for trial in study.trials if trial.state in (_states().COMPLETE, _states().PRUNED)]


def _tried(trial: Any) -> Tried:
    attributes = trial.user_attrs
    score = trial.value if trial.state == _states().COMPLETE else None
    return Tried(trial.number, attributes["settings"], score, tuple(attributes.get("folds", ())))


def _states() -> Any:
    from optuna.trial import TrialState

    return TrialState
