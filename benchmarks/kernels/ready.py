"""How long until a new cell is ready: cold, and from the cache on disk, at T = 10 and T = 1000.

Each time a fresh process that has imported torch and trained one linear layer with it. `ready_ms` is from the
cell's text to the end of its first training step, less what a second step takes; `import_ms` is that of
cellwright. What the process does is `ready_once.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from benchmarks.kernels.own import MINE
from benchmarks.kernels.rows import ROOT, Options, Row

ONCE = Path(__file__).with_name("ready_once.py")
STEPS = (10, 1000)
BATCH, INPUTS, UNITS = 8, 32, 64


def rows(options: Options) -> Iterator[Row]:
    """A row for each T: medians over fresh processes, each cold run with a cache of its own."""
    count = 1 if options.quick else 5
    for steps in STEPS:
        cold, cached = [], []
        for _ in range(count):
            with tempfile.TemporaryDirectory() as folder:
                cold.append(_fresh(steps, folder))
                cached.append(_fresh(steps, folder))
        sizes = {"T": steps, "B": BATCH, "I": INPUTS, "H": UNITS}
        yield {"cell": MINE, **sizes, "processes": count, "cold": _medians(cold), "cached": _medians(cached)}


def _fresh(steps: int, folder: str) -> Row:
    """One process, with this folder as the cache."""
    command = [
        sys.executable,
        str(ONCE),
        MINE,
        *map(str, (steps, BATCH, INPUTS, UNITS, torch.get_num_threads())),
    ]
    surroundings = {**os.environ, "CELLWRIGHT_CACHE": folder}
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True)
    found: Row = json.loads(done.stdout)
    return found


def _medians(found: list[Row]) -> Row:
    return {key: round(median(one[key] for one in found), 2) for key in found[0]}
