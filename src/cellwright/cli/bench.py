"""`cellwright bench`: how fast cells train on this machine, beside torch.nn. Floor 7.

Every cell is held to float64 first; one that is wrong ends the command, with no speed shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import geometric_mean
from typing import Annotated, Any

import torch
import typer

from cellwright.checkpoint import to_json, write_json
from cellwright.cli.options import split_names, whole
from cellwright.cli.screen import notice, table
from cellwright.errors import SettingError
from cellwright.page.numbers import number
from cellwright.testing.machine import load, machine, versions
from cellwright.testing.speed import OURS, QUICK, SIZES, Measured, Sizes, check_settings, measure

USUAL = "lstm,gru,elman"
DTYPES = {"float32": torch.float32, "float64": torch.float64}
HEAD = ("cell", "T,B,I,H", "ms (quartiles)", "peer", "its ms", "times as fast", "error", "runs on")


def run(
    cells: Annotated[
        str, typer.Option(help="cells separated by commas, FILE.py:NAME among them", metavar="CELLS")
    ] = USUAL,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help="T,B,I,H; may be given several times", metavar="T,B,I,H", show_default="eight usual ones"
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="the smaller shapes, fewer repetitions")] = False,
    repetitions: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="times each is timed", show_default="30, quick 9"),
    ] = None,
    dtype: Annotated[str, typer.Option(help=" or ".join(DTYPES))] = "float32",
    threads: Annotated[
        int | None, typer.Option(parser=whole, metavar="N", help="threads", show_default="torch's")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="a file to write the results to, as JSON", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the results as JSON instead of a table")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress, only the results")] = False,
) -> None:
    """Print how long one training step takes, ours and a peer's in turns, and what came out of the check."""
    names = split_names(cells)
    if not names:
        raise SettingError("no cell to time", where="--cells", got=repr(cells), expected=USUAL)
    if dtype not in DTYPES:
        raise SettingError("no such dtype", where="--dtype", got=dtype, expected=" or ".join(DTYPES))
    shapes = [Sizes.parse(text) for text in shape] if shape else list(QUICK if quick else SIZES)
    pairs = [(name, sizes) for name in names for sizes in shapes]
    count = (9 if quick else 30) if repetitions is None else repetitions
    for name, sizes in pairs:
        check_settings(name, sizes, DTYPES[dtype], count)
    _check_file(out)
    with _threads(threads):
        document: dict[str, Any] = {"machine": machine(), "versions": versions(), "load": load()}
        notice(_of_the_machine(), quiet=quiet)
        found = []
        for name, sizes in pairs:
            notice(f"{name} at {sizes} ...", quiet=quiet)
            found.append(measure(name, sizes, dtype=DTYPES[dtype], repetitions=count))
    document["rows"] = [one.document() for one in found]
    if out is not None:
        write_json(out, document)
        notice(f"wrote {out}", quiet=quiet)
    print(to_json(document, indent=1)) if as_json else _print(found)


def _check_file(out: Path | None) -> None:
    """Before minutes of measuring, not after them."""
    if out is None:
        return
    folder = out.parent
    why = (
        "a folder" if out.is_dir()
        else f"no folder {folder}" if not folder.is_dir()
        else "no right to write there" if not os.access(out if out.exists() else folder, os.W_OK)
        else None
    )  # fmt: skip
    if why is not None:
        raise SettingError(
            "cannot write the results", where=f"--out {out}", got=why, fix="choose another file"
        )


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """torch's number of threads, which our kernels follow, for as long as the measuring takes."""
    if count is not None and count < 1:
        raise SettingError(f"threads must be at least 1, got {count}")
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _of_the_machine() -> str:
    """One line: the processor and the threads; and whether others use it."""
    about, busy = machine(), load()
    line = f"{about['cpu']} ({', '.join(about['vectors']) or 'no vector units known'}), "
    line += f"{torch.get_num_threads()} of {about['processors']} processors"
    if busy is not None and busy > 0.5:
        line += f"; others used {number(busy, 2)} processors in the last minute: the times are upper bounds"
    return line


def _print(found: Sequence[Measured]) -> None:
    """A row each, then a line for each cell."""
    rows = []
    for one in found:
        for peer in (name for name in one.times if name != OURS):
            times = (str(one.times[OURS]), peer, str(one.times[peer]), number(one.ratio(peer), 3))
            rows.append((one.cell, str(one.sizes), *times, f"{one.check.error:.1e}", one.backend))
    table(HEAD, rows)
    print()
    for name in dict.fromkeys(one.cell for one in found):
        print(_in_short([one for one in found if one.cell == name]))


def _in_short(found: Sequence[Measured]) -> str:
    peer = next(name for name in found[0].times if name != OURS)
    least = min(found, key=lambda one: one.ratio(peer))
    mean = geometric_mean(one.ratio(peer) for one in found)
    line = f"{found[0].cell}: {number(mean, 3)} times as fast as {peer}"
    if len(found) > 1:
        line += f" (geometric mean of {len(found)}; least {number(least.ratio(peer), 3)} at {least.sizes})"
    return line
