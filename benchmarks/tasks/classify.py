"""Classification with the default settings on well-known sets: one line of JSON each, test part untouched.

python benchmarks/tasks/classify.py ../shared/data [trec ...] [--seed 0] [--held 0.4] [--out FILE.jsonl]

Each set is trained on its training file, a tenth of which chooses the epoch, and scored once on its official
test file. Sets without one (chnsenticorp_hotel, mr_polarity, digits_8x8) have a part held out, stratified.
Settings are chosen with --held: a share of the training file is scored in the place of the test file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rows import Begun, keep, options

import cellwright as cw


@dataclass(frozen=True)
class Case:
    """A set: its files (or the share held out as a test part), its columns, the floor of its index."""

    train: str
    test: str | float
    floor: float
    text: str = ""
    label: str = ""


CASES = {
    "trec": Case("trec/train.tsv", "trec/test.tsv", 91.2, "question", "coarse"),
    "sst_binary": Case("sst/sst_binary.train.tsv", "sst/sst_binary.test.tsv", 81.1),
    "sst_fine": Case("sst/sst_fine.train.tsv", "sst/sst_fine.test.tsv", 40.9),
    "mr_polarity": Case("mr_polarity/mr.csv", 0.1, 78.2),
    "chnsenticorp_hotel": Case("chnsenticorp_hotel/ChnSentiCorp_htl_all.csv.gz", 0.1, 90.4),
    "thucnews_headlines": Case("thucnews_headlines/train.txt", "thucnews_headlines/test.txt", 87.6),
    "japanese_vowels": Case(
        "japanese_vowels/JapaneseVowels_TRAIN.ts", "japanese_vowels/JapaneseVowels_TEST.ts", 97.0
    ),
    "pendigits": Case("pendigits/pendigits_train.csv", "pendigits/pendigits_test.csv", 97.7),
    "italy_power_demand": Case(
        "italy_power_demand/ItalyPowerDemand_TRAIN.ts", "italy_power_demand/ItalyPowerDemand_TEST.ts", 95.5
    ),
    "gunpoint": Case("gunpoint/GunPoint_TRAIN.ts", "gunpoint/GunPoint_TEST.ts", 91.3),
    "digits_8x8": Case("digits_8x8/digits.csv", 0.2, 97.0),
}


def measure(
    name: str, data: Path, seed: int, settings: dict[str, Any], held: float | None = None
) -> dict[str, Any]:
    """Train with the defaults (and what else is said), score once."""
    case = CASES[name]
    model = cw.Classifier(text=case.text, label=case.label, seed=seed, **settings)
    begun = Begun()
    share = held or case.test
    test = share if isinstance(share, float) else (model.read(data / share), None)
    model.fit(model.read(data / case.train), test=test)
    metrics = model.metrics_
    return {
        "set": name,
        **({"held": held} if held else {}),
        "seed": seed,
        **({"settings": settings} if settings else {}),
        "accuracy": round(100 * metrics["test"]["accuracy"], 2),
        "macro_f1": round(100 * metrics["test"]["macro_f1"], 2),
        "floor": case.floor,
        **{k: round(100 * v["accuracy"], 2) for k, v in metrics["baselines"].items()},
        **begun.account(metrics),
    }


def main() -> None:
    """Measure the sets that were asked for, printing each line as soon as it is known."""
    parser = options(__doc__, CASES)
    parser.add_argument("--settings", type=json.loads, default={}, help="other settings, as a JSON object")
    parser.add_argument("--held", type=float, help="score so much of the training file, not the test file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.sets or CASES:
        keep(measure(name, given.data, given.seed, given.settings, given.held), given.out)


if __name__ == "__main__":
    main()
