"""What looking inside costs: a recording beside a forward, a page in a browser; memory beside `describe`.

    python -m benchmarks.inside CASE [CASE ...] [--repetitions N] [--threads N] [--out FILE]

Run it from the root of the repository, on a quiet machine. Rows are printed, and appended to --out.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

import torch
from benchmarks.kernels.rows import append, stamped

from cellwright.testing.machine import load

CASES = ("record", "page", "memory")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="+", choices=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--repetitions", type=int, default=20, metavar="N", help="times each is timed")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    before = load()
    for case in given.cases:
        for row in import_module(f"benchmarks.inside.{case}").rows(given.repetitions):
            whole = stamped(case, row, before)
            print(json.dumps(whole, ensure_ascii=False), flush=True)
            if given.out is not None:
                append(given.out, whole)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
