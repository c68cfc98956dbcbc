"""What the work is to reach on a card, compared with the rows that were measured: one line for each bar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
# Forward | forward and back, milliseconds on an H100 (FlashRNN, arXiv 2412.07752, its tables).
HEADS, ONE_HEAD = (3.10, 8.64), (4.87, 13.61)
LOOP, WIDE, SCAN, FIRST = 30.0, 2.5, 50.0, 5.0


def compared(rows: list[Row]) -> Iterator[str]:
    """A line for every bar that the newest rows can be held to; what failed is said, too."""
    newest = {_key(row): row for row in rows if "cell" in row}
    yield from (f"failed  {_title(row)}: {row['failed']}" for row in newest.values() if "failed" in row)
    good = [row for row in newest.values() if "failed" not in row]
    yield from _of_heads(good)
    yield from _of_wide(good)
    yield from _of_ratios(good)
    for row in good:
        if row["contestant"] == "cellwright":
            yield _line(row["first_call_s"], FIRST, f"{_title(row)}: seconds of the first call")


def _key(row: Row) -> tuple[Any, ...]:
    return row["case"], row["cell"], row["contestant"], tuple(row.get("sizes", ())), row.get("hidden")


def _title(row: Row) -> str:
    return f"{row['cell']} {row.get('sizes', row.get('hidden', ''))} {row['contestant']}"


def _line(got: float, allowed: float, what: str) -> str:
    return f"{'reached' if got <= allowed else 'MISSED '} {got:10.3f}  at most {allowed:8.3f}  {what}"


def _median(row: Row, way: str) -> float:
    return float(row[way][1])


def _of_heads(rows: list[Row]) -> Iterator[str]:
    """FlashRNN's published milliseconds; one head of 768 has its own."""
    for row in rows:
        if row["case"] == "blocks":
            published = ONE_HEAD if "one head" in row["cell"] else HEADS
            for way, allowed in zip(("forward", "training"), published, strict=True):
                yield _line(_median(row, way), allowed, f"{row['cell']}, {way}, ms")


def _of_wide(rows: list[Row]) -> Iterator[str]:
    """cuDNN's LSTM of the same width, per multiply-add."""
    wide = [row for row in rows if row["case"] == "wide"]
    stock = {tuple(r["sizes"]): r for r in wide if r["contestant"].startswith("torch.nn")}
    for row in wide:
        theirs = stock.get(tuple(row["sizes"]))
        if row["contestant"] == "cellwright" and theirs is not None:
            for way in ("forward", "training"):
                each, usual = (_median(r, way) / r["multiplies"] for r in (row, theirs))
                yield _line(each / usual, WIDE, f"{_title(row)}, {way}: times cuDNN's LSTM per multiply-add")


def _of_ratios(rows: list[Row]) -> Iterator[str]:
    """So many times faster than the Python loop, and than a scan's own step form."""
    for slow, least in (("loop", LOOP), ("its own step form", SCAN)):
        for row in rows:
            if row["contestant"] != slow:
                continue
            same = [r for r in rows if r["contestant"] == "cellwright" and r["case"] == row["case"]]
            for mine in (r for r in same if (r["cell"], r["sizes"]) == (row["cell"], row["sizes"])):
                for way in ("forward", "training"):
                    ratio = _median(mine, way) / _median(row, way)
                    yield _line(ratio, 1 / least, f"{_title(mine)}, {way}: of the time of {slow}")
