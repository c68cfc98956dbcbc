"""What the scripts beside this one share: options, settings from the command line, a row's account of a
training, contenders timed in turns, rows printed and kept.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import cellwright as cw


@dataclass(frozen=True)
class Begun:
    """When a measurement began, by the clock and by the processor."""

    clock: float = field(default_factory=time.perf_counter)
    worked: float = field(default_factory=time.process_time)

    def account(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """What a trained model's `metrics_` say of the training, what it took, and where."""
        return {
            "parameters": metrics["parameters"],
            "epochs": metrics["epochs"],
            "best_epoch": metrics["best_epoch"],
            "training_seconds": metrics["seconds"],
            "seconds": round(time.perf_counter() - self.clock, 1),
            "cpu_seconds": round(time.process_time() - self.worked, 1),
            "threads": torch.get_num_threads(),
            "machine": platform.processor() or platform.machine(),
            "versions": {"torch": torch.__version__, "cellwright": cw.__version__},
        }


@dataclass(frozen=True)
class Taken:
    """How long a contender took in each round, in seconds by the clock and of the processor."""

    clock: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)

    def of(self, count: float, worked: bool = False) -> list[float]:
        """So many things a second in each round."""
        return [count / seconds for seconds in (self.worked if worked else self.clock)]


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Taken]:
    """Each once in every round, in the one order and then in the other."""
    found = {name: Taken() for name in ways}
    for number in range(rounds):
        for name in sorted(ways, reverse=bool(number % 2)):
            begun = Begun()
            ways[name]()
            found[name].worked.append(time.process_time() - begun.worked)
            found[name].clock.append(time.perf_counter() - begun.clock)
    return found


def medians(values: Mapping[str, Iterable[float]]) -> dict[str, float]:
    """The median of each."""
    return {name: statistics.median(each) for name, each in values.items()}


def where() -> dict[str, Any]:
    """What a speed was measured on."""
    return {
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
    }


def options(text: str | None, sets: Iterable[str] = ()) -> argparse.ArgumentParser:
    """The options that the scripts share: threads and where the rows go; of those that go through `sets`
    also the folder, which of them, and a seed."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    if sets:
        parser.add_argument("data", type=Path, help="the folder of the sets")
        parser.add_argument("sets", nargs="*", help=f"of {', '.join(sets)}; none: all")
        parser.add_argument("--seed", type=int, default=0)
    return parser


def settings_of(pairs: Iterable[str]) -> dict[str, Any]:
    """NAME=VALUE from the command line: a value is JSON, or else a text."""
    return {name: _value(text) for name, _, text in (pair.partition("=") for pair in pairs)}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def keep(row: dict[str, Any], out: Path | None) -> None:
    """Print a row as a line of JSON, and append it to a file."""
    line = json.dumps(row, ensure_ascii=False)
    print(line, flush=True)
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
