"""AirPassengers in the settings that other tools publish: one line of JSON for each, over several seeds.

python benchmarks/tasks/air.py [--seeds 5] [--settings '{"ensemble": 5}'] [--out FILE.jsonl]

`backtest_6`: trained on the months before 1959-01; from every origin from then on six months are forecast at
once; MAPE of all six steps, and of the sixth alone (what Darts' example prints: 2.71 %; it trains on 1959-01
too). `last_24`: trained on the first ten years, the last two forecast at once; MAE. Medians, and every seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import keep

import cellwright as cw

KNOWN = 120  # months before 1959-01


def measure(horizon: int, seed: int, settings: dict[str, Any]) -> dict[str, float]:
    """Train once, forecast the last two years from every origin that leaves a horizon."""
    values = cw.Forecaster().read("air_passengers").only
    model = cw.Forecaster(**{"horizon": horizon, **settings}, seed=seed)
    model.fit(cut(values, KNOWN))
    truth = values.targets[:, 0]
    off, percent = [], []
    for origin in range(KNOWN, len(truth) - horizon + 1):
        said, came = model.predict(cut(values, origin))[:, 0], truth[origin : origin + horizon]
        off.append(np.abs(said - came))
        percent.append(100 * np.abs(said / came - 1))
    return {
        "mae": round(float(np.mean(off)), 2),
        "mape": round(float(np.mean(percent)), 3),
        "mape_last_step": round(float(np.mean([p[-1] for p in percent])), 3),
    }


def cut(series: Any, rows: int) -> Any:
    """The first rows of a series."""
    return replace(
        series,
        targets=series.targets[:rows],
        covariates=series.covariates[:rows],
        stamps=series.stamps[:rows],
    )


def main() -> None:
    """Measure both settings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--settings", type=json.loads, default={}, help="other settings, as a JSON object")
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name, horizon in (("backtest_6", 6), ("last_24", 24)):
        begun = time.process_time()
        found = [measure(horizon, seed, given.settings) for seed in range(given.seeds)]
        keep(
            {
                "set": f"air_passengers_{name}",
                "settings": given.settings,
                **{key: statistics.median(one[key] for one in found) for key in found[0]},
                "seeds": found,
                "cpu_seconds": round(time.process_time() - begun, 1),
            },
            given.out,
        )


if __name__ == "__main__":
    main()
