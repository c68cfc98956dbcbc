"""The committed rows as Markdown: one table a case, with the command that prints it and what was aimed at.

Of several rows of one measurement the last counts. A shape where a peer is faster is in bold, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean

from benchmarks.kernels.rows import FILE, ROOT, Row, read

from cellwright.page.numbers import number

PAGE = ROOT / "docs" / "benchmarks.md"
NAMES = {"elman": "RNN", "lstm": "LSTM", "gru": "GRU", "slstm": "sLSTM", "lstm_layer_norm": "layer-norm LSTM"}
HEAD = """# Speed, measured

Made by `python -m benchmarks.kernels report` of the rows in
[benchmarks/kernels/rows.jsonl](../benchmarks/kernels/rows.jsonl): do not edit. Each row carries its machine,
versions, commit and date. With `--out benchmarks/kernels/rows.jsonl` the commands below add to them.

How: one process holds all contestants. Every cell's values and gradients are first held to float64 by the
table of tolerances that the tests use, and every peer's to ours. Then they run in turns; each turn begins
with a pause and a step that is not timed. A training step is forward and back to x and to every weight, in
float32. Times are medians with quartiles, by the wall clock, in milliseconds. **Bold: the peer is better.**
For your machine: `cellwright bench`.
"""
NOTHING = "\nNothing has been measured for this page yet.\n"


@dataclass(frozen=True)
class Bar:
    """What was aimed at, and what came out."""

    aim: str
    found: str
    reached: bool

    def __str__(self) -> str:
        return f"- {'reached' if self.reached else '**missed**'}: {self.aim}; measured {self.found}"


@dataclass(frozen=True)
class Table:
    """One case: its title, command, head and rows, and its bars."""

    title: str
    command: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    bars: Sequence[Bar]

    def __str__(self) -> str:
        ruler = ["---"] * len(self.head)
        lines = [f"| {' | '.join(cells)} |" for cells in (self.head, ruler, *self.rows)]
        return "\n".join(
            [
                f"### {self.title}\n",
                f"`{self.command}`\n",
                *lines,
                *([""] if self.bars else []),
                *map(str, self.bars),
                "",
            ]
        )


def page(rows: Iterable[Row]) -> str:
    """The whole page."""
    latest: dict[tuple[object, ...], Row] = {}
    for row in rows:
        latest[_key(row)] = row
    head = HEAD if latest else HEAD + NOTHING
    return by_machine(head, latest.values(), lambda own: [_table(case, own) for case in TABLES])


def by_machine(head: str, rows: Iterable[Row], tables: Callable[[list[Row]], Iterable[Table | None]]) -> str:
    """A page of one machine after the other: under each the tables that its rows give."""
    machines: dict[str, list[Row]] = {}
    for row in rows:
        machines.setdefault(machine_of(row), []).append(row)
    parts = [head]
    for machine, own in machines.items():
        parts.append(f"\n## {machine}\n\n{versions_of(own)}\n")
        parts += [f"\n{table}" for table in tables(own) if table is not None]
    return "".join(parts)


def main(check: bool) -> int:
    """Write the page; with `check`, only say whether it is up to date."""
    return put(PAGE, page(read(FILE)), check)


def put(page: Path, text: str, check: bool) -> int:
    """Write a page; with `check`, only say whether it stands so already. The program's exit status."""
    same = page.exists() and page.read_text(encoding="utf-8") == text
    if check:
        print(f"{page.name} is {'up to date' if same else 'not that of the rows: run without --check'}")
        return 0 if same else 1
    page.write_text(text, encoding="utf-8")
    print(f"wrote {page.relative_to(ROOT)}")
    return 0


def _key(row: Row) -> tuple[object, ...]:
    """What is measured again by a later row: the same thing at the same size against the same peers."""
    names = ("case", "cell", "T", "B", "I", "H", "dtype")
    return (machine_of(row), *(row.get(name) for name in names), *row.get("ms", ()))


def machine_of(row: Row) -> str:
    about = row["machine"]
    units = ", ".join(about["vectors"]) or "no vector units known"
    return f"{about['cpu']} ({units}): {row['threads']} of {about['processors']} processors"


def versions_of(rows: Sequence[Row]) -> str:
    """One line about all rows of a machine."""
    kinds = sorted({", ".join(f"{k} {v}" for k, v in row["versions"].items()) for row in rows})
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    dates = sorted(row["date"][:10] for row in rows)
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    steering = sorted({f"{k}={v}" for row in rows for k, v in row["machine"]["variables"].items()})
    more = f"; with {', '.join(steering)}" if steering else ""
    return f"{'; '.join(kinds)}; commit {commits}; {span}{more}."


def _table(case: str, rows: Sequence[Row]) -> Table | None:
    mine = [row for row in rows if row["case"] == case]
    return TABLES[case](mine) if mine else None


def _cell(row: Row) -> str:
    name = str(row["cell"])
    return "a user's own" if ".py" in name else NAMES.get(name, name)


def _sizes(row: Row) -> str:
    return ",".join(str(row[letter]) for letter in "TBIH")


def _time(row: Row, name: str) -> str:
    found = row["ms"][name]
    return f"{number(found['median'], 3)} ({number(found['lower'], 3)}-{number(found['upper'], 3)})"


def _ratio(value: float | None) -> str:
    """How many times as fast we are; bold where the other is faster."""
    if value is None:
        return "-"
    text = f"{number(value, 3)}"
    return f"**{text}**" if value < 1 else text


def _stock(rows: Sequence[Row]) -> Table:
    head = ("cell", "T,B,I,H", "ours", "torch.nn", "times as fast", "error against float64")
    lines, bars = [], []
    for row in rows:
        fast = _ratio(row["times_as_fast_as"]["torch.nn"])
        common = (_cell(row), _sizes(row))
        lines.append(
            (*common, _time(row, "cellwright"), _time(row, "torch.nn"), fast, f"{row['check']['error']:.1e}")
        )
    for name, mean, least in (("lstm", 1.3, 0.95), ("gru", 1.8, 0.0), ("elman", 1.8, 0.0)):
        own = [row for row in rows if row["cell"] == name]
        if own:
            bars.append(_mean_bar(own, mean))
            bars += [_least_bar(own, least)] if least else []
    return Table("LSTM, GRU, RNN against torch.nn", _command("stock"), head, lines, bars)


def _mean_bar(rows: Sequence[Row], aim: float) -> Bar:
    found = geometric_mean(row["times_as_fast_as"]["torch.nn"] for row in rows)
    what = f"{_cell(rows[0])} at least {aim} times as fast, geometric mean of {len(rows)} shapes"
    return Bar(what, number(found, 3), found >= aim)


def _least_bar(rows: Sequence[Row], aim: float) -> Bar:
    worst = min(rows, key=lambda row: row["times_as_fast_as"]["torch.nn"])
    found = worst["times_as_fast_as"]["torch.nn"]
    what = f"{_cell(rows[0])} nowhere below {aim}"
    return Bar(what, f"{number(found, 3)} at {_sizes(worst)}", found >= aim)


def _own(rows: Sequence[Row]) -> Table:
    peers = ("torch loop", "torch.compile", "jax scan")
    head = ("cell", "T,B,I,H", "ours", *(f"{p}, times as fast" for p in peers), "rate of our LSTM")
    lines = []
    for row in rows:
        beside = [
            f"{_time(row, peer)}, {_ratio(row['times_as_fast_as'][peer])}" if peer in row["ms"] else "-"
            for peer in peers
        ]
        seconds = row.get("torch.compile until the first step, s")
        beside[1] += f", after {seconds} s of compiling" if seconds else ""
        common = (_cell(row), _sizes(row), _time(row, "cellwright"))
        lines.append((*common, *beside, number(row["rate_of_our_lstm"], 3)))
    bars = [
        *_each(rows, "torch loop", 5.0),
        *_each(rows, "jax scan", 3.0),
        _worst(
            "multiply-adds a second at least 0.8 of our own LSTM's",
            rows,
            lambda r: r["rate_of_our_lstm"],
            0.8,
        ),
    ]
    title = "Cells that torch.nn has not"
    return Table(title, _command("own", "own --compile"), head, lines, bars)


def _each(rows: Sequence[Row], peer: str, aim: float) -> list[Bar]:
    own = [row for row in rows if peer in row["times_as_fast_as"]]
    what = f"at least {number(aim)} times as fast as the {peer}, everywhere"
    return [_worst(what, own, lambda row: row["times_as_fast_as"][peer], aim)] if own else []


def _worst(what: str, rows: Sequence[Row], value: Callable[[Row], float], aim: float) -> Bar:
    least = min(rows, key=value)
    return Bar(what, f"{number(value(least), 3)} for {_cell(least)} at {_sizes(least)}", value(least) >= aim)


def _ready(rows: Sequence[Row]) -> Table:
    head = ("T,B,I,H", "cold, ms", "from the cache on disk, ms", "importing cellwright, ms", "a step, ms")
    lines = [
        (
            _sizes(row),
            *(number(row[how]["ready_ms"], 3) for how in ("cold", "cached")),
            number(row["cached"]["import_ms"], 3),
            number(row["cached"]["second_step_ms"], 3),
        )
        for row in rows
    ]
    bars = []
    for how, aim in (("cold", 3000), ("cached", 50)):
        most = max(row[how]["ready_ms"] for row in rows)
        bars.append(Bar(f"{how}: ready in at most {aim:,} ms", f"{number(most, 3)} ms", most <= aim))
    title = "Until a new cell is ready: from its text to its first trained step, without import"
    return Table(title, _command("ready"), head, lines, bars)


def _rate(rows: Sequence[Row]) -> Table:
    kinds = ("ours", "torch.mm, B rows", "torch.mm, T * B rows")
    head = ("T,B,I,H", *(f"{kind}, GFLOP/s" for kind in kinds), "part")
    lines = [
        (
            _sizes(row),
            *(number(row["gflops"][kind], 3) for kind in kinds),
            number(row["part_of_torch_mm"], 3),
        )
        for row in rows
    ]
    aim = "at H = 256 at least 0.8 of the rate of torch.mm"
    bars = [_worst(aim, rows, lambda row: row["part_of_torch_mm"], 0.8)]
    return Table("The products in the LSTM's loop, forward", _command("rate"), head, lines, bars)


def _memory(rows: Sequence[Row]) -> Table:
    head = ("cell", "T,B,I,H", "ours, MiB", "torch.nn, MiB", "times as much")
    lines = []
    for row in rows:
        more = number(row["times_as_much"], 3)
        more = f"**{more}**" if row["times_as_much"] > 1 else more
        taken = (number(row["mib"][who], 4) for who in ("cellwright", "torch.nn"))
        lines.append((_cell(row), _sizes(row), *taken, more))
    most = max(rows, key=lambda row: row["times_as_much"])
    found = f"{number(most['times_as_much'], 3)} times as much for {_cell(most)} at {_sizes(most)}"
    bars = [Bar("no more memory than torch.nn", found, most["times_as_much"] <= 1)]
    return Table("The most memory that a training step takes", _command("memory"), head, lines, bars)


def _bfloat16(rows: Sequence[Row]) -> Table:
    title, command = "bfloat16 under autocast against float32", _command("bfloat16")
    run = [row for row in rows if "not_run" not in row]
    if not run:
        return Table(title, command, ("not run",), [(row["not_run"],) for row in rows], ())
    head = ("cell", "T,B,I,H", "float32", "bfloat16", "times as fast as float32", "torch.nn bfloat16")
    lines, ours = [], "cellwright bfloat16"

    def gain(row: Row) -> float:
        return float(1 / row["times_as_fast_as"][ours])

    for row in run:
        times = (
            _time(row, "cellwright"),
            _time(row, ours),
            _ratio(gain(row)),
            _time(row, "torch.nn bfloat16"),
        )
        lines.append((_cell(row), _sizes(row), *times))
    bars = [_worst("never slower than float32", run, gain, 1.0)]
    large = [row for row in run if row["H"] >= 256]
    bars += [_worst("at H >= 256 at least twice as fast", large, gain, 2.0)] if large else []
    return Table(title, command, head, lines, bars)


def _command(*cases: str) -> str:
    return "; ".join(f"python -m benchmarks.kernels {case}" for case in cases)


TABLES: dict[str, Callable[[Sequence[Row]], Table]] = {
    "stock": _stock,
    "own": _own,
    "ready": _ready,
    "rate": _rate,
    "memory": _memory,
    "bfloat16": _bfloat16,
}
