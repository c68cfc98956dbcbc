"""Who watches a training: a live display on a terminal, plain lines elsewhere, or nobody. Floor 6.

Draws only what the loop has recorded. Progress goes to stderr, so that stdout is left to results.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Literal, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from cellwright.tasks.training.history import Row, Value

Reason = Literal["epochs", "patience", "interrupted", "failed"]
REDRAW_SECONDS = 0.1


@dataclass(frozen=True)
class Start:
    """What is about to happen.

    Attributes:
        epochs: how many there will be at most.
        batches: how many one epoch has.
        epoch, batch: how many of each are done already (a resumed run).
        watch: the column of the history that chooses the best weights.
        parameters: how many numbers are trained.
    """

    epochs: int
    batches: int
    epoch: int
    batch: int
    watch: str
    parameters: int


@dataclass(frozen=True)
class Ending:
    """How it ended: `reason`, the finished epochs, the best one (0: none) and its score."""

    reason: Reason
    epoch: int
    best_epoch: int
    best_score: float | None


class Observer(Protocol):
    """Anything that wants to know how the training goes; it must not change it."""

    def started(self, start: Start) -> None:
        """Called once, before the first step."""

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Called after every step: epoch and batch count from 1."""

    def epoch(self, row: Row) -> None:
        """Called at the end of every epoch with its row of the history."""

    def finished(self, ending: Ending) -> None:
        """Called once at the end, whatever the reason."""


def watcher(quiet: bool = False, stream: TextIO | None = None) -> Observer:
    """Nobody if `quiet`, live on a terminal, else plain lines; `stream` is stderr unless given."""
    stream = stream or sys.stderr
    if quiet:
        return Quiet()
    console = Console(file=stream)
    return Live(console) if console.is_terminal else Lines(stream)


class Quiet:
    """An observer that says nothing."""

    def started(self, start: Start) -> None:
        """Nothing."""

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, row: Row) -> None:
        """Nothing."""

    def finished(self, ending: Ending) -> None:
        """Nothing."""


class Lines:
    """One plain line per epoch, for files, pipes and logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pace: _Pace | None = None

    def started(self, start: Start) -> None:
        """Say what is trained."""
        self._pace = _Pace(start)
        self._say(opening(start))

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Count."""
        if self._pace is not None:
            self._pace.step(epoch, batch)

    def epoch(self, row: Row) -> None:
        """The epoch's line."""
        pace = self._pace
        ahead = f"  eta {clock(pace.seconds_left())}" if pace is not None and pace.seconds_left() > 0 else ""
        self._say(line(row, pace.start.epochs if pace else 0) + ahead)

    def finished(self, ending: Ending) -> None:
        """Say how it ended."""
        self._say(closing(ending))

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Live:
    """A bar with the rate, the time that is left and the current score; finished epochs stay above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
        )
        self._task = TaskID(0)
        self._pace: _Pace | None = None
        self._drawn = 0.0
        self._score = ""

    def started(self, start: Start) -> None:
        """Show the bar."""
        self._console.print(Text(opening(start)), soft_wrap=True)
        self._pace = _Pace(start)
        total = start.epochs * start.batches
        self._task = self._bar.add_task("", total=total, completed=self._pace.done, note="")
        self._bar.start()

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Move the bar, a few times a second at most."""
        now = time.monotonic()
        pace = self._pace
        if pace is None:
            return
        pace.step(epoch, batch)
        if now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        speed = f"{pace.per_second():.1f} batches/s  eta {clock(pace.seconds_left())}"
        where = f"epoch {epoch}/{pace.start.epochs}"
        self._bar.update(
            self._task,
            completed=pace.done,
            description=where,
            note=f"{speed}  loss {number(loss)}{self._score}",
        )

    def epoch(self, row: Row) -> None:
        """Leave the epoch's line above the bar."""
        if self._pace is None:
            return
        watch = self._pace.start.watch
        self._score = f"  {label(watch)} {number(row.get(watch))}"
        self._bar.console.print(Text(line(row, self._pace.start.epochs)), soft_wrap=True)

    def finished(self, ending: Ending) -> None:
        """Take the bar away and say how it ended."""
        self._bar.stop()
        self._console.print(Text(closing(ending)), soft_wrap=True)


class _Pace:
    """How fast the batches go by, and how many are left."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self._first = self.done = start.epoch * start.batches + start.batch
        self._begun = time.monotonic()

    def step(self, epoch: int, batch: int) -> None:
        self.done = (epoch - 1) * self.start.batches + batch

    def per_second(self) -> float:
        return (self.done - self._first) / max(time.monotonic() - self._begun, 1e-9)

    def seconds_left(self) -> float:
        left = self.start.epochs * self.start.batches - self.done
        speed = self.per_second()
        return left / speed if speed > 0 else 0.0


def opening(start: Start) -> str:
    """The line before the first epoch."""
    if start.epoch >= start.epochs:
        return f"all {start.epochs} epochs are done already"
    where = f", going on in epoch {start.epoch + 1}" if start.epoch or start.batch else ""
    size = f"{start.parameters:,} parameters, {start.batches} batches an epoch"
    return f"training {size}, at most {start.epochs} epochs{where}"


def line(row: Row, epochs: int) -> str:
    """One epoch in one line.

    >>> line({"epoch": 2, "loss": 0.5, "valid_accuracy": 0.75, "best": True, "seconds": 1.0}, 10)
    'epoch 2/10  loss 0.5000  valid accuracy 0.7500  best  1.0 s'
    """
    scores = [f"{label(name)} {number(value)}" for name, value in row.items() if name.startswith("valid_")]
    parts = [f"epoch {row['epoch']}/{epochs}", f"loss {number(row.get('loss'))}", *scores]
    if row.get("best"):
        parts.append("best")
    if row.get("learning_rate") is not None:
        parts.append(f"rate {row['learning_rate']:.2g}")
    return "  ".join([*parts, f"{row.get('seconds') or 0:.1f} s"])


def closing(ending: Ending) -> str:
    """The line after the last epoch.

    >>> closing(Ending("patience", 9, 4, 0.81))
    'stopped early after epoch 9; the best is epoch 4 (0.8100)'
    """
    how = {
        "epochs": "finished after",
        "patience": "stopped early after",
        "interrupted": "interrupted after",
        "failed": "failed after",
    }[ending.reason]
    best = (
        f"; the best is epoch {ending.best_epoch} ({number(ending.best_score)})" if ending.best_epoch else ""
    )
    return f"{how} epoch {ending.epoch}{best}"


def label(column: str) -> str:
    """A column's name in words: `valid_macro_f1` -> `valid macro f1`."""
    return column.replace("_", " ")


def number(value: Value) -> str:
    """Four decimals, or four digits where that would show nothing.

    >>> number(0.81234), number(1234.5), number(0.00001234), number(None)
    ('0.8123', '1234', '1.234e-05', '-')
    """
    if value is None:
        return "-"
    if value != 0 and not 1e-3 <= abs(value) < 1e3:
        return f"{value:.4g}"
    return f"{value:.4f}"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> clock(75.4), clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
