"""The committed rows as Markdown: what was aimed at, and what came out. Of several rows the last counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.kernels.report import NAMES, Bar, Table, by_machine, machine_of, put
from benchmarks.kernels.rows import ROOT, Row, read
from benchmarks.layers.ragged import OURS, PACKED

from cellwright.page.numbers import number

FILE = Path(__file__).with_name("rows.jsonl")
PAGE = ROOT / "docs" / "benchmarks_layers.md"
LONGER = 1.4
LONG = 100_000
HEAD = """# Layers, measured

Made by `python -m benchmarks.layers report` of the rows in
[benchmarks/layers/rows.jsonl](../benchmarks/layers/rows.jsonl): do not edit. Each row carries its machine,
versions, commit and date. With `--out benchmarks/layers/rows.jsonl` the commands below add to them.

Steps are training steps in float32: forward, and back to every weight. Long sequences run in fresh processes,
one for each way and time. Elsewhere one process holds all contestants with the same weights, compares what
they compute first, and runs them in turns. Times are medians with quartiles, milliseconds of CPU time of one
thread, so that other work on the machine is not in them.
"""


def page(rows: Iterable[Row]) -> str:
    """The whole page."""
    latest = {(machine_of(r), *(r.get(k) for k in ("case", "cell", *"TBIH"))): r for r in rows}
    return by_machine(HEAD, latest.values(), _tables)


def _tables(own: Sequence[Row]) -> list[Table]:
    found = ((table, [row for row in own if row["case"] == case]) for case, table in TABLES.items())
    return [table(mine) for table, mine in found if mine]


def main(check: bool) -> int:
    """Write the page; with `check`, only say whether it is up to date."""
    return put(PAGE, page(read(FILE)), check)


def _long(rows: Sequence[Row]) -> Table:
    kept = 'with checkpoint="sqrt"'
    head = ("cell", "T,B,I,H", "step, ms", kept, "times as long", "peak, MiB", kept, "y, dy, dx alone")
    lines = [
        (
            *_shape(row),
            *(number(row["ms"][way], 4) for way in ("none", "sqrt")),
            number(row["times_as_long"], 3),
            *(number(row["peak_mib"][way], 4) for way in ("none", "sqrt")),
            number(row["ends_mib"], 4),
        )
        for row in rows
    ]
    bars = []
    for row in rows:
        if row["T"] >= LONG:
            what = f"{_at(row)}: at most {LONGER} times as long"
            bars.append(Bar(what, number(row["times_as_long"], 3), row["times_as_long"] <= LONGER))
    bars += _growth(rows)
    title = "Long sequences in bounded memory"
    return Table(title, "python -m benchmarks.layers long", head, lines, bars)


def _growth(rows: Sequence[Row]) -> list[Bar]:
    """Between the shortest and the longest of sequences that differ in T alone: what is held beside them."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["cell"], row["B"], row["I"], row["H"]), []).append(row)
    bars = []
    for group in groups.values():
        first, last = (pick(group, key=lambda row: row["T"]) for pick in (min, max))
        if first["T"] == last["T"]:
            continue
        aim = math.sqrt(last["T"] / first["T"])
        beside = [row["peak_mib"]["sqrt"] - row["ends_mib"] for row in (first, last)]
        what = f"{_cell(last)}, T = {first['T']:,} to {last['T']:,}: memory beside y, dy and dx"
        found = f"{number(beside[0], 3)} to {number(beside[1], 3)} MiB"
        bars.append(Bar(f"{what} grows at most {number(aim, 3)} times", found, beside[1] <= aim * beside[0]))
    return bars


def _ragged(rows: Sequence[Row]) -> Table:
    names = list(rows[0]["ms"])
    head = ("cell", "T,B,I,H", *names, "lengths= as fast as PackedSequence", "distance")
    lines = [
        (
            *_shape(row),
            *(_time(row["ms"][name]) for name in names),
            f"{number(row['times_as_fast'], 3)} times",
            f"{row['error']:.1e}",
        )
        for row in rows
    ]
    least = min(rows, key=lambda row: row["times_as_fast"])
    most = max(rows, key=lambda row: row["of_padded"])
    theirs = max(rows, key=lambda row: row["torch_of_padded"])
    bars = [
        Bar(
            "`lengths=` nowhere slower than PackedSequence",
            f"{number(least['times_as_fast'], 3)} times as fast {_at(least)}",
            least["times_as_fast"] >= 1,
        ),
        Bar(
            "lengths cost nothing beside the same batch without them",
            f"at most {number(most['of_padded'], 3)} of its time ({_at(most)}); "
            f"torch.nn's PackedSequence up to {number(theirs['torch_of_padded'], 3)} ({_at(theirs)})",
            most["of_padded"] <= 1.05,
        ),
    ]
    title = f"Sequences of different lengths, ms: {OURS} against {PACKED}"
    return Table(title, "python -m benchmarks.layers ragged", head, lines, bars)


def _compiled(rows: Sequence[Row]) -> Table:
    names = list(rows[0]["ms"])
    kinds = list(rows[0]["times_as_fast"])
    head = ("cell", "T,B,I,H", *names, *(f"{kind}: times as fast" for kind in kinds), "compiling, s")
    lines = [
        (
            *_shape(row),
            *(_time(row["ms"][name]) for name in names),
            *(number(row["times_as_fast"][kind], 3) for kind in kinds),
            number(row["compiling_s"], 3),
        )
        for row in rows
    ]
    bars = []
    for kind in kinds:
        least = min(rows, key=lambda row: row["times_as_fast"][kind])
        found = f"{number(least['times_as_fast'][kind], 3)} times as fast {_at(least)}"
        bars.append(Bar(f"{kind}: no slower than eager", found, least["times_as_fast"][kind] >= 0.97))
    title = "A model with our layer under torch.compile(fullgraph=True), ms"
    return Table(title, "python -m benchmarks.layers compiled", head, lines, bars)


def _softmax(rows: Sequence[Row]) -> Table:
    names = list(rows[0]["ms"])
    head = ("T,B,I,classes", *names, "times as fast as the two functions", "of the products", "distance")
    lines = [
        (
            _shape(row)[1],
            *(_time(row["ms"][name]) if name in row["ms"] else "" for name in names),
            number(row["times_as_fast"], 3),
            number(row["of_products"], 3),
            f"{row['error']:.1e}",
        )
        for row in rows
    ]
    least = min(rows, key=lambda row: row["times_as_fast"])
    found = f"{number(least['times_as_fast'], 3)} times as fast at {_shape(least)[1]}"
    bars = [Bar("nowhere slower than torch's two functions", found, least["times_as_fast"] >= 1)]
    title = "A softmax over many classes and the product before it, forward and back, ms"
    return Table(title, "python -m benchmarks.layers softmax", head, lines, bars)


def _dropout(rows: Sequence[Row]) -> Table:
    names = list(rows[0]["ms"])
    head = ("T,B,I,H", *names, "times as fast", "dropped beside the share asked for")
    lines = [
        (
            _shape(row)[1],
            *(_time(row["ms"][name]) for name in names),
            number(row["times_as_fast"], 3),
            f"{row['error']:.1e}",
        )
        for row in rows
    ]
    least = min(rows, key=lambda row: row["times_as_fast"])
    found = f"{number(least['times_as_fast'], 3)} times as fast at {_shape(least)[1]}"
    bars = [Bar("nowhere slower than torch.nn.Dropout", found, least["times_as_fast"] >= 1)]
    return Table("Dropout, forward and back, ms", "python -m benchmarks.layers dropout", head, lines, bars)


def _shape(row: Row) -> tuple[str, str]:
    return _cell(row), ",".join(str(row[letter]) for letter in "TBIH")


def _cell(row: Row) -> str:
    name: str = row["cell"]
    return NAMES.get(name, name)


def _at(row: Row) -> str:
    return "{} at {}".format(*_shape(row))


def _time(found: Row) -> str:
    return f"{number(found['median'], 3)} ({number(found['lower'], 3)}-{number(found['upper'], 3)})"


TABLES = {
    "long": _long,
    "ragged": _ragged,
    "compiled": _compiled,
    "softmax": _softmax,
    "dropout": _dropout,
}
