"""Forecasts with the default settings on well-known sets: one line of JSON each, beside the baselines.

python benchmarks/tasks/forecast.py ../shared/data [air_passengers sunspots ...] [--seed 0] [--out FILE.jsonl]

The last fifth of the rows is held out, the last fifth of the rest chooses the epoch. Scores are means over
all origins of the held-out part (4096 at most) and all steps of the horizon, in the unit of the data. The two
`informer` cases take the cut of the Informer paper (12, 4 and 4 months) and add the squared error of the
standardised values, as published results are given.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from rows import Begun, keep

import cellwright as cw

ETT = "HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"
EXCHANGE = ",".join(f"column_{number}" for number in range(1, 9))
DAY = 24
MENDED = {"gaps": "fill", "duplicates": "mean"}


@dataclass(frozen=True)
class Case:
    """A set: its file under the data folder (or a sample's name), and what only the user can know of it."""

    file: str
    settings: dict[str, Any] = field(default_factory=dict)
    rows: int | None = None


CASES = {
    "air_passengers": Case("air_passengers"),
    "sunspots": Case("sunspots"),
    "etth1_ot": Case("etth1/ETTh1.csv", {"target": "OT"}),
    "etth1_all": Case("etth1/ETTh1.csv", {"target": ETT}),
    "etth1_ot_informer": Case("etth1/ETTh1.csv", {"target": "OT", "valid": 0.25}, 14_400),
    "etth1_all_informer": Case("etth1/ETTh1.csv", {"target": ETT, "valid": 0.25}, 14_400),
    "electricity_pjme": Case("electricity_pjme/PJME_hourly.csv.gz", MENDED),
    "exchange_rate": Case("exchange_rate/exchange_rate.txt.gz", {"target": EXCHANGE}),
    "stocks_aapl": Case("stocks_daily/AAPL.csv"),
    "stocks_spy": Case("stocks_daily/SPY.csv"),
    "stocks_xom": Case("stocks_daily/XOM.csv"),
}


def measure(name: str, data: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Train with the defaults, score once."""
    case = CASES[name]
    model = cw.Forecaster(**{**case.settings, **given})
    path = data / case.file
    source: Any = path if path.suffix else case.file
    if case.rows:
        source = pl.read_csv(path).head(case.rows)
    series = model.read(source)
    begun = Begun()
    model.fit(series, test=0.2)
    metrics, facts = model.metrics_, model.facts_
    account = begun.account(metrics)
    return {
        "set": name,
        "settings": {**case.settings, **given},
        "window": facts["window"],
        "horizon": facts["horizon"],
        "season": facts["season"],
        "bases": [f"{base['transform']}, {base['anchor']}" for base in facts["bases"]],
        "test": _rounded(metrics["test"]),
        **{method: _rounded(scores) for method, scores in metrics["baselines"].items()},
        **({"scaled_mse": _scaled_mse(model, series)} if case.rows else {}),
        **account,
    }


def _scaled_mse(model: cw.Forecaster, series: Any) -> dict[str, float]:
    """The squared error on the test part, standardised by the training part; that of repeating yesterday."""
    train, _, held = model.parts(series, None, 0.2)
    assert held is not None
    series, test = series.only, held.spans[0]
    targets = train.spans[0].targets
    spread = dict(zip(series.names, targets.std(axis=0), strict=True))
    table = model.hindcast(test.series).filter(pl.col("origin") >= pl.lit(series.stamps[test.first]))
    errors = (table["truth"] - table["forecast"]).to_numpy()
    units = np.array([spread[name] for name in table["target"]])
    horizon = model.facts_["horizon"]
    origins = np.arange(test.first, len(series) - horizon + 1)[:, None]
    yesterday = series.targets[origins - DAY + np.arange(horizon) % DAY]
    naive = (series.targets[origins + np.arange(horizon)] - yesterday) / targets.std(axis=0)
    return {
        "origins": table["origin"].n_unique(),
        "model": round(float(np.square(errors / units).mean()), 4),
        "yesterday": round(float(np.square(naive).mean()), 4),
    }


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in scores.items()}


def main() -> None:
    """Measure the sets that were asked for, printing each line as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder of the sets")
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(CASES)}; none: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", type=json.loads, default={}, help="other settings, as a JSON object")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.sets or CASES:
        keep(measure(name, given.data, {"seed": given.seed, **given.settings}), given.out)


if __name__ == "__main__":
    main()
