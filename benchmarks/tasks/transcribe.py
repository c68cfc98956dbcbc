"""Transcribing spoken digits: one line of JSON each, the test part scored once.

python benchmarks/tasks/transcribe.py ../shared/data [SET ...] [--seed 0] [--set NAME=VALUE ...] [--no-test]

digits           single digits, official split: recordings 0 to 4 of each speaker and digit are the test part,
                 5 to 9 choose the epoch, 10 to 49 train
strings          strings of 2 to 7 digits (see digit_strings.py), the same split
unseen_SPEAKER   single digits: all of one speaker are the test part, another one's choose the epoch
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path
from typing import Any

from digit_strings import SPEAKERS, write
from rows import Begun, keep, settings_of

import cellwright as cw

SETS = ("digits", "strings", *(f"unseen_{speaker}" for speaker in SPEAKERS))


def parts(name: str, data: Path, folder: Path) -> tuple[Any, Any, Any]:
    """Training, validation and test part."""
    reader = cw.Transcriber()
    if name == "strings":
        write(data / "fsdd", folder)
        train, valid, test = (reader.read(folder / f"{part}.csv") for part in ("train", "valid", "test"))
        return train, valid, test
    whole = reader.read(data / "fsdd" / "labels.csv")
    with (data / "fsdd" / "labels.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    if name == "digits":
        kinds = [0 if int(row["index"]) >= 10 else 1 if int(row["index"]) >= 5 else 2 for row in rows]
    else:
        left = name.removeprefix("unseen_")
        chooses = SPEAKERS[(SPEAKERS.index(left) + 1) % len(SPEAKERS)]
        kinds = [{left: 2, chooses: 1}.get(row["speaker"], 0) for row in rows]
    train, valid, test = (whole.some(k for k, kind in enumerate(kinds) if kind == one) for one in range(3))
    return train, valid, test


def measure(name: str, data: Path, seed: int, changed: dict[str, Any], test: bool) -> dict[str, Any]:
    """Train, score once."""
    model = cw.Transcriber(**changed, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        train, valid, held = parts(name, data, Path(folder))
        begun = Begun()
        model.fit(train, test=(held, None) if test else None, validation=(valid, None))
    metrics = model.metrics_
    measured = metrics["test"] or metrics["valid"]
    return {
        "set": name,
        "seed": seed,
        "settings": changed,
        "part": "test" if test else "validation",
        "recordings": [len(train), len(valid), len(held)],
        **{key: round(100 * value, 2) for key, value in measured.items() if key != "loss"},
        "loss": round(measured["loss"], 4),
        "valid": {key: round(100 * value, 2) for key, value in metrics["valid"].items() if key != "loss"},
        **{key: round(100 * value["word_error_rate"], 2) for key, value in metrics["baselines"].items()},
        **begun.account(metrics),
    }


def main() -> None:
    """Measure each set, print and keep its line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--no-test", action="store_true", help="the validation part alone")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    changed = settings_of(given.set)
    for name in given.sets or SETS[:2]:
        keep(measure(name, given.data, given.seed, changed, not given.no_test), given.out)


if __name__ == "__main__":
    main()
