"""Values under the steps of a short text as an SVG picture: a row for each, a number in a box. Floor 4."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from unicodedata import east_asian_width

from cellwright.page.diagram.picture import Box, Point, name, picture, rectangle, text
from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number

RIGHT, TOP, BOTTOM = 16.0, 18.0, 14.0
WIDE, NARROW, TALL = 46.0, 30.0, 26.0
LETTER = 7.0
ROOM = 700.0
Values = Sequence[float | None]


def heat(title: str, steps: Sequence[str], rows: Mapping[str, Values]) -> Markup:
    """A picture of values by step; blue is above zero, brown below, deep is far from it.

    Args:
        title: what is drawn, for those who do not see it, and above the picture.
        steps: what stands at each step.
        rows: by name, each as many values as steps; a row's deepest colour is its largest value, 1 at least.

    >>> heat("a gate", ["so", "it", "is"], {"f": [0.1, 0.9, None]})[:4]
    '<svg'
    """
    left = 30 + max(map(_length, rows), default=0)
    box = min(WIDE, max(NARROW, (ROOM - left - RIGHT) / max(1, len(steps))))
    longest = max(map(_length, steps), default=0)
    slanted = longest > box - 4
    head = TOP + (22 if title else 0) + (0.72 * longest + 8 if slanted else 20)
    width = left + box * len(steps) + RIGHT + (0.6 * longest if slanted else 0)
    height = head + TALL * len(rows) + BOTTOM
    return picture(
        f"{title}: {', '.join(rows)}, {' '.join(steps)}",
        Box(width / 2, height / 2, width, height),
        text(title, left, TOP + 8, "cw-start") if title else None,
        [_step(word, left + box * (k + 0.5), head - 7, slanted) for k, word in enumerate(steps)],
        [
            list(_row(key, values, (left, head + TALL * k), box))
            for k, (key, values) in enumerate(rows.items())
        ],
    )


def _length(word: str) -> float:
    return sum(2 * LETTER if east_asian_width(letter) in "WF" else LETTER for letter in word)


def _step(word: str, x: float, y: float, slanted: bool) -> Markup:
    if not slanted:
        return text(word, x, y, "cw-key cw-middle")
    return el("text", word, transform=f"translate({x - 4:.1f} {y:.1f}) rotate(-45)", class_="cw-key")


def _row(key: str, values: Values, corner: Point, box: float) -> Iterator[Markup]:
    known = [abs(v) for v in values if v is not None and math.isfinite(v)]
    deepest, (left, y) = max([1.0, *known]), corner
    yield name(key, left - 10 - _length(key) / 2, y + TALL / 2 + 5, "cw-end-text")
    for k, value in enumerate(values):
        middle = Box(left + box * (k + 0.5), y + TALL / 2, box - 2, TALL - 2)
        yield rectangle(middle, "cw-nothing", 3)
        if value is None or not math.isfinite(value):
            continue
        depth = abs(value) / deepest
        yield _shade(middle, "cw-plus" if value >= 0 else "cw-minus", depth)
        kind = "cw-in cw-deep" if depth > 0.6 else "cw-in"
        yield text(number(round(value, 2)), middle.x, middle.y + 4, kind)


def _shade(box: Box, kind: str, depth: float) -> Markup:
    x, y = box.x - box.width / 2, box.y - box.height / 2
    return el(
        "rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{box.width:.1f}", height=f"{box.height:.1f}", rx=3,
        class_=kind, fill_opacity=f"{0.06 + 0.84 * depth:.2f}",
    )  # fmt: skip
