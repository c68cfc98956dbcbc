"""How often a linear forecast replaces the last value where there is nothing to find: one line of JSON each.

python benchmarks/tasks/walks.py [--walks 40] [--seed 0] [--out FILE.jsonl]

Prices as random walks: normal, heavy-tailed (Student's t, 3) and heteroscedastic (GARCH(1, 1)) steps, without
and with a small drift; and, for the power of the rule, prices whose steps go together (AR(1) of 0.5 and 0.8).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rows import keep

from cellwright.tasks.forecast.choose import choose
from cellwright.tasks.forecast.simple import ANCHORS, TRANSFORMS, Extent, Floats

EXTENTS = (
    (150, Extent(24, 12, 1)),
    (250, Extent(35, 5, 5)),
    (600, Extent(24, 12, 1)),
    (2000, Extent(24, 5, 1)),
)
KINDS = ("normal", "heavy", "garch", "ar_0.5", "ar_0.8")
DRIFTS = (0.0, 0.03)
DAILY = 0.012


def steps(random: np.random.Generator, count: int, kind: str) -> Floats:
    """Steps of spread 1, about [count]."""
    if kind == "heavy":
        heavy: Floats = random.standard_t(3, size=count) / np.sqrt(3)
        return heavy
    noise = random.normal(size=count)
    if kind == "garch":
        power = 1.0
        for t in range(count):
            noise[t] *= np.sqrt(power)
            power = 0.03 + 0.1 * noise[t] ** 2 + 0.87 * power
    elif kind.startswith("ar_"):
        for t in range(1, count):
            noise[t] += float(kind[3:]) * noise[t - 1]
    return noise


def measure(rows: int, extent: Extent, kind: str, walks: int, seed: int) -> dict[str, object]:
    """The share of prices that are given more than their last value, in per cent."""
    random, begun = np.random.default_rng(seed), time.process_time()
    anchors = ANCHORS if extent.season > 1 else ANCHORS[:2]
    replaced = 0
    for walk in range(walks):
        change = steps(random, rows, kind) + DRIFTS[walk % 2]
        prices = 100 * np.exp(DAILY * np.cumsum(change))
        base = choose([prices], extent, TRANSFORMS, anchors, linear=True)
        replaced += base.anchor != "last" or len(base.weights) > 0
    return {
        "kind": kind,
        "rows": rows,
        "horizon": extent.horizon,
        "walks": walks,
        "replaced_percent": round(100 * replaced / walks, 1),
        "cpu_seconds": round(time.process_time() - begun, 1),
    }


def main() -> None:
    """Measure every kind at every length."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--walks", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    for rows, extent in EXTENTS:
        for kind in KINDS:
            keep(measure(rows, extent, kind, given.walks, given.seed), given.out)


if __name__ == "__main__":
    main()
