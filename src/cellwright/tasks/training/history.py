"""The record of a training: one row per epoch, one JSON line per row. The one source for reports. Floor 6.

Refuses a damaged line (RunError with file and line), except the last one, which a crash may have cut short.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cellwright.checkpoint import append_line, read_bytes, to_json, write_atomic
from cellwright.errors import RunError

Value = float | int | bool | None
Row = Mapping[str, Any]


class History:
    """Rows in the order of the epochs. The loop writes these columns; a task's scores are named `valid_*`.

    `epoch` (from 1), `step`, `loss` (mean over the items of the training part), `valid_<score>`..., `best`
    (the best weights so far), `learning_rate` (of the last step), `grad_norm_median`, `grad_norm_max` (before
    clipping), `clipped` (share of the steps whose gradient was shortened), `seconds` (of training, without
    validation), `per_second` (items: sequences, tokens or values, as the task counts them); in the epochs
    1, 2, 4, 8, ... also `inside_*` (see `figures.figures`), of which the eigenvalues are no single number.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history.column("loss")
    [0.5, 0.25]
    >>> len(history), history[-1]["epoch"]
    (2, 2)
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: list[dict[str, Any]] = []
        for row in rows:
            self.append(row)

    def append(self, row: Row) -> None:
        """Add one row; a NaN or an infinity becomes None, since JSON knows neither."""
        self._rows.append({name: _finite(value) for name, value in row.items()})

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self._rows[index]

    def column(self, name: str) -> list[Value]:
        """The values of one column, None where a row lacks it or has more than a number."""
        values = (row.get(name) for row in self._rows)
        return [None if isinstance(value, Mapping) else value for value in values]

    def columns(self) -> list[str]:
        """The names of all columns, in order of first appearance."""
        return list(dict.fromkeys(name for row in self._rows for name in row))

    def best(self) -> Row | None:
        """The row whose weights were kept, or None when nothing was validated."""
        return next((row for row in reversed(self._rows) if row.get("best")), None)

    @classmethod
    def read(cls, path: Path | str) -> History:
        """Read a `history.jsonl`; a last line that was cut short is left out.

        Raises:
            RunError: missing, or a line before the last one is not a JSON object.
        """
        lines = read_bytes(path).split(b"\n")
        last = len(lines) - 1
        rows = (_parse(line, path, number + 1, number == last) for number, line in enumerate(lines))
        return cls(row for row in rows if row is not None)

    def write(self, path: Path | str) -> None:
        """Write all rows, atomically."""
        write_atomic(path, "".join(to_json(row) + "\n" for row in self._rows))


def append_row(path: Path | str, row: Row) -> None:
    """Append one row as one line, on the disk when this returns."""
    append_line(path, to_json({name: _finite(value) for name, value in row.items()}))


def _parse(line: bytes, path: Path | str, number: int, last: bool) -> dict[str, Value] | None:
    if not line.strip():
        return None
    try:
        row = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        row = None
    if isinstance(row, dict):
        return row
    if last:
        return None
    raise RunError(
        "a line of the history is damaged", where=f"{path}:{number}", got=repr(line[:40]), expected="{...}"
    )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
