"""Tagging on well-known sets: one line of JSON each, the test part scored once.

python benchmarks/tasks/tag.py ../shared/data [SET ...] [--seed 0] [--set NAME=VALUE ...] [--out FILE.jsonl]

The set's own development part chooses the epoch; conll2000 has none, there a tenth of the training part does.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rows import Begun, keep, options, settings_of

import cellwright as cw


@dataclass(frozen=True)
class Case:
    """A set: its files, the settings that are not the defaults, the score to reach."""

    train: str
    test: str
    bar: float
    validation: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


CASES = {
    "conll2000": Case("conll2000/train.txt.gz", "conll2000/test.txt", 93.5),
    "conll2000_pos": Case("conll2000/train.txt.gz", "conll2000/test.txt", 93.5, settings={"features": "2"}),
    "ud_english_ewt": Case(
        "ud_english_ewt/en_ewt-ud-train.conllu.gz",
        "ud_english_ewt/en_ewt-ud-test.conllu.gz",
        93.5,
        "ud_english_ewt/en_ewt-ud-dev.conllu.gz",
    ),
    "resume_ner_zh": Case(
        "resume_ner_zh/train.char.bmes",
        "resume_ner_zh/test.char.bmes",
        93.0,
        "resume_ner_zh/dev.char.bmes",
        # Four tags of the training file: a sentence is cut in the middle of a name (line 62390).
        {"illegal": "mend"},
    ),
    "atis": Case("atis/train.seq.in", "atis/test.seq.in", 94.0, "atis/valid.seq.in"),
}


def measure(name: str, data: Path, seed: int, changed: dict[str, Any]) -> dict[str, Any]:
    """Train, score once."""
    case = CASES[name]
    model = cw.Tagger(**{**case.settings, **changed}, seed=seed)
    begun = Begun()
    chosen = None if not case.validation else (model.read(data / case.validation), None)
    test = (model.read(data / case.test), None)
    model.fit(model.read(data / case.train), test=test, validation=chosen)
    metrics = model.metrics_
    return {
        "set": name,
        "seed": seed,
        "settings": {**case.settings, **changed},
        **{key: round(100 * value, 2) for key, value in metrics["test"].items() if key != "loss"},
        "valid_f1": round(100 * metrics["valid"]["f1"], 2),
        "bar": case.bar,
        **{key: round(100 * value["f1"], 2) for key, value in metrics["baselines"].items()},
        **begun.account(metrics),
    }


def main() -> None:
    """Measure the sets that were asked for, printing each line as soon as it is known."""
    parser = options(__doc__, CASES)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changed")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    changed = settings_of(given.changed)
    for name in given.sets or CASES:
        keep(measure(name, given.data, given.seed, changed), given.out)


if __name__ == "__main__":
    main()
