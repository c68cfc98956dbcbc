"""What goes to the screen: results to stdout, notices and progress to stderr. Floor 7.

Colour only on a terminal and without NO_COLOR (Rich sees to both); elsewhere no line is ever folded.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

UNFOLDED = 10_000


def complain(line: str) -> None:
    """The one line of an error."""
    print(f"error: {' '.join(line.split())}", file=sys.stderr, flush=True)


def notice(line: str, *, quiet: bool = False) -> None:
    """One line about what is going on, to stderr."""
    if not quiet:
        print(line, file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0) -> None:
    """A table on stdout; the last `numbers` columns are set to the right."""
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for place, name in enumerate(head):
        right = place >= len(head) - numbers
        grid.add_column(name, justify="right" if right else "left", no_wrap=right)
    for row in rows:
        grid.add_row(*row)
    render(grid, sys.stdout)


def render(thing: Any, stream: TextIO) -> None:
    """Anything Rich can draw; outside a terminal as wide as it needs, without blanks at the ends of lines."""
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        console.print(thing)
        return
    plain = Console(file=stream, width=UNFOLDED, highlight=False, markup=False, emoji=False, no_color=True)
    with plain.capture() as text:
        plain.print(thing)
    lines = (line.rstrip() for line in text.get().splitlines())
    print("\n".join(lines), file=stream)


@contextmanager
def notices_from_warnings() -> Iterator[None]:
    """Python's warnings as one line each, instead of a place in somebody's source and a line of it."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        notice(f"warning: {' '.join(str(message).split())}")

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before
