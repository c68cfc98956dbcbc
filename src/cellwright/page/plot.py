"""Lines over a common axis as one SVG picture that stands by itself, for a document or a slide. Floor 4.

The charts of our own pages are `chart`; this is for other people's pages. Missing values leave a gap; so do
values <= 0 on a log axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from cellwright.page.diagram.picture import Box, picture, text
from cellwright.page.markup import Markup, el
from cellwright.page.numbers import log_ticks, number, ticks

WIDTH, HEIGHT = 680.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 20.0, 44.0, 46.0
LOOKS = 6
LETTER = 7.2

Values = Sequence[float | None]


def plot(
    title: str, x: Sequence[float], lines: Mapping[str, Values], *, x_label: str = "", log: bool = False
) -> Markup:
    """A picture of lines.

    Args:
        title: what is drawn.
        x: where the values stand, growing.
        lines: by name, each as many values as x.
        x_label: what x counts.
        log: a logarithmic vertical axis.

    >>> plot("a line", [0, 1, 2], {"y": [1.0, None, 3.0]})[:4]
    '<svg'
    """
    return _Plot(title, x, lines, x_label, log).drawn()


class _Plot:
    def __init__(
        self, title: str, x: Sequence[float], lines: Mapping[str, Values], x_label: str, log: bool
    ) -> None:
        self.title, self.x, self.lines, self.x_label, self.log = title, list(x), lines, x_label, log
        known = [v for values in lines.values() for v in values if v is not None and self._takes(v)]
        low, high = (min(known), max(known)) if known else (0.1, 1.0)
        if log:
            self.low, self.high = low / 1.3, high * 1.3
        else:
            room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
            self.low, self.high = (0.0 if 0 <= low < 0.3 * high else low - room), high + room
        self.first, self.last = (min(self.x), max(self.x)) if self.x else (0.0, 1.0)

    def drawn(self) -> Markup:
        """Grid, lines, legend, labels."""
        names = ", ".join(self.lines)
        return picture(
            f"{self.title}: {names}, over {self.x_label or 'steps'}",
            Box(WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT),
            text(self.title, LEFT, 22, "cw-start"),
            list(self._grid()),
            [self._line(k, values) for k, values in enumerate(self.lines.values())],
            list(self._legend()),
            text(self.x_label, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "cw-title"),
        )

    def _takes(self, value: float) -> bool:
        return math.isfinite(value) and (value > 0 or not self.log)

    def _across(self, x: float) -> float:
        return LEFT + (x - self.first) / ((self.last - self.first) or 1.0) * (WIDTH - LEFT - RIGHT)

    def _down(self, value: float) -> float:
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def _grid(self) -> Iterator[Markup]:
        for v in log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high, 5):
            y = self._down(v)
            yield el("path", d=f"M{LEFT} {y:.1f}H{WIDTH - RIGHT}", class_="cw-grid")
            yield text(_power(v) if self.log else number(v, 3), LEFT - 8, y + 4, "cw-y")
        for v in ticks(self.first, self.last, 8):
            yield text(number(v, 4), self._across(v), HEIGHT - BOTTOM + 18, "cw-title")

    def _line(self, k: int, values: Values) -> Markup:
        way, drawing = "", False
        for x, value in zip(self.x, values, strict=True):
            if value is None or not self._takes(value):
                drawing = False
                continue
            way += f"{'L' if drawing else 'M'}{self._across(x):.1f} {self._down(value):.1f}"
            drawing = True
        return el("path", d=way, class_=f"cw-plot cw-l{k % LOOKS}")

    def _legend(self) -> Iterator[Markup]:
        """From the right, beside the title."""
        x = WIDTH - RIGHT
        for k, name in reversed(list(enumerate(self.lines))):
            x -= LETTER * len(name)
            yield text(name, x, 22, "cw-key")
            yield el("path", d=f"M{x - 30:.1f} 18H{x - 6:.1f}", class_=f"cw-plot cw-l{k % LOOKS}")
            x -= 46


def _power(value: float) -> str:
    power = math.log10(value)
    whole = abs(power - round(power)) < 1e-9 and abs(power) > 3
    return f"1e{round(power)}".replace("-", "−") if whole else number(value, 2)
