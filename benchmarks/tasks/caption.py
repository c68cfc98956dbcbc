"""Captions: of real pictures, their own or another's; of clips in combinations never seen. A JSON line each.

python benchmarks/tasks/caption.py flickr ../shared/data [--seeds 0 1 2] [--out FILE.jsonl]
python benchmarks/tasks/caption.py clips [--language zh] [--seeds 0 1 2] [--out FILE.jsonl]

`flickr`: flickr8k_small, the official training images with their handcrafted832 features; a tenth of them
chooses the epoch; the official development images are the test part, scored once. The same trained net is
then given the features of another test image for each, in five ways: `exchanged` is the mean of those scores.
`clips`: shapes that move (cellwright.samples.moving_shapes), 151 combinations of colour, shape and motion for
training, 38 others for the test; the share of captions that are right to the letter.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import Begun, keep

import cellwright as cw
from cellwright.samples.moving_shapes import clips, parted
from cellwright.tasks.caption.pictures import Pictures, normal

FLICKR: dict[str, Any] = {"features": "handcrafted832", "pieces": 1500, "epochs": 10}
CLIPS: dict[str, Any] = {
    "units": 64, "embedding": 32, "bidirectional": True, "batch_size": 32, "learning_rate": 5e-3,
    "epochs": 12, "dropout": 0.3, "word_dropout": 0.0, "feature_dropout": 0.0, "pieces": 60, "patience": 0,
}  # fmt: skip
EACH, ASKED = 8, 4  # clips of a combination, for training and for the test


def flickr(folder: Path, seed: int) -> dict[str, Any]:
    """Real pictures, and the same net with the features exchanged."""
    own = folder / "flickr8k_small"
    begun, model = Begun(), cw.Captioner(seed=seed, **FLICKR)
    every = model.read(f"{own / 'features.npz'},{own / 'captions.csv'}")
    with (own / "captions.csv").open(encoding="utf-8", newline="") as file:
        split = {row["image"]: row["split"] for row in csv.DictReader(file)}
    train, test = (
        every.some(k for k, name in enumerate(every.names) if (split[name] == "train") == wanted)
        for wanted in (True, False)
    )
    model.fit(train, test=(test, None))
    others = [model.measure(one) for one in exchanged(test, seed)]
    names = ("cider", "bleu", "bleu_1", "perplexity")
    scores = {name: model.metrics_["test"][name] for name in names}
    return {
        "set": "flickr8k_small, official development images",
        **FLICKR,
        "test": scores,
        "exchanged": {name: float(np.mean([one[name] for one in others])) for name in names},
        "baselines": model.metrics_["baselines"],
        **begun.account(model.metrics_),
    }


def exchanged(test: Pictures, seed: int) -> list[Pictures]:
    """The same captions beside the features of another picture, five times."""
    order = np.random.default_rng(seed).permutation(len(test))
    found = []
    for turn in range(1, 6):
        given = dict(zip(order.tolist(), np.roll(order, turn).tolist(), strict=True))
        found.append(replace(test, features=[test.features[given[k]] for k in range(len(test))]))
    return found


def shapes(language: str, seed: int) -> dict[str, Any]:
    """Clips of combinations that training never held."""
    known, unseen = parted()
    seen, asked = clips(known, EACH, 0, language), clips(unseen, ASKED, 1, language)
    begun, model = Begun(), cw.Captioner(seed=seed, **CLIPS)
    model.fit(
        normal([clip.frames for clip in seen], [clip.caption for clip in seen]),
        test=([clip.frames for clip in asked], [clip.caption for clip in asked]),
    )
    said = model.predict([clip.frames for clip in asked])
    right = [one == clip.caption for one, clip in zip(said, asked, strict=True)]
    return {
        "set": f"moving shapes, {language}: {len(known)} combinations, {len(unseen)} others for the test",
        **CLIPS,
        "clips": [len(seen), len(asked)],
        "exact": float(np.mean(right)),
        "test": {name: model.metrics_["test"][name] for name in ("cider", "bleu", "shuffled_cider")},
        "baselines": model.metrics_["baselines"],
        **begun.account(model.metrics_),
    }


def main() -> None:
    """Measure with each seed, printing each line as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("flickr", "clips"))
    parser.add_argument("data", nargs="?", type=Path, help="the folder of the sets, for flickr")
    parser.add_argument("--language", default="en", choices=("en", "zh"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    if given.what == "flickr" and given.data is None:
        parser.error("flickr needs the folder of the sets")
    torch.set_num_threads(1)
    for seed in given.seeds:
        row = shapes(given.language, seed) if given.what == "clips" else flickr(given.data, seed)
        keep({"seed": seed, **row}, given.out)


if __name__ == "__main__":
    main()
