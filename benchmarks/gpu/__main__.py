"""The GPU kernels and their peers on one card, correctness first.

    python -m benchmarks.gpu [CASE ...] [--out benchmarks/gpu/rows.jsonl] [--minutes 8.5] [--quick] [--dry]

Cases: see `cases`; all when none is named. Each runs in a process of its own, for so long as its share of the
time allows: one that fails, or programs that lose each other and hang, cost the others nothing. A row is
appended as soon as it is measured, and only after what was computed agreed with float64; what failed is a row
that says why. At the end the bars of the work are compared with the rows.

--dry: every case at sizes of no account on the CPU, in Triton's interpreter: proves the script, and no speed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.gpu.bars import compared
from benchmarks.kernels.rows import append, read

FILE = Path(__file__).with_name("rows.jsonl")
# Seconds at most; the order is that of their worth.
CASES = {"blocks": 110, "dense": 150, "wide": 120, "scan": 90, "stream": 60, "compiled": 150}


def main(words: list[str] | None = None) -> int:
    """Run what was asked for."""
    given = _parser().parse_args(words)
    if given.one:
        return _one(given)
    if not given.dry and not _has_card():
        print("no NVIDIA GPU that torch can use: there is nothing to measure here (--dry)", file=sys.stderr)
        return 2
    until = time.monotonic() + 60 * given.minutes
    failed = 0
    for case in given.cases or CASES:
        left = until - time.monotonic()
        if left < 15:
            _note(given, case, "not begun: the time is over")
            failed += 1
            continue
        failed += _run(case, given, min(left, CASES[case]))
    for line in compared(list(read(given.out))):
        print(line)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    usual = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usual)
    parser.add_argument("cases", nargs="*", choices=(*CASES, []), metavar="CASE")
    parser.add_argument("--out", type=Path, default=FILE, help="append the rows to this file")
    parser.add_argument("--minutes", type=float, default=8.5, help="for all cases together")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    return parser


def _has_card() -> bool:
    import torch

    return torch.cuda.is_available()


def _run(case: str, given: argparse.Namespace, seconds: float) -> int:
    """One case in its own process; 1 where it failed."""
    command = [sys.executable, "-m", "benchmarks.gpu", case, "--one", "--out", str(given.out)]
    command += [flag for flag, on in (("--quick", given.quick), ("--dry", given.dry)) if on]
    environment = os.environ | ({"TRITON_INTERPRET": "1"} if given.dry else {})
    try:
        done = subprocess.run(command, timeout=seconds, env=environment, check=False)
    except subprocess.TimeoutExpired:
        _note(given, case, f"stopped after {seconds:.0f} s")
        return 1
    if done.returncode < 0:
        _note(given, case, f"ended by signal {-done.returncode}")
    return int(done.returncode != 0)


def _note(given: argparse.Namespace, case: str, why: str) -> None:
    """A row for what could not be measured."""
    row = {"case": case, "failed": why}
    print(json.dumps(row), flush=True)
    append(given.out, row)


def _one(given: argparse.Namespace) -> int:
    """The rows of one case, in this process."""
    import torch
    from benchmarks.gpu import cases
    from benchmarks.kernels.rows import stamped

    from cellwright.testing.machine import load

    place = cases.dry() if given.dry else cases.card(3 if given.quick else 15)
    about = {"card": place.name, "cuda": torch.version.cuda}
    (case,), before, failed = given.cases, load(), 0
    for row in cases.ROWS[case](place):
        whole = stamped(case, {**row, **about}, before)
        failed += "failed" in row
        print(json.dumps(whole, ensure_ascii=False), flush=True)
        append(given.out, whole)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
