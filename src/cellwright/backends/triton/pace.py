"""The three figures of a card by which a layout is chosen, measured once and kept on disk. Floor 2.

    ~/.cache/cellwright/kernels/pace-<card>.json    {"meet": us, "read": GB/s, "multiply": TFLOP/s}

Where that fails (another process has the card's memory, the folder cannot be written to) they are assumed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from cellwright.backends.cpu.toolchain import _usable as usable
from cellwright.backends.cpu.toolchain import cache_folder
from cellwright.backends.triton import sizes
from cellwright.backends.triton.joint import ASSUMED, Card, Pace
from cellwright.backends.triton.launch import KernelError, start
from cellwright.backends.triton.scan import processors
from cellwright.backends.triton.source import module
from cellwright.backends.triton.table import FUNCTIONS

ROUNDS = 200
TEXT = f'''"""What one processor of a card does, for the cost of a step. Emitted by Cellwright."""

import triton
import triton.language as tl


{FUNCTIONS["meet"]}

@triton.jit
def meets(met_ptr, COUNT, SHARES: tl.constexpr):
    """All programs meet, COUNT times."""
    met = 0
    for n in range(0, COUNT):
        met += SHARES
        meet(met_ptr, met)


@triton.jit
def reads(data_ptr, out_ptr, COUNT, PIECES: tl.constexpr):
    """Every program reads its own pieces of 64 x 64, COUNT times, past its own cache."""
    place = tl.arange(0, 64)[:, None] * 64 + tl.arange(0, 64)[None, :]
    total = tl.zeros([64, 64], tl.float32)
    for n in range(0, COUNT):
        for piece in tl.range(0, PIECES, num_stages=3):
            at = (tl.program_id(0) * PIECES + piece) * 4096 + place
            total += tl.load(data_ptr + at, cache_modifier=".cg").to(tl.float32)
    tl.store(out_ptr + tl.program_id(0) * 4096 + place, total)


@triton.jit
def multiplies(data_ptr, out_ptr, COUNT):
    """Every program multiplies 16 x 64 by 64 x 64, COUNT times."""
    deep = tl.arange(0, 64)
    left = tl.load(data_ptr + tl.arange(0, 16)[:, None] * 64 + deep[None, :])
    right = tl.load(data_ptr + deep[:, None] * 64 + deep[None, :])
    total = tl.zeros([16, 64], tl.float32)
    for n in range(0, COUNT):
        total = tl.dot(left, right, total)
    place = tl.arange(0, 16)[:, None] * 64 + deep[None, :]
    tl.store(out_ptr + tl.program_id(0) * 4096 + place, total)
'''


def card_of(device: torch.device) -> Card:
    """What is known of a card; of the interpreter what an H100 would be."""
    if device.type != "cuda":
        return Card(132, sizes.on_chip(device), ASSUMED)
    index = device.index if device.index is not None else torch.cuda.current_device()
    return _card(index)


@lru_cache(maxsize=16)
def _card(index: int) -> Card:
    device = torch.device("cuda", index)
    return Card(processors(device), sizes.on_chip(device), _pace(device))


def _pace(device: torch.device) -> Pace:
    file = pace_file(torch.cuda.get_device_name(device))
    found = read_pace(file)
    if found is None:
        if torch.cuda.is_current_stream_capturing():
            return ASSUMED
        try:
            found = measured(device)
        except (KernelError, RuntimeError):
            return ASSUMED
        write_pace(file, found)
    return found


def pace_file(name: str) -> Path:
    """Where the figures of a card are kept.

    >>> pace_file("NVIDIA H100 80GB HBM3").name
    'pace-NVIDIA-H100-80GB-HBM3.json'
    """
    return usable(cache_folder()) / f"pace-{re.sub(r'[^A-Za-z0-9]+', '-', name)}.json"


def read_pace(file: Path) -> Pace | None:
    """The figures of a file; None where there are none that can be used."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        meet, read, multiply = (float(kept[name]) for name in ("meet", "read", "multiply"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    sound = all(0 < figure < 1e6 for figure in (meet, read, multiply))
    return Pace(meet, read, multiply, measured=True) if sound else None


def write_pace(file: Path, pace: Pace) -> None:
    """Keep figures; where that cannot be they are measured again."""
    kept = {"meet": pace.meet, "read": pace.read, "multiply": pace.multiply}
    try:
        file.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    except OSError:
        return


def measured(device: torch.device) -> Pace:
    """Run the three kernels on a card.

    Raises:
        KernelError, RuntimeError: one does not run.
    """
    made, count, pieces = module(TEXT, "pace"), processors(device), 16
    with torch.cuda.device(device):
        data = torch.zeros(count * pieces * 4096, dtype=torch.bfloat16, device=device)
        out = torch.zeros(count * 4096, device=device)

        def meets() -> None:
            met = torch.zeros(1, dtype=torch.int32, device=device)
            start(made.meets, (count, 1, 1), {"met_ptr": met, "COUNT": ROUNDS, "SHARES": count}, 4, 3, True)

        def reads() -> None:
            given = {"data_ptr": data, "out_ptr": out, "COUNT": ROUNDS, "PIECES": pieces}
            start(made.reads, (count, 1, 1), given, 4)

        def multiplies() -> None:
            start(made.multiplies, (count, 1, 1), {"data_ptr": data, "out_ptr": out, "COUNT": 40 * ROUNDS}, 4)

        meet, read, multiply = (_microseconds(job, out) for job in (meets, reads, multiplies))
    return Pace(
        meet / ROUNDS,
        ROUNDS * pieces * 4096 * 2 / (1e3 * read),
        40 * ROUNDS * 2 * 16 * 64 * 64 / (1e6 * multiply),
        measured=True,
    )


def _microseconds(job: Callable[[], None], like: Tensor) -> float:
    """The shorter of two runs, after one that compiles."""
    found: list[float] = []
    for _ in range(3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record(torch.cuda.current_stream(like.device))
        job()
        end.record(torch.cuda.current_stream(like.device))
        end.synchronize()
        found.append(1e3 * begin.elapsed_time(end))
    return min(found[1:])
