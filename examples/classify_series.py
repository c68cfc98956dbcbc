"""Classify series of unequal lengths and two channels: which way does a point turn on its circle?

Each channel alone looks alike in both classes; only together, in their order, do they tell. The model is
saved, loaded again, and asked for probabilities. Run: python examples/classify_series.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import cellwright as cw


def circles(count=300, seed=0):
    """`count` noisy tracks [T, 2], T from 10 to 40, and the direction of each."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        steps, turn = rng.integers(10, 41), rng.choice([-1, 1])
        angle = rng.uniform(0, 2 * np.pi) + turn * rng.uniform(0.2, 0.6) * np.arange(steps)
        X.append(np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.3, (steps, 2)))
        y.append("left" if turn > 0 else "right")
    return X, y


def main(epochs=4):
    """Train, save, load, predict."""
    X, y = circles()
    model = cw.Classifier(cell="gru", units=16, epochs=epochs).fit(X, y, test=0.25)
    scores = {"gru": model.metrics_["test"], **model.metrics_["baselines"]}
    for name, score in scores.items():
        print(f"{name:10} accuracy {score['accuracy']:6.1%}   macro-F1 {score['macro_f1']:6.1%}")
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "run")
        loaded = cw.Classifier.load(Path(folder) / "run")
    new, truth = circles(3, seed=1)
    for series, said, label in zip(new, loaded.predict_proba(new), truth, strict=True):
        shown = ", ".join(f"{name} {p:.2f}" for name, p in zip(loaded.classes_, said, strict=True))
        print(f"{len(series)} steps, truly {label:5}: {shown}")
    return scores


if __name__ == "__main__":
    main()
