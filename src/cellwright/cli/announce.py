"""The notices before a training, kept back until it really begins. Floor 7.

A mistake that shows only after the data are read then gets its one line, with nothing before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cellwright.cli.screen import notice
from cellwright.tasks.training.history import Row
from cellwright.tasks.training.progress import Ending, Start, watcher


class Announced:
    """The usual watcher, with lines before its first one; says nothing if `quiet`."""

    def __init__(self, lines: Sequence[str], *, quiet: bool) -> None:
        self._lines = lines
        self._quiet = quiet
        self._watcher = watcher(quiet=quiet)

    def started(self, start: Start) -> None:
        """The lines, then the watcher's."""
        for line in self._lines:
            notice(line, quiet=self._quiet)
        self._watcher.started(start)

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Passed on."""
        self._watcher.batch(epoch, batch, loss)

    def epoch(self, row: Row) -> None:
        """Passed on."""
        self._watcher.epoch(row)

    def finished(self, ending: Ending) -> None:
        """Passed on."""
        self._watcher.finished(ending)
