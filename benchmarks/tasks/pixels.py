"""Digits pixel by pixel, in reading order or in one order drawn by chance: one line of JSON each.

python benchmarks/tasks/pixels.py ../shared/data [--cells lstm gru elman] [--seeds 0 1 2] [--set NAME=VALUE]

As Le, Jaitly & Hinton 2015 do it with MNIST, here with digits_8x8: 64 steps of one number, a stratified fifth
for the test, a tenth of the rest choosing the epoch. The order of the pixels is the same for every digit and
every seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from rows import Begun, keep, settings_of
from sklearn.model_selection import train_test_split

import cellwright as cw


def measure(path: Path, order: str, cell: str, seed: int, changed: dict[str, Any]) -> dict[str, Any]:
    """Train on one order of the pixels, score once."""
    x, y = digits(path, order)
    rest, held, known, truth = train_test_split(x, y, test_size=0.2, stratify=y, random_state=seed)
    settings = {
        "cell": cell,
        "bidirectional": False,
        "pooling": "last",
        "epochs": 40,
        "patience": 0,
        **changed,
    }
    model = cw.Classifier(seed=seed, **settings)
    begun = Begun()
    model.fit(rest, known, test=(held, truth))
    metrics = model.metrics_
    return {
        "order": order,
        "cell": cell,
        "seed": seed,
        "settings": settings,
        "accuracy": round(100 * metrics["test"]["accuracy"], 2),
        **{k: round(100 * v["accuracy"], 2) for k, v in metrics["baselines"].items()},
        **begun.account(metrics),
    }


def digits(path: Path, order: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.str_]]:
    """Pixels as steps [N, 64, 1], and what is written."""
    frame = pl.read_csv(path / "digits_8x8" / "digits.csv")
    pixels = frame.select(f"r{row}c{column}" for row in range(8) for column in range(8)).to_numpy()
    if order == "permuted":
        pixels = pixels[:, np.random.default_rng(0).permutation(64)]
    (label,) = set(frame.columns[64:])
    return pixels[:, :, None].astype(np.float64), frame[label].cast(pl.String).to_numpy().astype(str)


def main() -> None:
    """Measure what was asked for, printing each line as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder of the sets")
    parser.add_argument("--orders", nargs="+", default=["sequential", "permuted"])
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru", "elman"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changed")
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for order in asked.orders:
        for cell in asked.cells:
            for seed in asked.seeds:
                keep(measure(asked.data, order, cell, seed, settings_of(asked.changed)), asked.out)


if __name__ == "__main__":
    main()
