"""From what stands on the command line to what an estimator fits: data, test part, places, sizes. Floor 7.

Refuses a share outside 0 to 1. Nothing is written here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from cellwright import samples
from cellwright.errors import RunError, SettingError
from cellwright.nn import Recurrent
from cellwright.runtime.choose import explain
from cellwright.tasks.base import Estimator
from cellwright.tasks.training.run import Run

GENERIC = ("train", "data", "input", "all", "index")
NO_TEST = ("none", "0")


def test_part(estimator: Estimator[Any, Any], text: str) -> float | tuple[Any, None] | None:
    """`--test`: a share to hold out, a file of its own, or `none`.

    Raises:
        SettingError: a number that is no share.
        DataError: a file that cannot be used.
    """
    if text in NO_TEST:
        return None
    try:
        share = float(text)
    except ValueError:
        return estimator.read(text), None
    if not 0 < share < 1:
        raise SettingError(
            "the test part is a share or a file",
            where="--test",
            got=text,
            expected="between 0 and 1, a path, or none",
        )
    return share


def other_parts(run: Run, test: str | None, validation: str | None, usual: str) -> tuple[str, str | None]:
    """`--test` and `--validation`: as given, else as a resumed run was started with, else the usual ones.

    Raises:
        RunError: a run is resumed with other ones than it was started with.
    """
    resumed = run.resuming and run.begun
    before = run.started().get("asked", {}) if resumed else {}
    for name, given in (("test", test), ("validation", validation)):
        was = before.get(name)
        if before and given is not None and given != was:
            raise RunError(
                f"the run was started with another --{name}",
                where=run.path,
                got=given,
                expected=was or "none",
                fix=f"leave --{name}",
            )
    test, validation = test or before.get("test") or usual, validation or before.get("validation")
    run.asked = {"test": test, "validation": validation}
    return test, validation


def run_folder(task: str, data: str) -> Path:
    """Where a run goes when nothing is said: by the task and the name of the data.

    >>> str(run_folder("classify", "trec/train.tsv")), str(run_folder("forecast", "sunspots"))
    ('runs/classify-trec', 'runs/forecast-sunspots')
    """
    path = Path(data.split(",")[0])
    name = data if data in samples.names() else path.name.split(".")[0]
    if name in GENERIC and path.parent.name:
        name = path.parent.name
    plain = re.sub(r"[^\w-]+", "-", name).strip("-") or "data"
    return Path("runs") / f"{task}-{plain}"


def sizes(estimator: Estimator[Any, Any], data: Any, test: Any, validation: Any = None) -> str:
    """How many examples each part has, in one line."""
    names = ("train", "validation", "test")
    parts = zip(names, estimator.parts(data, None, test, validation), strict=True)
    return ", ".join(f"{name} {len(part):,}" for name, part in parts if part is not None)


def machinery(estimator: Estimator[Any, Any]) -> str:
    """The cell, its size and the backend that will run it, in one line."""
    shape = f"{many(estimator.layers, 'layer')} of {many(estimator.units, 'unit')}"
    if isinstance(estimator.cell, str) and estimator.cell in estimator.NOT_CELLS:
        return f"{estimator.cell}, {shape}"
    with torch.random.fork_rng(devices=[]):
        layer = Recurrent(estimator.cell, 1, estimator.units)
    backend = " ".join(explain(layer, torch.zeros(2, 1, 1)).splitlines()[0].split())
    both = " in both directions" if estimator.bidirectional else ""
    return f"{layer.cell.name}, {shape}{both}; {backend}"


def many(count: int, what: str) -> str:
    """A count with its noun: `1 layer`, `2 layers`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
