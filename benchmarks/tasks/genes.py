"""Genes and proteins on well-known sets: one line of JSON each, the test part scored once.

python benchmarks/tasks/genes.py ../shared/data [SET ...] [--seed 0] [--set NAME=VALUE ...] [--out FILE.jsonl]

The validation part chooses the epoch. The sets of classes have one of their own; of the 111 proteins a fifth
is held out, whole families of them: the test proteins are kin of none, and kin would only be remembered.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rows import Begun, keep, settings_of

import cellwright as cw


@dataclass(frozen=True)
class Case:
    """A set: its folder, the settings that are not the defaults, the score to reach and how it is called."""

    folder: str
    settings: Mapping[str, Any]
    score: str
    bar: float
    task: str = "classify"


WINDOWS = {
    "units": 32, "embedding": 32, "kmer": 3, "pooling": "attention", "batch_size": 64,
    "learning_rate": 0.005, "epochs": 14, "passes": 1, "patience": 0,
    "dropout": 0.3, "embedding_dropout": 0.1, "word_dropout": 0.05,
}  # fmt: skip
RESIDUES = {
    "units": 24, "embedding": 16, "character_units": 0, "crf": False, "batch_size": 4, "ensemble": 2,
    "learning_rate": 0.005, "epochs": 10, "patience": 0, "dropout": 0.5, "word_dropout": 0.2,
    "max_tokens": 22,
}  # fmt: skip
CASES = {
    "uci_splice60": Case("uci_splice60", {"label": "class", **WINDOWS}, "accuracy", 96.7),
    "ecoli_promoters": Case("ecoli_promoters", {"label": "label", **WINDOWS}, "mcc", 84.0),
    "uci_protein_ss": Case("uci_protein_ss", RESIDUES, "accuracy", 64.3, "tag"),
}


def measure(name: str, data: Path, seed: int, changed: dict[str, Any]) -> dict[str, Any]:
    """Train, score once."""
    case = CASES[name]
    settings = {**case.settings, **changed}
    kind = cw.Classifier if case.task == "classify" else cw.Tagger
    model = kind(**settings, seed=seed)
    parts = {part: data / case.folder / f"{part}.csv" for part in ("train", "valid", "test")}
    begun = Begun()
    held = {part: (model.read(path), None) for part, path in parts.items() if path.exists()}
    if case.task == "tag":
        train, valid = without_kin(held["train"][0])
        held |= {"train": (train, None), "valid": (valid, None)}
    model.fit(held["train"][0], test=held["test"], validation=held["valid"])
    metrics = model.metrics_
    return {
        "set": name,
        "seed": seed,
        "settings": settings,
        **_percent(metrics["test"]),
        "valid": _percent(metrics["valid"] or {}),
        "bar": {case.score: case.bar},
        "baselines": {key: _percent(value) for key, value in metrics["baselines"].items()},
        **begun.account(metrics),
    }


def without_kin(part: Any, share: float = 0.2) -> tuple[Any, Any]:
    """(rest, held out): no protein of one is kin of one in the other. The smallest families are held out."""
    kin = families(["".join(row) for row in part.tokens])
    held: set[int] = set()
    for family, _ in sorted(Counter(kin).items(), key=lambda pair: (pair[1], pair[0])):
        if sum(k in held for k in kin) < share * len(kin):
            held.add(family)
    places = range(len(kin))
    rest = part.some(k for k in places if kin[k] not in held)
    return rest, part.some(k for k in places if kin[k] in held)


def families(proteins: Sequence[str]) -> list[int]:
    """A number for each protein, the same for kin: who share a twentieth of their words of four letters."""
    words = [{text[k : k + 4] for k in range(len(text) - 3)} for text in proteins]
    found = list(range(len(words)))
    for b in range(len(words)):
        for a in range(b):
            if found[a] != found[b] and 20 * len(words[a] & words[b]) > min(len(words[a]), len(words[b])):
                found = [found[a] if family == found[b] else family for family in found]
    return found


def _percent(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: round(100 * value, 2) for key, value in scores.items() if key != "loss"}


def main() -> None:
    """Measure the sets that were asked for, printing each line as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder of the sets")
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(CASES)}; none: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changed")
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    changed = settings_of(given.changed)
    for name in given.sets or CASES:
        keep(measure(name, given.data, given.seed, changed), given.out)


if __name__ == "__main__":
    main()
