"""Whether a run that is resumed is the one that was started: settings, data, equations. Floor 6.

Refuses with RunError, which says what differs and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellwright.checkpoint import as_read
from cellwright.compiler.save import graph_from_json
from cellwright.errors import RunError


def refuse_other_start(
    before: Mapping[str, Any], now: Mapping[str, Any], changeable: frozenset[str], path: Path
) -> None:
    """Raise RunError unless a run may go on as `now` says.

    Args:
        before, now: task, settings, facts and cell, as `Estimator.document` gives them.
        changeable: the settings that may differ.
        path: the run folder, for the message.
    """
    now = as_read(now)
    for name in now["settings"]:
        was, is_now = before["settings"].get(name), now["settings"][name]
        if was != is_now and name not in changeable:
            raise RunError(
                f"the run was started with another {name}",
                where=path,
                got=is_now,
                expected=was,
                fix=f"leave {name}",
            )
    if before["task"] != now["task"]:
        raise RunError("the run is of another task", where=path, got=now["task"], expected=before["task"])
    if (before["cell"] is None) != (now["cell"] is None) or not _same_cell(before["cell"], now["cell"]):
        raise RunError("the equations of the cell have changed", where=path, fix="start a new run")
    if before["facts"] != now["facts"]:
        names = [name for name in now["facts"] if before["facts"].get(name) != now["facts"][name]]
        raise RunError(
            "the data are not those the run was started with",
            where=path,
            got=f"other {', '.join(names)}",
            fix="resume with the same data, or start a new run",
        )


def _same_cell(before: Any, now: Any) -> bool:
    """Whether two graphs say the same; the lines their equations stood on do not count."""
    return before is None or graph_from_json(before) == graph_from_json(now)
