"""Music: which keys sound next in Bach's chorales (jsb_chorales). A line of JSON for each seed.

python benchmarks/tasks/compose.py ../shared/data [--seeds 0 1 2] [--out benchmarks/tasks/compose.jsonl]

The official parts: `valid` chooses the epoch (and chose the defaults), `test` is scored once. The score
is nats a step: -log p of a step's 88 keys, summed, averaged over all steps of all pieces but each first one,
as in Bai, Kolter and Koltun 2018 (their program predicts steps 2 to T of every piece, and divides by their
number).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rows import Begun, keep

import cellwright as cw


def measure(file: Path, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train on `train`, choose by `valid`, score `test` once."""
    model = cw.Composer(seed=seed, valid=0, **settings)
    begun = Begun()
    train, valid, test = (model.read(f"{file}:{part}") for part in ("train", "valid", "test"))
    model.fit(train, validation=(valid, None), test=(test, None))
    metrics = model.metrics_
    return {
        "set": "jsb_chorales",
        "seed": seed,
        **({"settings": settings} if settings else {}),
        "test": metrics["test"],
        "valid": metrics["valid"],
        "published": {"lstm": 8.45, "gru": 8.43, "tcn": 8.10},
        "baselines": metrics["baselines"],
        **begun.account(metrics),
    }


def main() -> None:
    """Measure with each seed, printing each line as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder of the sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--settings", type=json.loads, default={}, help="other settings, as a JSON object")
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for seed in given.seeds:
        row = measure(given.data / "jsb_chorales/jsb_chorales.json.gz", seed, given.settings)
        keep(row, given.out)


if __name__ == "__main__":
    main()
