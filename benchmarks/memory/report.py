"""The committed rows as docs/memory.md and its picture. Of several rows of one training the last counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.kernels.report import Bar, Table, by_machine, put
from benchmarks.kernels.rows import ROOT, Row, read
from benchmarks.memory.contestants import CONTESTANTS, UNITS
from benchmarks.memory.problems import CLASS_ERROR, ERROR, Problem, Theirs, problem
from benchmarks.memory.train import RECENT, TESTED, TOGETHER

from cellwright.page.markup import Markup
from cellwright.page.numbers import number
from cellwright.page.plot import plot

FILE = Path(__file__).with_name("rows.jsonl")
PAGE = ROOT / "docs" / "memory.md"
PICTURE = ROOT / "docs" / "assets" / "memory.svg"
DRAWN = ("elman", "gru", "lstm, chrono")
PUBLISHED = "Hochreiter & Schmidhuber 1997"
SAID = {
    "adding": "Adding: two marked numbers among the first half of T, their sum asked for at the end",
    "order 6a": "Temporal order 6a: two signals 30 to 50 steps apart, and as far from the end; four classes",
    "order 6b": "Temporal order 6b: three signals, eight classes",
    "multiplication": "Multiplication: as adding, the product asked for",
    "copying": "Copying: ten letters of eight, said again after T blanks",
}
HEAD = f"""# Long memory, as first published

Made by `python -m benchmarks.memory report` of the rows in
[benchmarks/memory/rows.jsonl](../benchmarks/memory/rows.jsonl): do not edit. Each row carries its machine,
versions, commit and date. With `--out benchmarks/memory/rows.jsonl` the commands below add to them.

![The share of test sequences answered wrong over the distance T, by cell](assets/memory.svg)

The LSTM was published with problems that only a memory solves: what counts stands far before the question,
among noise. These are they, with the paper's criterion: training ends when of the last {RECENT:,} sequences
no more were wrong than its text allows (none, but for the product); a sum or a product is wrong by more than
{ERROR}, a class if any class is off by more than {CLASS_ERROR}. Then {TESTED:,} new sequences test it. No
sequence comes twice. Nets that learn nothing were given fewer sequences than those that learn: the tables say
how many.

What is not as in 1997: Adam with gradients clipped to a norm of 1, {TOGETHER} sequences a step, and the step
smaller once less than a tenth of the answers is wrong; the paper has stochastic descent with a step of 0.1 to
0.5, one sequence at a time. {UNITS} units, where it has four to six cells; a linear answer, of classes a
softmax with cross-entropy. The errors are the same measure; the counts of sequences tell what an LSTM takes
today, not whose is better. Copying is of Arjovsky, Shah & Bengio 2016, who give curves and no table: here a
sequence is right if all ten letters are, and training ends at 1 % wrong. "Guess" is the loss of one who
remembers nothing. With several seeds the medians stand in the table.

How weights start:

"""


def page(rows: Iterable[Row]) -> str:
    """The whole page."""
    last = latest(rows)
    lines = (f"- {name}: {one.about}; Adam's step {one.rate:g}\n" for name, one in CONTESTANTS.items())
    return by_machine(f"{HEAD}{''.join(lines)}\n{_given(last)}\n", last, tables)


def _given(rows: Sequence[Row]) -> str:
    """How many sequences the nets of the picture were trained on: not the same for all."""
    said = []
    for name in DRAWN:
        used = sorted(row["used"] for row in rows if row["problem"] == "adding" and row["net"] == name)
        said.append(f"{name} {used[0]:,} to {used[-1]:,}" if used else f"{name} none")
    return f"The nets of the picture were not trained alike. Sequences: {', '.join(said)}."


def latest(rows: Iterable[Row]) -> list[Row]:
    """Of each training the last row."""
    keys = ("problem", "distance", "net", "seed", "units")
    return list({tuple(row[key] for key in keys): row for row in rows}.values())


def tables(own: Sequence[Row]) -> list[Table]:
    """A table for each problem at each distance and each of its stops."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in sorted(own, key=lambda row: (list(SAID).index(row["problem"]), row["distance"])):
        groups.setdefault((row["problem"], row["distance"]), []).append(row)
    found = []
    for (name, distance), rows in groups.items():
        one = problem(name, distance)
        found += [_table(one, stop, rows) for stop in range(len(one.stops))]
    return found


def picture(rows: Iterable[Row]) -> Markup:
    """Adding: how many of the test sequences each net gets wrong, over T; the median of its seeds."""
    wrong: dict[str, dict[int, list[int]]] = {name: {} for name in DRAWN}
    for row in latest(rows):
        if row["problem"] == "adding" and row["net"] in wrong:
            wrong[row["net"]].setdefault(row["distance"], []).append(row["wrong"])
    x = sorted({distance for found in wrong.values() for distance in found})
    lines: Mapping[str, list[float | None]] = {
        name: [100 * median(found[at]) / TESTED if at in found else None for at in x]
        for name, found in wrong.items()
    }
    return plot("Adding: test sequences answered wrong, %", x, lines, x_label="distance T, steps")


def main(check: bool) -> int:
    """Write the page and the picture; with `check`, only say whether they are up to date."""
    rows = list(read(FILE))
    return put(PICTURE, str(picture(rows)) + "\n", check) or put(PAGE, page(rows), check)


def _table(one: Problem, stop: int, rows: Sequence[Row]) -> Table:
    theirs = one.theirs[stop] if one.theirs else None
    allowed = one.stops[stop]
    head = ("net", "weights", "sequences until the end", "wrong", "loss", "guess", "CPU s")
    lines = [
        _line(name, [row for row in rows if row["net"] == name], stop)
        for name in CONTESTANTS
        if any(row["net"] == name for row in rows)
    ]
    if theirs is not None:
        lines.append((PUBLISHED, "", f"{theirs.sequences:,}", f"{theirs.wrong}", "", "", ""))
    distance = f":{one.distance}" if one.name in ("adding", "multiplication", "copying") else ""
    title = SAID[one.name] + (f"; T = {one.distance}" if distance else "")
    title += f"; at most {allowed} of {RECENT:,} wrong" if allowed else ""
    command = f'python -m benchmarks.memory "{one.name}{distance}" --seeds {_seeds(rows)}'
    most = max(row["sequences"] for row in rows)
    return Table(title, f"{command} --sequences {most}", head, lines, _bars(rows, stop, theirs))


def _line(name: str, rows: Sequence[Row], stop: int) -> tuple[str, ...]:
    """One net: the median of its seeds, the seeds behind it."""
    ends = [row["reached"][stop] if len(row["reached"]) > stop else None for row in rows]
    counts = [end["sequences"] for end in ends if end is not None]
    shown = [row if end is None else end for row, end in zip(rows, ends, strict=True)]
    said = f"{median(counts):,.0f}" if counts else f"not in {max(row['used'] for row in rows):,}"
    if counts and len(rows) > 1:
        missed = len(rows) - len(counts)
        said += (
            f" ({', '.join(f'{count:,}' for count in counts)}" + (f"; {missed} not" if missed else "") + ")"
        )
    return (
        name,
        f"{rows[0]['weights']:,}",
        said,
        f"{median(one['wrong'] for one in shown):,.0f}",
        number(median(one["loss"] for one in shown), 3),
        number(rows[0]["guess"], 3),
        number(median(row["cpu_seconds"] for row in rows), 3),
    )


def _bars(rows: Sequence[Row], stop: int, theirs: Theirs | None) -> list[Bar]:
    """The LSTM against its own paper: errors as few, with as few sequences."""
    bars = []
    for name in ("lstm of 1997", "lstm", "lstm, chrono") if theirs is not None else ():
        own = [row for row in rows if row["net"] == name]
        ends = [row["reached"][stop] for row in own if len(row["reached"]) > stop]
        if not own or theirs is None:
            continue
        reached = len(ends) == len(own)
        found = f"not at the criterion in {len(own) - len(ends)} of {len(own)} seeds"
        if reached:
            wrong, used = (median(end[key] for end in ends) for key in ("wrong", "sequences"))
            reached = wrong <= theirs.wrong and used <= theirs.sequences
            found = f"{wrong:,.0f} wrong after {used:,.0f}"
        aim = (
            f"{name}: at most {theirs.wrong} of {TESTED:,} wrong after at most {theirs.sequences:,} sequences"
        )
        bars.append(Bar(aim, found, reached))
    return bars


def _seeds(rows: Sequence[Row]) -> str:
    return ",".join(map(str, sorted({row["seed"] for row in rows})))
