"""The benchmarks of the kernels: every case is checked against float64 before it is timed.

    python -m benchmarks.kernels CASE [CASE ...] [--quick] [--threads N] [--out FILE]
    python -m benchmarks.kernels report [--check]

Run it from the root of the repository, on a quiet machine. Rows are printed, and appended to --out; what
fails the check is printed only, and the program ends with 1. `report` makes docs/benchmarks.md of the rows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import torch
from benchmarks.kernels import report
from benchmarks.kernels.rows import Options, Row, append, stamped

from cellwright.testing.machine import load
from cellwright.testing.speed import Sizes

CASES = ("stock", "own", "ready", "rate", "memory", "bfloat16")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="+", choices=(*CASES, "all", "report"), metavar="CASE")
    parser.add_argument("--cells", default="", help="other cells than the case's own, separated by commas")
    parser.add_argument("--shape", action="append", default=[], type=Sizes.parse, metavar="T,B,I,H")
    parser.add_argument("--repetitions", type=int, default=30, metavar="N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    parser.add_argument("--quick", action="store_true", help="the first shape of each case")
    parser.add_argument("--compile", action="store_true", help="own: torch.compile too, at a short T")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    parser.add_argument(
        "--check", action="store_true", help="report: only say whether the page is up to date"
    )
    given = parser.parse_args()
    if given.cases == ["report"]:
        return report.main(check=given.check)
    torch.set_num_threads(given.threads)
    cells = tuple(filter(None, given.cells.split(",")))
    options = Options(given.repetitions, given.quick, tuple(given.shape), cells, given.compile)
    before, failed = load(), False
    for case in CASES if "all" in given.cases else given.cases:
        rows: Callable[[Options], Iterator[Row]] = import_module(f"benchmarks.kernels.{case}").rows
        for row in rows(options):
            whole = stamped(case, row, before)
            print(json.dumps(whole, ensure_ascii=False), flush=True)
            failed |= "failed" in row
            if given.out is not None and "failed" not in row:
                append(given.out, whole)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
