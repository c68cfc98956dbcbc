"""The benchmarks of live streams: every contestant is checked against ours before it is timed.

    python -m benchmarks.stream CASE [CASE ...] [--repetitions N] [--threads N] [--out FILE]
    python -m benchmarks.stream report [--check]

Run it from the root of the repository, on a quiet machine. Rows are printed, and appended to --out; `report`
makes docs/benchmarks_streams.md of the rows that are committed.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

import torch
from benchmarks.kernels.rows import append, stamped
from benchmarks.stream import report

from cellwright.testing.machine import load, versions

CASES = ("latency", "many", "soak")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="+", choices=(*CASES, "all", "report"), metavar="CASE")
    parser.add_argument("--repetitions", type=int, default=60, metavar="N", help="times each is timed")
    parser.add_argument("--pushes", type=int, default=10_000_000, metavar="N", help="soak: how many")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    parser.add_argument("--check", action="store_true", help="report: only say whether it is up to date")
    given = parser.parse_args()
    if given.cases == ["report"]:
        return report.main(check=given.check)
    torch.set_num_threads(given.threads)
    before = load()
    for case in CASES if "all" in given.cases else given.cases:
        number = given.pushes if case == "soak" else given.repetitions
        for row in import_module(f"benchmarks.stream.{case}").rows(number):
            whole = stamped(case, row, before) | {"versions": versions("onnxruntime")}
            print(json.dumps(whole, ensure_ascii=False), flush=True)
            if given.out is not None:
                append(given.out, whole)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
