"""The run folder: what a training writes and what everything later reads. Floor 6; JSON and safetensors only.

    model.json           settings, facts, the cell's graph, the tensors' names, shapes and checksum
    model.safetensors    the best weights
    history.jsonl        one line per epoch
    metrics.json         the scores, beside the baselines
    report.html          the page
    last/                start.json, state.json and tensors: what a resumed training needs

Refuses folders that are not ours, of another version, incomplete or changed. `model.json` is written last: a
folder that has it is finished.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from cellwright.tasks.history import History
from cellwright.tasks.snapshot import Snapshot

FORMAT = "cellwright run"
VERSION = 1


class Run:
    """One run folder. Make one with `Run.create` (to train into) or `Run.open` (a finished one)."""

    def __init__(self, path: Path, *, resuming: bool = False, replacing: bool = False) -> None:
        self.path = path
        self.resuming = resuming
        self._replacing = replacing

    @classmethod
    def create(cls, path: Path | str, *, force: bool = False, resume: bool = False) -> Run:
        """Check that `path` can take a new run (`resume`: can go on). Nothing is written or deleted before `begin`.

        Raises:
            RunError: a file; a folder that is not empty (without `force` or `resume`); a folder that is not a
                run of ours (even with them: it is never deleted); a place that cannot be written.
        """
        raise NotImplementedError

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """A finished run.

        Raises:
            RunError: missing, not ours, of another format version (got, expected), unfinished ("resume it"),
                a piece is missing (named).
        """
        raise NotImplementedError

    @property
    def place(self) -> str:
        """Where snapshots go, for messages."""
        return str(self.path / "last")

    def begin(self, document: Mapping[str, Any], changeable: frozenset[str]) -> Snapshot | None:
        """Open the folder for training; returns the snapshot to resume from, if there is one.

        Args:
            document: task, settings, facts and cell, as `Estimator.document` gives them.
            changeable: the settings that may differ in a resumed run.

        Raises:
            RunError: the run was started with other settings, another cell, or data that give other facts.
        """
        raise NotImplementedError

    def keep(self, snapshot: Snapshot) -> None:
        """Make a snapshot durable: history first, tensors under a new name, then `state.json`, which points to them."""
        raise NotImplementedError

    def finish(
        self, document: Mapping[str, Any], weights: Mapping[str, Tensor], metrics: Mapping[str, Any]
    ) -> None:
        """Write the finished run; `model.json` comes last."""
        raise NotImplementedError

    def document(self) -> dict[str, Any]:
        """The content of `model.json` (task, settings, facts, cell, weights), its version verified."""
        raise NotImplementedError

    def weights(self) -> dict[str, Tensor]:
        """The weights, on the CPU; their checksum, names and shapes verified."""
        raise NotImplementedError

    def history(self) -> History:
        """The rows of `history.jsonl`."""
        raise NotImplementedError

    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        raise NotImplementedError

    def write(self, name: str, content: bytes | str) -> Path:
        """Write one more file into the folder (`report.html`), atomically; returns its path."""
        raise NotImplementedError
