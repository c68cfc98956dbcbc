"""What goes in and what comes out at every step, drawn: one or many, in step or not. Floor 4."""

from __future__ import annotations

from collections.abc import Sequence

from cellwright.page.diagram.picture import Box, Point, arrow, picture, rectangle, text, way
from cellwright.page.markup import Markup, el

CELL, HEIGHT, GAP, REACH, PILL, LETTER = 62.0, 44.0, 30.0, 30.0, 26.0, 8.2


def shape(
    title: str, reads: Sequence[str], says: Sequence[str], *, fed_back: bool = False, cell: str = "cell"
) -> Markup:
    """The steps of a cell with what each reads below it and what is taken of each above it.

    Args:
        title: what it is, for those who do not see it.
        reads, says: a text for each step; empty where nothing goes in, or nothing is taken out.
        fed_back: whether what one step says is what the next one reads, where that says it has nothing else.
        cell: what stands in the boxes.

    >>> shape("many to one", ["a", "good", "film"], ["", "", "+"])[:4]
    '<svg'
    """
    if len(reads) != len(says) or not reads:
        raise ValueError(f"{len(reads)} inputs and {len(says)} outputs, of as many steps")
    widest = max(map(len, (*reads, *says)))
    width = max(CELL, LETTER * widest + 18)
    middles = [width / 2 + k * (width + GAP) for k in range(len(reads))]
    drawn: list[Markup] = []
    for k, x in enumerate(middles):
        drawn += _step(x, width, cell)
        drawn += _end(reads[k], x, HEIGHT + REACH, "cw-x")
        drawn += _end(says[k], x, -REACH, "cw-state")
        if k:
            left = middles[k - 1] + width / 2
            drawn += _line([(left, HEIGHT / 2), (x - width / 2, HEIGHT / 2)], "cw-track", thick=True)
        if k and fed_back and not reads[k] and says[k - 1]:
            drawn += _back(middles[k - 1] + _pill(says[k - 1]) / 2, x, (middles[k - 1] + x) / 2)
    whole = width * len(reads) + GAP * (len(reads) - 1)
    height = HEIGHT + 2 * (REACH + PILL) + 24
    return picture(title, Box(whole / 2, HEIGHT / 2, whole + 32, height), drawn)


def _step(x: float, width: float, cell: str) -> list[Markup]:
    box = rectangle(Box(x, HEIGHT / 2, width, HEIGHT), "cw-cell", 10)
    return [box, text(cell, x, HEIGHT / 2 + 4.5, "")]


def _end(words: str, x: float, y: float, kind: str) -> list[Markup]:
    """A text below or above a step, and the arrow between them; nothing for an empty text."""
    if not words:
        return []
    below = y > 0
    middle = y + (PILL / 2 if below else -PILL / 2)
    points = [(x, y), (x, HEIGHT)] if below else [(x, 0.0), (x, y)]
    pill = Box(x, middle, _pill(words), PILL)
    return [
        *_line(points, kind),
        rectangle(pill, f"cw-end {kind}", PILL / 2),
        text(words, x, middle + 4.5, ""),
    ]


def _pill(words: str) -> float:
    return max(PILL + 8, LETTER * len(words) + 14)


def _back(edge: float, x: float, between: float) -> list[Markup]:
    """From the edge of what a step says, down between the boxes, into the next step at x from below."""
    high, low = -REACH - PILL / 2, HEIGHT + REACH * 0.7
    return _line([(edge, high), (between, high), (between, low), (x, low), (x, HEIGHT)], "cw-x")


def _line(points: Sequence[Point], kind: str, thick: bool = False) -> list[Markup]:
    return [el("path", d=way(points), class_=f"cw-wire {kind}"), arrow(points, kind, thick=thick)]
