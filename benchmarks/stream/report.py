"""The committed rows as Markdown: what was aimed at, and what came out. Of several rows the last counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.kernels.report import Bar, Table, by_machine, machine_of, put
from benchmarks.kernels.rows import ROOT, Row, read

from cellwright.page.numbers import number

FILE = Path(__file__).with_name("rows.jsonl")
PAGE = ROOT / "docs" / "benchmarks_streams.md"
LATENCY = {16: 2.0, 64: 3.5, 256: 20.0}
PEERS = {"torch.nn.LSTMCell": 5.0, "ONNX Runtime": 3.0}
MINE = "cellwright, array"
HEAD = """# Live streams, measured

Made by `python -m benchmarks.stream report` of the rows in
[benchmarks/stream/rows.jsonl](../benchmarks/stream/rows.jsonl): do not edit. Each row carries its machine,
versions, commit and date. With `--out benchmarks/stream/rows.jsonl` the commands below add to them.

How: one process holds all contestants, with the same weights; their outputs after five steps are compared
first. Then they run in turns, in bursts of pushes of some milliseconds. Times are medians with quartiles by
the wall clock, in microseconds, the Python call included.
"""


def page(rows: Iterable[Row]) -> str:
    """The whole page."""
    latest = {(machine_of(r), *(r.get(k) for k in ("case", "cell", "H", "kind"))): r for r in rows}
    return by_machine(HEAD, latest.values(), _tables)


def _tables(own: Sequence[Row]) -> list[Table]:
    found = ((table, [row for row in own if row["case"] == case]) for case, table in TABLES.items())
    return [table(mine) for table, mine in found if mine]


def main(check: bool) -> int:
    """Write the page; with `check`, only say whether it is up to date."""
    return put(PAGE, page(read(FILE)), check)


def _latency(rows: Sequence[Row]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row["us"]))
    lines = [
        (str(row["H"]), *(_time(row["us"][name]) if name in row["us"] else "-" for name in names))
        for row in rows
    ]
    bars = []
    for row in rows:
        mine = row["us"][MINE]["median"]
        if row["H"] in LATENCY:
            aim = LATENCY[row["H"]]
            what = f"H = {row['H']}: a push of an array in at most {number(aim)} µs"
            bars.append(Bar(what, f"{number(mine, 3)} µs", mine <= aim))
        for peer, aim in PEERS.items():
            if peer in row["us"]:
                ratio = row["us"][peer]["median"] / mine
                what = f"H = {row['H']}: at least {number(aim)} times as fast as {peer}"
                bars.append(Bar(what, number(ratio, 3), ratio >= aim))
    title = "One push of an LSTM, H = I, one stream, float32, µs"
    return Table(title, "python -m benchmarks.stream latency", ("H", *names), lines, bars)


def _many(rows: Sequence[Row]) -> Table:
    head = ("cell", "H", "streams", "a push, µs a stream", "in a call of the layer", "times as long")
    lines = [
        (
            *(str(row[name]) for name in ("cell", "H", "streams")),
            *(number(row["us"][who], 3) for who in ("pushes", "layer")),
            number(row["times_as_long"], 3),
        )
        for row in rows
    ]
    worst = max(rows, key=lambda row: row["times_as_long"])
    found = f"{number(worst['times_as_long'], 3)} for {worst['cell']} at H = {worst['H']}"
    bar = Bar("a step of all streams at most 1.2 times as long", found, worst["times_as_long"] <= 1.2)
    return Table("Many streams in one process", "python -m benchmarks.stream many", head, lines, [bar])


def _soak(rows: Sequence[Row]) -> Table:
    head = ("push", "pushes", "s", "MiB before", "MiB after", "bytes more in Python")
    lines = [
        (
            row["kind"],
            f"{row['pushes']:,}",
            number(row["seconds"], 3),
            f"{row['mib_before']:.2f}",
            f"{row['mib_after']:.2f}",
            str(row["python_bytes"]),
        )
        for row in rows
    ]
    most = max(row["mib_after"] - row["mib_before"] for row in rows)
    bar = Bar("nothing grows, to a tenth of a MiB", f"{most:.3f} MiB at most", most <= 0.1)
    return Table("Many pushes of one stream", "python -m benchmarks.stream soak", head, lines, [bar])


def _time(found: Row) -> str:
    return f"{number(found['median'], 3)} ({number(found['lower'], 3)}-{number(found['upper'], 3)})"


TABLES = {"latency": _latency, "many": _many, "soak": _soak}
