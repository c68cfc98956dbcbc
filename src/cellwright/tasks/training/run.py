"""The run folder: what a training writes and everything later reads. Floor 6; JSON and safetensors only.

Refuses folders that are not ours, of another version, incomplete or changed (RunError). `model.json` is
written last: a folder that has it is finished. `last/` holds what a resumed training needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from cellwright.checkpoint import (
    as_read,
    load_tensors,
    read_json,
    save_tensors,
    write_atomic,
    write_json,
)
from cellwright.errors import RunError, SettingError
from cellwright.tasks.training.history import History, append_row
from cellwright.tasks.training.same import refuse_other_start
from cellwright.tasks.training.snapshot import Snapshot

FORMAT = "cellwright run"
VERSION = 1
MODEL, WEIGHTS, HISTORY, METRICS, LAST = (
    "model.json",
    "model.safetensors",
    "history.jsonl",
    "metrics.json",
    "last",
)
START, STATE = "start.json", "state.json"


class Run:
    """One run folder. Make one with `Run.create` (to train into) or `Run.open` (a finished one).

    model.json           settings, facts, the cell's graph, the tensors' names, shapes and checksum
    model.safetensors    the best weights
    history.jsonl        one line per epoch
    metrics.json         the scores, beside the baselines
    report.html          the page
    last/                start.json, state.json and the tensors it points to
    """

    def __init__(self, path: Path, *, resuming: bool = False) -> None:
        self.path = path
        self.resuming = resuming
        self.asked: Mapping[str, Any] = {}  # what else the run is to be resumed with: kept in start.json
        self._rows = 0
        self._best: dict[str, str] | None = None

    @classmethod
    def create(cls, path: Path | str, *, force: bool = False, resume: bool = False) -> Run:
        """Check that `path` can take a new run, or (`resume`) go on with its own; nothing is written yet.

        Raises:
            RunError: a file; a folder that is not empty (without `force` or `resume`); a folder that is not a
                run of ours (even with them: it is never deleted); a place that cannot be written.
            SettingError: both `force` and `resume`.
        """
        path = Path(path)
        if force and resume:
            raise SettingError("force and resume exclude each other", fix="choose one")
        _refuse_unwritable(path)
        if path.is_dir() and any(path.iterdir()):
            _refuse_occupied(path, force, resume)
        return cls(path, resuming=resume)

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """A finished run.

        Raises:
            RunError: missing, not ours, of another format version (got, expected), unfinished ("resume it"),
                a piece is missing (named).
        """
        path = Path(path)
        if not path.is_dir():
            got = "a file" if path.exists() else "nothing"
            raise RunError("no such run folder", where=path, got=got, expected="a folder made by `train`")
        if not (path / MODEL).exists() and _is_ours(path):
            raise RunError(
                "the run is not finished", where=path, fix="resume it: the same command with --resume added"
            )
        if not (path / MODEL).exists():
            raise RunError("not a run folder", where=path, got=_names(path), expected=f"{MODEL}, {WEIGHTS}")
        for name in (WEIGHTS, HISTORY, METRICS):
            if not (path / name).is_file():
                raise RunError(
                    "the run is incomplete", where=path, got=f"no {name}", fix="restore it, or train again"
                )
        run = cls(path)
        run.document()
        return run

    @property
    def place(self) -> str:
        """Where snapshots go, for messages."""
        return str(self.path / LAST)

    @property
    def begun(self) -> bool:
        """Whether a training was started here before: with `resuming`, its settings are in `started()`."""
        return (self.path / LAST / START).exists()

    def begin(self, document: Mapping[str, Any], changeable: frozenset[str] = frozenset()) -> Snapshot | None:
        """Open the folder for training; returns the snapshot to go on from, if there is one.

        Only now does a run that `force` allowed to be replaced disappear; files that are not ours stay. When
        not even the first file can be written, nothing has changed.

        Args:
            document: task, settings, facts and cell, as `Estimator.document` gives them.
            changeable: the settings that may differ in a resumed run.

        Raises:
            RunError: the run was started with other settings, another cell or other data; a damaged snapshot;
                the disk is full.
        """
        if self.resuming and self.begun:
            return self._go_on(document, changeable)
        made = _make(self.path / LAST)
        try:
            write_json(self.path / LAST / START, _marked({**document, "asked": dict(self.asked)}))
        except RunError:
            for folder in made:
                folder.rmdir()
            raise
        self._clear()
        return None

    def _go_on(self, document: Mapping[str, Any], changeable: frozenset[str]) -> Snapshot | None:
        before, settings = self.started(), as_read(document)["settings"]
        refuse_other_start(before, document, changeable, self.path)
        snapshot = self._load_last()
        if settings != before["settings"]:
            write_json(self.path / LAST / START, {**before, "settings": settings})
        return snapshot

    def started(self) -> dict[str, Any]:
        """The task, settings, facts and cell that an unfinished run was started, or last resumed, with.

        Raises:
            RunError: there is no such run, or it is of another version.
        """
        return _read_marked(self.path / LAST / START)

    def keep(self, snapshot: Snapshot) -> None:
        """Make a snapshot durable.

        The history comes first, then the tensors under new names, then `state.json`, which points to them,
        and only then the older tensors go: whenever the power fails, one whole snapshot is there.

        Raises:
            RunError: the disk is full; the snapshot before this one is whole.
        """
        last = self.path / LAST
        for row in list(snapshot.history)[self._rows :]:
            append_row(self.path / HISTORY, row)
            self._rows += 1
        position = snapshot.numbers["position"]
        name = f"step-{position['step']}-{position['epoch']}.safetensors"
        tensors = {"file": name, "sha256": save_tensors(last / name, snapshot.tensors)}
        if snapshot.best is not None:
            self._keep_best(f"best-{position['best_epoch']}.safetensors", snapshot.best)
        state = {"numbers": snapshot.numbers, "rows": self._rows, "tensors": tensors, "best": self._best}
        write_json(last / STATE, _marked(state))
        current = {name, (self._best or {}).get("file")}
        for file in last.glob("*.safetensors"):
            if file.name not in current:
                file.unlink()

    def finish(
        self, document: Mapping[str, Any], weights: Mapping[str, Tensor], metrics: Mapping[str, Any]
    ) -> None:
        """Write the finished run; `model.json` comes last.

        Raises:
            RunError: the disk is full.
        """
        (self.path / MODEL).unlink(missing_ok=True)
        sha256 = save_tensors(self.path / WEIGHTS, weights)
        tensors = {name: list(tensor.shape) for name, tensor in weights.items()}
        write_json(self.path / METRICS, metrics)
        content = {**document, "weights": {"file": WEIGHTS, "sha256": sha256, "tensors": tensors}}
        write_json(self.path / MODEL, _marked(content))

    def store(
        self,
        document: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        metrics: Mapping[str, Any],
        history: History,
    ) -> None:
        """Write a model that is trained already: there is nothing in it to resume.

        Raises:
            RunError: the disk is full.
        """
        _make(self.path)
        self._clear()
        (self.path / LAST / START).unlink(missing_ok=True)
        history.write(self.path / HISTORY)
        self.finish(document, weights, metrics)

    def document(self) -> dict[str, Any]:
        """The content of `model.json`: task, settings, facts, cell, weights.

        Raises:
            RunError: damaged, not ours, of another version, a part is missing.
        """
        content = _read_marked(self.path / MODEL)
        for name, kind in (("task", str), ("settings", dict), ("facts", dict), ("weights", dict)):
            if not isinstance(content.get(name), kind):
                raise RunError(
                    "the file is damaged",
                    where=self.path / MODEL,
                    got=f"no {name}",
                    fix="restore it from a copy",
                )
        return content

    def weights(self) -> dict[str, Tensor]:
        """The weights, on the CPU.

        Raises:
            RunError: the checksum, a name or a shape is not what `model.json` says.
        """
        expected = self.document()["weights"]
        tensors = load_tensors(self.path / WEIGHTS, expected.get("sha256", "none"))
        got = {name: list(tensor.shape) for name, tensor in tensors.items()}
        if got != expected.get("tensors"):
            raise RunError("the weights are not those of model.json", where=self.path / WEIGHTS)
        return tensors

    def history(self) -> History:
        """The rows of `history.jsonl`."""
        return History.read(self.path / HISTORY)

    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        return read_json(self.path / METRICS)

    def write(self, name: str, content: bytes | str) -> Path:
        """Write one more file into the folder (`report.html`), atomically; returns its path."""
        write_atomic(self.path / name, content)
        return self.path / name

    def _keep_best(self, name: str, best: Mapping[str, Tensor]) -> None:
        """The best weights change seldom: those this run has already written are not written again."""
        if self._best is None or self._best["file"] != name:
            self._best = {"file": name, "sha256": save_tensors(self.path / LAST / name, best)}

    def _load_last(self) -> Snapshot | None:
        last = self.path / LAST
        if not (last / STATE).exists():
            self._rewind_history(0)
            return None
        state = _read_marked(last / STATE)
        try:
            self._best, rows, numbers = state["best"], state["rows"], state["numbers"]
            tensors = load_tensors(last / state["tensors"]["file"], state["tensors"]["sha256"])
            kept = self._best
            best = None if kept is None else load_tensors(last / kept["file"], kept["sha256"])
        except (KeyError, TypeError) as error:
            raise RunError(
                "the file is damaged", where=last / STATE, got=f"no {error}", fix="start again"
            ) from None
        return Snapshot(numbers, tensors, best, self._rewind_history(rows))

    def _rewind_history(self, rows: int) -> History:
        """Drop the rows of epochs after the snapshot: they will be run again."""
        path = self.path / HISTORY
        history = History.read(path) if path.exists() else History()
        if len(history) < rows:
            raise RunError("the history is shorter than the run", where=path, got=len(history), expected=rows)
        history = History(list(history)[:rows])
        history.write(path)
        self._rows = rows
        return history

    def _clear(self) -> None:
        for name in (MODEL, WEIGHTS, HISTORY, METRICS, "report.html"):
            (self.path / name).unlink(missing_ok=True)
        last = self.path / LAST
        for file in [last / STATE, *last.glob("*.safetensors")]:
            file.unlink(missing_ok=True)


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns the new ones, the deepest first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError("cannot make the folder", where=folder, got=error.strerror or error) from error
    return missing


def _marked(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, **content}


def _read_marked(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if content.get("format") != FORMAT:
        raise RunError("not a run of Cellwright's", where=path, got=content.get("format"), expected=FORMAT)
    if content.get("version") != VERSION:
        raise RunError(
            "the run is of another format version",
            where=path,
            got=content.get("version"),
            expected=VERSION,
            fix="train again, or use the Cellwright it was made with",
        )
    return content


def _is_ours(path: Path) -> bool:
    """Whether a folder carries our mark; a damaged file is no mark."""
    for file in (path / MODEL, path / LAST / START):
        try:
            if read_json(file).get("format") == FORMAT:
                return True
        except RunError:
            continue
    return False


def _refuse_unwritable(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise RunError("the output is a file", where=path, expected="a folder", fix="choose another --out")
    parent = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        got = "no permission" if parent.is_dir() else "a file"
        raise RunError("cannot write here", where=parent, got=got, fix="choose another --out")


def _refuse_occupied(path: Path, force: bool, resume: bool) -> None:
    if not (force or resume):
        raise RunError(
            "the output folder exists and is not empty",
            where=path,
            fix="choose another --out, or add --resume (go on) or --force (replace)",
        )
    if not _is_ours(path):
        raise RunError(
            "the folder is not a run of ours, so it is left alone",
            where=path,
            got=_names(path),
            expected=f"{MODEL} or {LAST}/",
            fix="choose another --out",
        )
    if resume and not (path / LAST / START).exists():
        raise RunError(
            f"nothing to resume: {LAST}/ is gone", where=path, fix="choose another --out, or --force"
        )


def _names(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir())
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") if names else "an empty folder"
