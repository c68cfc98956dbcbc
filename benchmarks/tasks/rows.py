"""What the scripts beside this one share: a row's account of a training, settings from the command line, rows
printed and kept.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable
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
