"""What ails a training, from what it wrote down: each finding with its evidence and a cure. Floor 6.

Reads finished runs and unfinished ones (stopped, failed); executes nothing of them. Thresholds are rules of
thumb: the evidence says what was measured. Refuses what is no run (RunError).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from cellwright.page.numbers import number
from cellwright.tasks.report.verdict import score_name, verdict
from cellwright.tasks.training.failure import failure
from cellwright.tasks.training.figures import FEW
from cellwright.tasks.training.history import History
from cellwright.tasks.training.run import HISTORY, MODEL, Run

FAINT = 1e-6  # of the last step's gradient: what arrives below it teaches nothing
WILD, LARGE = 100.0, 10.0  # times the median gradient; and a length that is large in itself
OFTEN = 0.5  # of the steps of an epoch: the clip, not the rate, sets their size
STUCK, DEAD = 0.5, 0.25  # shares of units
FORGETFUL, LONG = 0.4, 10  # what is kept from step to step, and sequences for which that matters
RISE, BUMPY = 1.2, 1 / 3  # times the least training loss; share of epochs in which it rose
WORSE, LEARNT = 1.1, 0.9  # validation loss after the best epoch; training loss meanwhile


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: what, how one sees it, what to do."""

    name: str
    evidence: str
    cure: str


@dataclass(frozen=True)
class Diagnosis:
    """What was found, what was looked for in vain, and what could not be looked for and why.

    Attributes:
        state: of the run: "finished", "unfinished" or what made it fail.
        findings: most pressing first.
        sound: the names of what was looked for and not found.
        unknown: (name, why) of what the run does not tell.
    """

    state: str
    findings: tuple[Finding, ...]
    sound: tuple[str, ...]
    unknown: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Record:
    """What is known of a training."""

    settings: Mapping[str, Any]
    history: History
    metrics: Mapping[str, Any]
    failure: str

    def last(self, column: str) -> float | None:
        """The newest known value of a column."""
        known = [v for v in self.history.column(column) if isinstance(v, (int, float))]
        return float(known[-1]) if known else None

    def numbers(self, column: str) -> list[float]:
        """A column, NaN where it is not known."""
        values = self.history.column(column)
        return [float(v) if isinstance(v, (int, float)) else math.nan for v in values]


class UnknownError(Exception):
    """A check cannot say anything: the message says why."""


Check = Callable[[Record], "Finding | None"]


def diagnose(path: Path | str) -> Diagnosis:
    """Look at a run, finished or not.

    Raises:
        RunError: no run folder; a file of it is damaged.
    """
    record, state = _record(Path(path))
    findings, sound, unknown = [], [], []
    for name, check in CHECKS:
        try:
            found = check(record)
        except UnknownError as why:
            unknown.append((name, str(why)))
            continue
        if found is None:
            sound.append(name)
        else:
            findings.append(found)
    return Diagnosis(state, tuple(findings), tuple(sound), tuple(unknown))


def _record(path: Path) -> tuple[Record, str]:
    if (path / MODEL).exists() or not Run(path).begun:
        run = Run.open(path)
        return Record(run.document()["settings"], run.history(), run.metrics(), ""), "finished"
    run = Run(path)
    history = History.read(path / HISTORY) if (path / HISTORY).exists() else History()
    why = failure(path)
    return Record(run.started()["settings"], history, {}, why), why or "unfinished"


def _exploding(record: Record) -> Finding | None:
    cure = "lower --learning-rate, lower --clip, or take a cell with gates"
    if "gradient became" in record.failure:
        return Finding("exploding", record.failure.partition(";")[0], cure)
    largest, middle = _need(record, "grad_norm_max"), _need(record, "grad_norm_median")
    epochs = [k for k, (m, n) in enumerate(zip(largest, middle, strict=True)) if m > WILD * n and m > LARGE]
    if not epochs:
        return None
    k = epochs[-1]
    evidence = (
        f"in epoch {k + 1} the longest gradient was {number(largest[k], 3)}, "
        f"{number(largest[k] / middle[k], 2)} times the median; {_acted(record, k)}"
    )
    return Finding("exploding", evidence, cure)


def _acted(record: Record, epoch: int) -> str:
    """How often the clip came between."""
    clip, shares = record.settings.get("clip"), record.numbers("clipped")
    if not clip or not math.isfinite(shares[epoch]):
        return "nothing clipped it"
    return f"the clip at {number(clip)} shortened {shares[epoch]:.0%} of the steps there"


def _clipping(record: Record) -> Finding | None:
    clip = record.settings.get("clip")
    if not clip:
        raise UnknownError("clipping is off")
    share = _need(record, "clipped")[-1]
    if not share >= OFTEN:
        return None
    evidence = f"the clip at {number(clip)} shortened {share:.0%} of the steps of the last epoch"
    return Finding(
        "clipping", evidence, "lower --learning-rate, or raise --clip if the loss falls all the same"
    )


def _vanishing(record: Record) -> Finding | None:
    reach, steps = _figure(record, "reach"), _figure(record, "reach_steps")
    if steps < 2:
        raise UnknownError("the sequences have one step")
    if reach >= FAINT:
        return None
    share = reach ** (1 / (steps - 1)) if reach > 0 else 0.0
    back = max(1, math.floor(math.log(1e-3) / math.log(share))) if share > 0 else 1
    evidence = (
        f"of the gradient at the last of {steps:.0f} steps {number(reach, 2)} arrives at the first; "
        f"a thousandth is left about {back} steps back (the longest {FEW} sequences of a batch)"
    )
    cure = "take lstm or gru, a larger forget bias, or shorter sequences; for classes --pooling max or mean"
    return Finding("vanishing", evidence, cure)


def _saturated(record: Record) -> Finding | None:
    share = _figure(record, "stuck")
    if share < STUCK:
        return None
    evidence = f"in one gate {share:.0%} of the units are at one end of their range in 95 % of the steps"
    cure = "lower --learning-rate, scale the inputs, or raise --weight-decay"
    return Finding("saturated gates", evidence, cure)


def _dead(record: Record) -> Finding | None:
    share = _figure(record, "dead")
    if share < DEAD:
        return None
    evidence = f"{share:.0%} of the units hardly move from step to step and sequence to sequence"
    cure = "take fewer --units, lower --learning-rate, or tanh in the place of relu"
    return Finding("dead units", evidence, cure)


def _forgetful(record: Record) -> Finding | None:
    keep, steps = _figure(record, "keep"), _figure(record, "reach_steps")
    if keep >= FORGETFUL or steps < LONG:
        return None
    half = math.log(0.5) / math.log(keep) if keep > 0 else 0.0
    evidence = (
        f"from step to step {keep:.0%} of the state is kept: half is gone after {number(half, 2)} steps"
    )
    cure = "start the forget bias at 1 or more (in the cell: init={'b_f': 1.0})"
    return Finding("forget bias too low", evidence, cure)


def _too_fast(record: Record) -> Finding | None:
    rate = record.settings.get("learning_rate")
    cure = f"lower --learning-rate (now {number(rate)}), by a factor of 3 to begin with"
    if "loss became" in record.failure:
        return Finding("learning rate too high", record.failure.partition(";")[0], cure)
    losses = _need(record, "loss")
    if len(losses) < 3:
        raise UnknownError("fewer than three epochs")
    least = min(losses)
    if losses[-1] > RISE * least > 0:
        evidence = f"the training loss rose from {number(least, 3)} to {number(losses[-1], 3)}"
        return Finding("learning rate too high", evidence, cure)
    rises = sum(b > 1.02 * a for a, b in pairwise(losses))
    if rises > BUMPY * (len(losses) - 1) and rises > 1:
        evidence = f"the training loss rose in {rises} of {len(losses) - 1} epochs"
        return Finding("learning rate too high", evidence, cure)
    return None


def _over_fitting(record: Record) -> Finding | None:
    valid, train = _need(record, "valid_loss", _watched(record)), _need(record, "loss")
    if len(valid) < 3:
        raise UnknownError("fewer than three epochs")
    best = min(range(len(valid)), key=lambda k: valid[k])
    if not (valid[-1] > WORSE * valid[best] and train[-1] < LEARNT * train[best]):
        return None
    evidence = (
        f"after epoch {best + 1} the validation loss went from {number(valid[best], 3)} "
        f"to {number(valid[-1], 3)}, "
        f"the training loss from {number(train[best], 3)} to {number(train[-1], 3)}"
    )
    return Finding(
        "over-fitting", evidence, "more data, a larger --dropout, fewer --units, or fewer --epochs"
    )


def _unfinished(record: Record) -> Finding | None:
    ended, best = record.metrics.get("ended"), record.metrics.get("best_epoch")
    if ended is None or not best:
        raise UnknownError("nothing was validated to the end")
    losses = _need(record, "loss")
    falling = len(losses) > 2 and losses[-1] < 0.95 * losses[-3]
    if ended != "epochs" or best != record.metrics.get("epochs") or not falling:
        return None
    evidence = f"the last epoch, {best}, was the best, and the training loss still fell"
    return Finding("stopped too early", evidence, f"more --epochs (now {record.settings.get('epochs')})")


def _beaten(record: Record) -> Finding | None:
    if not record.metrics.get("baselines"):
        raise UnknownError("the run was not scored beside a baseline")
    found = verdict(record.metrics)
    if found.tone not in ("bad", "mixed"):
        return None
    cure = "use the baseline, or give the network more data, more epochs or another cell (cellwright compare)"
    return Finding("a baseline not beaten", found.sentence, cure)


def _watched(record: Record) -> str:
    """The score that was watched in the place of a loss, where a lower one is better."""
    score = str(record.metrics.get("score", ""))
    return f"valid_{score}" if record.metrics.get("better") == "min" else "valid_loss"


def _need(record: Record, *columns: str) -> list[float]:
    """The first of the columns that the history has."""
    for column in columns:
        values = record.numbers(column)
        if values and all(map(math.isfinite, values)):
            return values
    names = score_name(columns[0].removeprefix("valid_"))
    raise UnknownError(f"the history has no {names}" if len(record.history) else "no epoch was finished")


def _figure(record: Record, name: str) -> float:
    value = record.last(f"inside_{name}")
    if value is None:
        why = "the history has no such figure: another cell, task or version"
        raise UnknownError(why if len(record.history) else "no epoch was finished")
    return value


CHECKS: tuple[tuple[str, Check], ...] = (
    ("exploding", _exploding),
    ("learning rate too high", _too_fast),
    ("clipping", _clipping),
    ("vanishing", _vanishing),
    ("forget bias too low", _forgetful),
    ("saturated gates", _saturated),
    ("dead units", _dead),
    ("over-fitting", _over_fitting),
    ("stopped too early", _unfinished),
    ("a baseline not beaten", _beaten),
)


def lines(found: Diagnosis) -> Iterator[str]:
    """A diagnosis as text."""
    yield f"training: {found.state}"
    for one in found.findings:
        yield f"! {one.name}: {one.evidence}"
        yield f"  {one.cure}"
    if found.sound:
        yield f"not found: {', '.join(found.sound)}"
    for why in dict.fromkeys(why for _, why in found.unknown):
        yield f"not known: {', '.join(name for name, own in found.unknown if own == why)} ({why})"
