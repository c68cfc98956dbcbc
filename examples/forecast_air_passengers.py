"""Forecast the airline passengers of 1949-1960: a trend, and a season that grows with it.

The last fifth of the months is held out. Over it, from every origin, twelve months are forecast at once, and
the score is printed beside those of forecasts that need no network, whichever is better. With 92 months to
train on, a network has little to add to the linear forecast that it corrects, and the numbers say so. Run:
python examples/forecast_air_passengers.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import cellwright as cw


def line(name, scores):
    """One row of the table; MASE below 1 is better than the seasonal naive was in training."""
    print(f"{name:15} MAE {scores['mae']:5.1f}   MAPE {scores['mape']:5.1f} %   MASE {scores['mase']:5.2f}")


def main(seeds=3):
    """Train, score, save, load, forecast the year after the end."""
    torch.set_num_threads(1)  # a small network gains nothing from more
    models = [cw.Forecaster(seed=seed).fit("air_passengers", test=0.2) for seed in range(seeds)]
    for seed, model in enumerate(models):
        line(f"lstm, seed {seed}", model.metrics_["test"])
    for name, scores in models[0].metrics_["baselines"].items():
        line(name.replace("_", " "), scores)
    facts = models[0].facts_
    base = facts["bases"][0]
    print(f"\nseason {facts['season']}, transform {base['transform']}, measured from {base['anchor']}")

    with TemporaryDirectory() as folder:
        models[0].save(Path(folder) / "run")
        loaded = cw.Forecaster.load(Path(folder) / "run")
    print("the twelve months after the end of the file, in thousands:")
    for month, passengers, *bounds in loaded.forecast().iter_rows():
        least, most = bounds[:2]
        print(
            f"  {month:%Y-%m}  {passengers:4.0f}  ({least:.0f} to {most:.0f})  {'#' * round(passengers / 12)}"
        )


if __name__ == "__main__":
    main()
