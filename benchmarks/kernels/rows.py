"""One measurement, one line of JSON: what it was measured on, of which commit, when."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from cellwright.testing.check import CheckError
from cellwright.testing.machine import machine, versions
from cellwright.testing.speed import SIZES, Sizes

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("rows.jsonl")
Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line; `sizes` and `cells` only where they were given."""

    repetitions: int = 30
    quick: bool = False
    sizes: tuple[Sizes, ...] = ()
    cells: tuple[str, ...] = ()
    with_compile: bool = False

    def sizes_or(self, usual: tuple[Sizes, ...] = SIZES) -> tuple[Sizes, ...]:
        """The sizes that were given, else the usual ones, else the first of them."""
        return self.sizes or (usual[:1] if self.quick else usual)

    def cells_or(self, usual: tuple[str, ...]) -> tuple[str, ...]:
        """The cells that were given, else the usual ones."""
        return self.cells or usual


def stamped(case: str, row: Row, load_before: float | None) -> Row:
    """A row with its case first, and what its later reader needs; the load is that before all runs."""
    return {
        "case": case,
        **row,
        "threads": torch.get_num_threads(),
        "load_before": load_before,
        "machine": machine(),
        "versions": versions("jax", "jaxlib"),
        "commit": commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def commit() -> str:
    """The commit that was measured; with a plus where the library's files differ from it."""
    if not (ROOT / ".git").exists():
        return "unknown"
    head = _git("rev-parse", "--short=10", "HEAD")
    return head + ("+" if _git("status", "--porcelain", "--", "src") else "")


def checked(case: Callable[[], Row], name: str, sizes: Sizes) -> Row:
    """A row, or one that says `failed`: the others of a long run are measured all the same."""
    try:
        return case()
    except CheckError as fact:
        return {"cell": name, **asdict(sizes), "failed": str(fact)}


def append(file: Path, row: Row) -> None:
    """One more line."""
    with file.open("a", encoding="utf-8") as rows:
        rows.write(json.dumps(row, ensure_ascii=False) + "\n")


def read(file: Path) -> Iterator[Row]:
    """All rows, in the order they were measured."""
    for line in file.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
