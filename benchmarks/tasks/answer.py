"""Answers to questions about small worlds (cellwright.samples.worlds): one line of JSON each.

python benchmarks/tasks/answer.py [KIND ...] [--seeds 0 1 2] [--count 1000] [--language zh] [--set NAME=VALUE]
python benchmarks/tasks/answer.py KIND KIND ... --together      one network for all of them

As in bAbI: 1,000 questions train, a tenth of the stories choosing the epoch, 1,000 of other stories test.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rows import Begun, keep, settings_of

import cellwright as cw
from cellwright.samples import worlds


def measure(
    kinds: Sequence[str], seed: int, count: int, language: str, changed: dict[str, Any]
) -> dict[str, Any]:
    """Train on some kinds of question, score once on other stories, of several kinds each by itself too."""
    train, test = (
        [one for kind in kinds for one in worlds.questions(kind, n, s, language)]
        for n, s in ((count, seed), (1000, 2000 + seed))
    )
    model = cw.Answerer(seed=seed, valid=0.1, **changed)
    begun = Begun()
    model.fit(*pairs(train), test=pairs(test))
    metrics = model.metrics_
    parts = {kind: pairs(test[1000 * k : 1000 * (k + 1)]) for k, kind in enumerate(kinds) if len(kinds) > 1}
    alone = {kind: round(100 * model.measure(*part)["accuracy"], 1) for kind, part in parts.items()}
    return {
        "kind": ", ".join(kinds),
        "language": language,
        "questions": count * len(kinds),
        "seed": seed,
        **({"settings": changed} if changed else {}),
        "accuracy": round(100 * metrics["test"]["accuracy"], 1),
        **({"by kind": alone} if alone else {}),
        **{name: round(100 * scores["accuracy"], 1) for name, scores in metrics["baselines"].items()},
        **begun.account(metrics),
    }


def pairs(told: list[worlds.Told]) -> tuple[list[tuple[list[str], str]], list[str]]:
    """Stories with their questions, and the answers."""
    return [(list(one.facts), one.question) for one in told], [one.answer for one in told]


def main() -> None:
    """Measure the kinds that were asked for, printing each line as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(worlds.KINDS)}; none: all")
    parser.add_argument("--together", action="store_true", help="one network for all kinds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--count", type=int, default=1000, help="questions to train on")
    parser.add_argument("--language", default="en", choices=("en", "zh"))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changed")
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    kinds = asked.kinds or list(worlds.KINDS)
    for seed in asked.seeds:
        for some in [kinds] if asked.together else [[kind] for kind in kinds]:
            row = measure(some, seed, asked.count, asked.language, settings_of(asked.changed))
            keep(row, asked.out)


if __name__ == "__main__":
    main()
