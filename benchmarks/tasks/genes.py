"""Genes and proteins on well-known sets: one line of JSON each, the test part scored once.

python benchmarks/tasks/genes.py ../shared/data [SET ...] [--seed 0] [--set NAME=VALUE ...] [--out FILE.jsonl]
python benchmarks/tasks/genes.py ../shared/data uci_protein_ss --folds 5

The validation part of the sets of classes chooses the epoch. The 111 proteins have none: settings are chosen
by `--folds`, which leaves the test part alone and holds out whole families in turn: the test proteins are kin
of none, and kin would only be remembered.
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


SITES = cw.Classifier.recipe("sites")
CASES = {
    "uci_splice60": Case("uci_splice60", {"label": "class", **SITES}, "accuracy", 96.7),
    "ecoli_promoters": Case("ecoli_promoters", {"label": "label", **SITES}, "mcc", 84.0),
    "uci_protein_ss": Case("uci_protein_ss", cw.Tagger.recipe("residues"), "accuracy", 64.3, "tag"),
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
    model.fit(held["train"][0], test=held["test"], validation=held.get("valid"))
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


def across(name: str, data: Path, seed: int, changed: dict[str, Any], folds: int) -> dict[str, Any]:
    """Train `folds` times without one part of the families, score that part; of all residues together."""
    case = CASES[name]
    settings = {**case.settings, **changed, "valid": 0}
    begun, each, sizes = Begun(), [], []
    part = cw.Tagger().read(data / case.folder / "train.csv")
    where = in_folds(part.tokens, folds)
    for fold in range(folds):
        rest, held = (
            part.some(k for k, at in enumerate(where) if (at == fold) is own) for own in (False, True)
        )
        model = cw.Tagger(**settings, seed=seed).fit(rest, test=(held, None))
        each.append({"network": model.metrics_["test"], **model.metrics_["baselines"]})
        sizes.append(sum(map(len, held.tokens)))
    right = {
        method: sum(n * found[method]["accuracy"] for n, found in zip(sizes, each, strict=True))
        for method in each[0]
    }
    return {
        "set": name,
        "seed": seed,
        "settings": settings,
        "folds": folds,
        "accuracy": {method: round(100 * count / sum(sizes), 2) for method, count in right.items()},
        "each": [round(100 * found["network"]["accuracy"], 2) for found in each],
        **begun.account(model.metrics_),
    }


def in_folds(proteins: Sequence[Sequence[str]], folds: int) -> list[int]:
    """The fold of each protein: kin together, large families first, each where fewest residues are."""
    kin = families(["".join(protein) for protein in proteins])
    residues: Counter[int] = Counter()
    for family, protein in zip(kin, proteins, strict=True):
        residues[family] += len(protein)
    filled, of_family = [0] * folds, {}
    for family, size in sorted(residues.items(), key=lambda pair: (-pair[1], pair[0])):
        of_family[family] = filled.index(min(filled))
        filled[of_family[family]] += size
    return [of_family[family] for family in kin]


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
    parser.add_argument(
        "--folds", type=int, help="of proteins: cross-validate, and leave the test part alone"
    )
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    changed = settings_of(given.changed)
    for name in given.sets or CASES:
        if given.folds and CASES[name].task != "tag":
            parser.error(f"--folds is of proteins; {name} has a validation part of its own")
        row = (
            across(name, given.data, given.seed, changed, given.folds)
            if given.folds
            else measure(name, given.data, given.seed, changed)
        )
        keep(row, given.out)


if __name__ == "__main__":
    main()
