"""Long memory, as it was first published: who learns it, at which distance, after how many sequences.

    python -m benchmarks.memory [PROBLEM ...] [--nets NAME,NAME] [--seeds 0,1,2] [--sequences N] [--out FILE]
    python -m benchmarks.memory report [--check]

A problem is `adding:100`, `multiplication:100`, `copying:100` (with its T), `order 6a` or `order 6b`. Rows
are printed, and appended to --out; `report` makes docs/memory.md and its picture of the committed rows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from benchmarks.kernels.rows import append, stamped
from benchmarks.memory import report
from benchmarks.memory.contestants import CONTESTANTS, UNITS
from benchmarks.memory.problems import Problem, problem
from benchmarks.memory.train import Effort, train

from cellwright.testing.machine import load

USUAL = ("adding:100", "order 6a", "order 6b", "multiplication:100", "copying:100")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", nargs="*", default=USUAL, metavar="PROBLEM")
    parser.add_argument("--nets", default="", help=f"of {'; '.join(CONTESTANTS)}; semicolons between; all")
    parser.add_argument("--seeds", default="0", help="commas between")
    parser.add_argument("--sequences", type=int, default=30_000, help="at most, of each training")
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--rate", type=float, default=0.0, help="Adam's step size; 0: the net's own")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    parser.add_argument("--check", action="store_true", help="report: only say whether it is up to date")
    given = parser.parse_args()
    if given.problems == ["report"]:
        return report.main(check=given.check)
    torch.set_num_threads(1)
    before = load()
    try:
        problems = [_named(name) for name in given.problems]
    except ValueError as fact:
        parser.error(str(fact))
    nets = [name.strip() for name in given.nets.split(";") if name.strip()] or list(CONTESTANTS)
    for asked in problems:
        for net in nets:
            for seed in given.seeds.split(","):
                effort = Effort(given.sequences, given.units, int(seed), given.rate)
                whole = stamped("memory", train(net, asked, effort), before)
                print(json.dumps(whole, ensure_ascii=False), flush=True)
                if given.out is not None:
                    append(given.out, whole)
    return 0


def _named(name: str) -> Problem:
    """The problem of that name.

    Raises:
        ValueError: there is none, or its T is missing, too short or not wanted.
    """
    kind, _, distance = name.partition(":")
    least = 10 if kind in ("adding", "multiplication", "copying") else 0
    whole = int(distance) if distance.isdigit() else -1 if distance else 0
    if kind not in [usual.partition(":")[0] for usual in USUAL] or whole < least or (whole and not least):
        known = "adding:T, multiplication:T, copying:T (T at least 10), order 6a, order 6b"
        raise ValueError(f"there is no such problem: got {name}, expected one of {known}")
    return problem(kind, whole)


if __name__ == "__main__":
    raise SystemExit(main())
