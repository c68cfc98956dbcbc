"""The benchmarks of layers: long sequences, ragged ones, torch.compile, a softmax, and dropout.

    python -m benchmarks.layers CASE [CASE ...] [--repetitions N] [--threads N] [--out FILE]
    python -m benchmarks.layers report [--check]

Run it from the root of the repository, on a quiet machine. Rows are printed, and appended to --out; `report`
makes docs/benchmarks_layers.md of the rows that are committed.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

import torch
from benchmarks.kernels.rows import append, stamped
from benchmarks.layers import report

from cellwright.testing.machine import load

CASES = ("long", "ragged", "compiled", "softmax", "dropout")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="+", choices=(*CASES, "all", "report"), metavar="CASE")
    parser.add_argument("--repetitions", type=int, default=9, metavar="N", help="times each is timed")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose cell and sizes contain this")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    parser.add_argument("--check", action="store_true", help="report: only say whether it is up to date")
    given = parser.parse_args()
    if given.cases == ["report"]:
        return report.main(check=given.check)
    torch.set_num_threads(given.threads)
    before = load()
    for name in CASES if "all" in given.cases else given.cases:
        case = import_module(f"benchmarks.layers.{name}")
        for cell, sizes in case.SHAPES:
            if given.only not in f"{cell} {sizes}":
                continue
            whole = stamped(name, case.row(cell, sizes, given.repetitions), before)
            print(json.dumps(whole, ensure_ascii=False), flush=True)
            if given.out is not None:
                append(given.out, whole)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
