"""The run folder: what it takes, what it leaves alone, what it notices."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cellwright import checkpoint
from cellwright.cells import gru, lstm
from cellwright.compiler.save import graph_to_json
from cellwright.errors import RunError, SettingError
from cellwright.tasks.training.history import History
from cellwright.tasks.training.run import Run
from cellwright.tasks.training.snapshot import Snapshot

DOCUMENT: dict[str, Any] = {
    "task": "classify",
    "settings": {"units": 8, "epochs": 3, "cell": "lstm"},
    "facts": {"labels": ["a", "b"], "words": {"一": 0}},
    "cell": graph_to_json(lstm.graph),
}
WEIGHTS = {"out.weight": torch.arange(6.0).reshape(2, 3), "out.bias": torch.zeros(2)}
FREE = frozenset({"epochs"})


def snapshot(epoch: int, step: int, best: int | None = 1) -> Snapshot:
    position = {"epoch": epoch, "step": step, "best_epoch": best or 0}
    rows = [{"epoch": k + 1, "loss": 1.0 / (k + 1)} for k in range(epoch)]
    weights = None if best is None else {"w": torch.full((2,), float(best))}
    return Snapshot(
        {"position": position}, {"network.w": torch.full((2,), float(step))}, weights, History(rows)
    )


def finished(path: Path) -> Run:
    run = Run.create(path)
    assert run.begin(DOCUMENT) is None
    run.keep(snapshot(1, 10))
    run.finish(DOCUMENT, WEIGHTS, {"test": {"accuracy": 0.5}})
    return run


def tree(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}


def edit(file: Path, **changes: Any) -> None:
    content = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    file.write_text(json.dumps(content), encoding="utf-8")


def test_a_finished_run_comes_back_whole(tmp_path: Path) -> None:
    finished(tmp_path / "deep" / "run")
    run = Run.open(tmp_path / "deep" / "run")
    document = run.document()
    assert {name: document[name] for name in DOCUMENT} == DOCUMENT
    assert all(torch.equal(run.weights()[name], tensor) for name, tensor in WEIGHTS.items())
    assert run.metrics() == {"test": {"accuracy": 0.5}}
    assert list(run.history()) == [{"epoch": 1, "loss": 1.0}]
    run.write("report.html", "<p>")
    assert (run.path / "report.html").read_text() == "<p>"
    assert not any(b"\x80\x02" in data or b"pickle" in data for data in tree(run.path).values())


def test_create_writes_nothing(tmp_path: Path) -> None:
    Run.create(tmp_path / "run")
    assert tree(tmp_path) == {} and not (tmp_path / "run").exists()


@pytest.mark.parametrize("flags", [{}, {"force": True}, {"resume": True}])
def test_a_folder_that_is_not_ours_is_never_touched(tmp_path: Path, flags: dict[str, bool]) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "model.json").write_text('{"layers": 3}')
    (folder / "chapter.tex").write_text("years of work")
    before = tree(folder)
    with pytest.raises(RunError, match="left alone" if flags else "not empty .*--resume .*--force") as caught:
        Run.create(folder, **flags)
    assert "\n" not in str(caught.value)
    assert tree(folder) == before


def test_force_replaces_only_what_is_ours_and_only_when_training_begins(tmp_path: Path) -> None:
    old = finished(tmp_path / "run")
    (old.path / "notes.txt").write_text("mine")
    before = tree(old.path)
    run = Run.create(old.path, force=True)
    assert tree(old.path) == before
    run.begin(DOCUMENT)
    assert sorted(tree(old.path)) == ["last/start.json", "notes.txt"]


def test_an_existing_run_asks_for_resume_or_force(tmp_path: Path) -> None:
    finished(tmp_path / "run")
    with pytest.raises(RunError, match=r"exists and is not empty .*add --resume .* or --force"):
        Run.create(tmp_path / "run")
    with pytest.raises(SettingError, match="exclude each other"):
        Run.create(tmp_path / "run", force=True, resume=True)


def test_places_that_cannot_be_written_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="the output is a file .*file.*expected a folder"):
        Run.create(tmp_path / "file")
    with pytest.raises(RunError, match="cannot write here .*got a file"):
        Run.create(tmp_path / "file" / "run")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RunError, match="cannot write here .*got no permission"):
        Run.create(tmp_path / "run")


def test_an_empty_folder_is_fine(tmp_path: Path) -> None:
    Run.create(tmp_path).begin(DOCUMENT)
    assert list(tree(tmp_path)) == ["last/start.json"]


def test_a_run_goes_on_from_its_last_snapshot(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT, FREE)
    run.keep(snapshot(1, 10))
    run.keep(snapshot(2, 20, best=2))
    run.keep(snapshot(2, 25, best=2))
    assert len(list((run.path / "last").glob("*.safetensors"))) == 2
    again = Run.create(run.path, resume=True)
    assert again.begun and again.started()["settings"] == DOCUMENT["settings"]
    last = again.begin({**DOCUMENT, "settings": {**DOCUMENT["settings"], "epochs": 9}}, FREE)
    assert last is not None
    assert last.numbers == {"position": {"epoch": 2, "step": 25, "best_epoch": 2}}
    assert last.part("network")["w"].tolist() == [25.0, 25.0]
    assert last.best is not None and last.best["w"].tolist() == [2.0, 2.0]
    assert last.history.column("epoch") == [1, 2]
    again.keep(snapshot(3, 30, best=3))
    assert again.history().column("epoch") == [1, 2, 3]


def test_resuming_what_never_began_begins(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", resume=True)
    assert not run.begun
    assert run.begin(DOCUMENT) is None
    again = Run.create(tmp_path / "run", resume=True)
    assert again.begin(DOCUMENT) is None


def test_rows_after_the_snapshot_are_run_again(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT)
    run.keep(snapshot(1, 10))
    with (run.path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 2, "loss": 7.0}\n{"epoch": 3, "lo')
    again = Run.create(run.path, resume=True)
    assert again.begin(DOCUMENT) is not None
    again.keep(snapshot(2, 20))
    assert again.history().column("loss") == [1.0, 0.5]


@pytest.mark.parametrize("at", range(1, 7))
def test_a_disk_that_fills_at_any_write_leaves_the_snapshot_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT)
    run.keep(snapshot(1, 10))
    calls = iter(range(1, 100))
    fsync = os.fsync

    def full(handle: int) -> None:
        if next(calls) >= at:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, "fsync", full)
        with pytest.raises(RunError, match="No space left on device"):
            run.keep(snapshot(2, 20, best=2))
    assert not list(run.path.rglob("*.tmp"))
    last = Run.create(run.path, resume=True).begin(DOCUMENT)
    assert last is not None
    assert last.numbers["position"]["step"] == 10
    assert last.best is not None and last.best["w"].tolist() == [1.0, 1.0]
    assert last.history.column("epoch") == [1]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"settings": {**DOCUMENT["settings"], "units": 9}}, "another units .*got 9, expected 8"),
        ({"facts": {**DOCUMENT["facts"], "labels": ["a", "c"]}}, "data are not those .*got other labels"),
        ({"cell": graph_to_json(gru.graph)}, "equations of the cell have changed"),
        ({"cell": None}, "equations of the cell have changed"),
        ({"task": "forecast"}, "of another task .*got forecast, expected classify"),
    ],
)
def test_a_run_resumed_otherwise_than_it_was_started_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT, FREE)
    before = tree(run.path)
    with pytest.raises(RunError, match=message):
        Run.create(run.path, resume=True).begin({**DOCUMENT, **change}, FREE)
    assert tree(run.path) == before


def test_a_run_keeps_the_settings_it_was_last_resumed_with(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT, FREE)
    run.keep(snapshot(1, 10))
    longer = {**DOCUMENT, "settings": {**DOCUMENT["settings"], "epochs": 9}}
    before = tree(run.path)
    assert Run.create(run.path, resume=True).begin(DOCUMENT, FREE) is not None
    assert tree(run.path) == before
    assert Run.create(run.path, resume=True).begin(longer, FREE) is not None
    assert Run.create(run.path, resume=True).started()["settings"] == longer["settings"]
    assert {name for name, content in tree(run.path).items() if content != before[name]} == {
        "last/start.json"
    }


def test_settings_of_a_resumed_run_whose_snapshot_is_damaged_stay(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT, FREE)
    run.keep(snapshot(1, 10))
    edit(run.path / "last" / "state.json", tensors={})
    longer = {**DOCUMENT, "settings": {**DOCUMENT["settings"], "epochs": 9}}
    with pytest.raises(RunError, match="damaged"):
        Run.create(run.path, resume=True).begin(longer, FREE)
    assert run.started()["settings"]["epochs"] == 3


def test_the_lines_an_equation_stands_on_may_change(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT)
    moved = json.loads(json.dumps(DOCUMENT))
    for node in moved["cell"]["nodes"]:
        node[-1] += 3
    assert Run.create(run.path, resume=True).begin(moved) is None


def test_a_crash_before_the_first_snapshot_starts_again(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT)
    (run.path / "history.jsonl").write_text('{"epoch": 1, "loss": 7.0}\n')
    again = Run.create(run.path, resume=True)
    assert again.begin(DOCUMENT) is None
    again.keep(snapshot(1, 10))
    assert again.history().column("loss") == [1.0]


def test_a_stored_model_opens_and_has_nothing_to_resume(tmp_path: Path) -> None:
    rows = History([{"epoch": 1, "loss": 0.5}])
    Run.create(tmp_path / "run").store(DOCUMENT, WEIGHTS, {"test": None}, rows)
    assert list(Run.open(tmp_path / "run").history()) == list(rows)
    with pytest.raises(RunError, match="nothing to resume"):
        Run.create(tmp_path / "run", resume=True)
    Run.create(tmp_path / "run", force=True).store(DOCUMENT, WEIGHTS, {}, rows)


def test_a_run_without_last_cannot_be_resumed(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    for file in (run.path / "last").iterdir():
        file.unlink()
    with pytest.raises(RunError, match="nothing to resume"):
        Run.create(run.path, resume=True)


def break_weights(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")


def rename_tensor(path: Path) -> None:
    weights = json.loads((path / "model.json").read_text(encoding="utf-8"))["weights"]
    edit(path / "model.json", weights={**weights, "tensors": {"out.weight": [3, 2], "out.bias": [2]}})


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "version": (lambda p: edit(p / "model.json", version=7), "another format version .*got 7, expected 1"),
    "foreign": (lambda p: edit(p / "model.json", format="x"), "got x, expected cellwright run"),
    "no facts": (lambda p: edit(p / "model.json", facts=None), "damaged .*got no facts"),
    "truncated": (lambda p: (p / "model.json").write_text('{"format": "cell'), "damaged .*expected one JSON"),
    "no weights": (lambda p: (p / "model.safetensors").unlink(), "incomplete .*got no model.safetensors"),
    "no history": (lambda p: (p / "history.jsonl").unlink(), "incomplete .*got no history.jsonl"),
    "no metrics": (lambda p: (p / "metrics.json").unlink(), "incomplete .*got no metrics.json"),
    "tampered": (break_weights, "weights are not those that were saved .*got sha256 .*expected sha256"),
    "other shape": (rename_tensor, "weights are not those of model.json"),
    "unfinished": (lambda p: (p / "model.json").unlink(), "not finished .*resume it"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_in_one_line(tmp_path: Path, kind: str) -> None:
    path = finished(tmp_path / "run").path
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(RunError, match=message) as caught:
        Run.open(path).weights()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run folder .*got nothing"):
        Run.open(tmp_path / "run")
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(RunError, match="no such run folder .*got a file"):
        Run.open(tmp_path / "a.csv")
    with pytest.raises(RunError, match="not a run folder .*got a.csv, expected model.json"):
        Run.open(tmp_path)


@pytest.mark.parametrize("name", ["tensors", "rows", "numbers"])
def test_a_damaged_state_is_named(tmp_path: Path, name: str) -> None:
    run = Run.create(tmp_path / "run")
    run.begin(DOCUMENT)
    run.keep(snapshot(1, 10))
    state = json.loads((run.path / "last" / "state.json").read_text())
    del state[name]
    (run.path / "last" / "state.json").write_text(json.dumps(state))
    with pytest.raises(RunError, match=rf"state.json\): got no '{name}'"):
        Run.create(run.path, resume=True).begin(DOCUMENT)
