"""Why a training failed, kept in the run folder for whoever asks later. Floor 6."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellwright.checkpoint import read_json, write_json
from cellwright.errors import SettingError
from cellwright.tasks.training.run import LAST, Run

NAME = "failed.json"


@contextmanager
def noted(run: Run | None) -> Iterator[None]:
    """Write down what makes the training inside fail; what made an earlier one fail is forgotten."""
    if run is None:
        yield
        return
    file = run.path / LAST / NAME
    file.unlink(missing_ok=True)
    try:
        yield
    except SettingError as error:
        write_json(file, {"what": str(error)})
        raise


def failure(path: Path) -> str:
    """What made the training of a run folder fail; "" if nothing did."""
    file = path / LAST / NAME
    return str(read_json(file).get("what", "")) if file.exists() else ""
