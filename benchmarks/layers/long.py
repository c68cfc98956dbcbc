"""Long sequences: time and peak memory of a training step with segments and without.

    python -m benchmarks.layers.long [--cells lstm,gru] [--shape T,B,I,H ...] [--out FILE]

Run it from the root of the repository. Every figure is of a fresh process that trains a tiny shape first, and
what it holds then, x included, is taken off. The loss is the sum of the last output; y and its gradient are
in the peak, for they grow with T whatever the layer does (`y_mib` is one of them). Times are CPU time of one
thread, the least of five.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from benchmarks.kernels.memory import held_now, high_water
from benchmarks.kernels.rows import ROOT, append, stamped

import cellwright as cw
from cellwright.testing.machine import load
from cellwright.testing.speed import Sizes

SHAPES = (
    *(Sizes(steps, 8, 16, 64) for steps in (1_000, 10_000, 100_000)),
    *(Sizes(steps, 16, 64, 256) for steps in (1_000, 8_000)),
)
WAYS = (None, "sqrt")


def main() -> None:
    """A row for every cell, shape and way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default="lstm,gru")
    parser.add_argument("--shape", action="append", default=[], type=Sizes.parse, metavar="T,B,I,H")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    before = load()
    for cell in given.cells.split(","):
        for sizes in given.shape or SHAPES:
            for row in rows(cell, sizes):
                whole = stamped("long", row, before)
                print(json.dumps(whole), flush=True)
                if given.out is not None:
                    append(given.out, whole)


def rows(cell: str, sizes: Sizes) -> Iterator[dict[str, Any]]:
    """One shape, every way; time and memory as multiples of those without segments."""
    first: dict[str, float] | None = None
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.layers.long_once", cell, str(sizes), str(way)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        first = first or found
        yield {"cell": cell, **asdict(sizes), "checkpoint": way, **found} | {
            "times_as_long": round(found["ms"] / first["ms"], 3),
            "times_as_much": round(found["peak_mib"] / first["peak_mib"], 3),
        }


def once(cell: str, sizes: Sizes, way: str) -> dict[str, float]:
    """What the fresh process does."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    layer = cw.nn.Recurrent(cell, sizes.I, sizes.H, checkpoint="sqrt" if way == "sqrt" else None)
    step(layer, torch.randn(20, sizes.B, sizes.I))
    x = torch.randn(sizes.T, sizes.B, sizes.I)
    before = held_now()
    taken = [step(layer, x) for _ in range(5)]
    y = sizes.T * sizes.B * sizes.H * 4 / 2**20
    peak = high_water() - before
    return {"ms": round(min(taken) * 1e3, 1), "peak_mib": round(peak, 1), "y_mib": round(y, 1)}


def step(layer: cw.nn.Recurrent, x: torch.Tensor) -> float:
    """One training step; the CPU seconds it took."""
    begin = time.process_time()
    layer.zero_grad()
    layer(x)[0][-1].sum().backward()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
