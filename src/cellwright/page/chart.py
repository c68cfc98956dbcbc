"""Line charts as HTML and SVG without a script: sharp at any width, in light, dark and print. Floor 4.

The lines are one SVG stretched to the width there is; every text is HTML beside it and keeps its size.
Hovering (or touching) a step shows its numbers. Missing values (None, NaN) leave a gap; on a log axis so do
values <= 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cellwright.page.markup import Markup, el
from cellwright.page.numbers import log_ticks, number, ticks

Values = Sequence[float | None]
SIZE = 1000
MOST_STRIPS = 240
MOST_POINTS = 2000


@dataclass(frozen=True)
class Line:
    """One line: its name, its values, and its look: "model", "truth", "base", "second" or "faint"."""

    name: str
    values: Values
    look: str = "model"
    x: Sequence[float] | None = None


@dataclass(frozen=True)
class Band:
    """An area between two lines over the steps 0, 1, 2, ..., with gaps where either is missing."""

    name: str
    low: Values
    high: Values


@dataclass(frozen=True)
class Chart:
    """Lines over common steps.

    Attributes:
        title: what is drawn.
        lines: each with as many values as its `x`, which is 0, 1, 2, ... unless given.
        x_label, y_label: what the axes measure.
        x_text: a step's name on the axis and in the tip; the number itself by default.
        x_ticks: which steps the axis names, and how; round numbers when empty.
        log: a logarithmic vertical axis.
        marks: vertical rules: (step, what is there).
        about: one sentence for those who cannot see the picture.
        note: one below it.
        bands: areas under the lines, the widest first.
    """

    title: str
    lines: Sequence[Line]
    x_label: str
    y_label: str = ""
    x_text: Callable[[float], str] = number
    x_ticks: Sequence[tuple[float, str]] = ()
    log: bool = False
    marks: Sequence[tuple[float, str]] = ()
    about: str = ""
    note: str = field(default="", kw_only=True)
    bands: Sequence[Band] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class _Scale:
    """From values to 0 (bottom, left) .. 1 (top, right)."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5

    def takes(self, value: float | None) -> bool:
        return value is not None and math.isfinite(value) and (value > 0 or not self.log)


def line_chart(chart: Chart) -> Markup:
    """The chart as a `<figure>`; a sentence in its place when there is nothing to draw."""
    drawn = [line.values for line in chart.lines]
    drawn += [side for band in chart.bands for side in (band.low, band.high)]
    values = [v for line in drawn for v in line if _Scale(0, 1, chart.log).takes(v)]
    if not values:
        return el("p", f"{chart.title}: nothing was recorded.", class_="muted")
    x_all = [x for line in chart.lines for x in _steps(line)]
    x, y = _Scale(min(x_all), max(x_all)), _y_scale([float(v) for v in values if v is not None], chart.log)
    y_ticks = log_ticks(y.low, y.high) if chart.log else ticks(y.low, y.high, 5)
    labels = [number(v, 3) for v in y_ticks]
    area = el(
        "div",
        _grid(y_ticks, y),
        [el("span", label, class_="y", style=f"bottom:{_percent(y.place(v))}")
         for v, label in zip(y_ticks, labels, strict=True)],
        _x_axis(chart, x),
        [_mark(at, text, x) for at, text in chart.marks],
        _drawing(chart, x, y),
        _strips(chart, x),
        class_="area",
    )  # fmt: skip
    gutter = max(map(len, labels)) + 1
    axes = el("p", el("span", chart.y_label), el("span", chart.x_label), class_="axes", aria_hidden="true")
    return el(
        "figure",
        el("figcaption", el("span", chart.title, class_="title"), _legend(chart)),
        el("div", area, class_="plot", role="img", aria_label=_about(chart), style=f"--gutter:{gutter}ch"),
        axes,
        el("p", chart.note, class_="muted note") if chart.note else None,
        class_="chart",
    )


def key(line: Line) -> Markup:
    """A line's name with a stroke in its look, for a legend."""
    stroke = el("i", class_=f"key {line.look}", aria_hidden="true")
    return el("span", stroke, line.name)


def _legend(chart: Chart) -> Markup | None:
    keys = [key(line) for line in chart.lines]
    keys += [el("span", el("i", class_="key band", aria_hidden="true"), band.name) for band in chart.bands]
    return el("span", keys, class_="legend") if len(keys) > 1 else None


def _about(chart: Chart) -> str:
    names = ", ".join(line.name for line in chart.lines)
    return f"{chart.title}. {chart.about or f'Lines: {names}, over {chart.x_label}.'}"


def _steps(line: Line) -> Sequence[float]:
    return range(len(line.values)) if line.x is None else line.x


def _y_scale(values: list[float], log: bool) -> _Scale:
    low, high = min(values), max(values)
    if log:
        return _Scale(low / 1.15, high * 1.15, log=True)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return _Scale(0.0 if 0 <= low < 0.3 * high else low - room, high + room)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _grid(y_ticks: Sequence[float], y: _Scale) -> list[Markup]:
    return [el("i", class_="grid", style=f"bottom:{_percent(y.place(v))}") for v in y_ticks]


def _x_axis(chart: Chart, x: _Scale) -> list[Markup]:
    """Few enough labels that they never touch: every other one goes on a narrow screen (see the style)."""
    places = sorted({v for line in chart.lines for v in _steps(line)})
    whole = all(v == int(v) for v in places)
    longest = max(len(chart.x_text(v)) for v in (places[0], places[-1]))
    wanted = 8 if longest < 5 else 5
    rounded = [(v, chart.x_text(v)) for v in ticks(x.low, x.high, wanted) if not whole or v == int(v)]
    return [
        el("span", text, class_="x" if k % 2 else "x minor", style=f"left:{_percent(x.place(v))}")
        for k, (v, text) in enumerate(chart.x_ticks or rounded)
    ]


def _mark(at: float, text: str, x: _Scale) -> Markup:
    place = x.place(at)
    side = "mark left" if place > 0.5 else "mark"
    return el("span", el("b", text), class_=side, style=f"left:{_percent(place)}")


def _drawing(chart: Chart, x: _Scale, y: _Scale) -> Markup:
    return el(
        "svg",
        [_area(band, x, y) for band in chart.bands],
        [_path(line, x, y) for line in chart.lines],
        viewBox=f"0 0 {SIZE} {SIZE}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _path(line: Line, x: _Scale, y: _Scale) -> Markup:
    """One path; a step between two gaps becomes a dot (a stroke of no length with a round cap)."""
    known = sum(1 for value in line.values if y.takes(value))
    pieces: list[str] = []
    drawing = False
    for step, value in _thinned(list(zip(_steps(line), line.values, strict=True))):
        if value is None or not y.takes(value):
            drawing = False
            continue
        point = f"{SIZE * x.place(step):.1f} {SIZE * (1 - y.place(value)):.1f}"
        pieces.append(f"L{point}" if drawing else f"M{point}h0")
        drawing = True
    return el(
        "path", d="".join(pieces), class_=f"line {line.look}" if known > 1 else f"line {line.look} alone"
    )


def _area(band: Band, x: _Scale, y: _Scale) -> Markup:
    """One path for each stretch without a gap: along the upper line and back along the lower."""
    pieces, upper, lower = [], [], []
    for step, (low, high) in enumerate(zip((*band.low, None), (*band.high, None), strict=True)):
        if low is not None and high is not None and y.takes(low) and y.takes(high):
            at = f"{SIZE * x.place(step):.1f}"
            upper.append(f"{at} {SIZE * (1 - y.place(high)):.1f}")
            lower.append(f"{at} {SIZE * (1 - y.place(low)):.1f}")
        elif upper:
            pieces.append("M" + "L".join([*upper, *reversed(lower)]) + "Z")
            upper, lower = [], []
    return el("path", d="".join(pieces), class_="band")


def _thinned(points: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """At most about MOST_POINTS points: of each stretch its lowest and its highest, in order."""
    if len(points) <= MOST_POINTS:
        return points
    stretch = math.ceil(2 * len(points) / MOST_POINTS)
    kept: list[tuple[float, float | None]] = []
    for start in range(0, len(points), stretch):
        known = [p for p in points[start : start + stretch] if p[1] is not None]
        ends = {min(known, key=lambda p: p[1] or 0), max(known, key=lambda p: p[1] or 0)} if known else set()
        kept += sorted(ends, key=lambda p: p[0]) or [points[start]]
    return kept


def _strips(chart: Chart, x: _Scale) -> list[Markup]:
    """For every step an invisible strip that shows the step's numbers under the pointer."""
    places = sorted({v for line in chart.lines for v in _steps(line)})
    if not 1 < len(places) <= MOST_STRIPS:
        return []
    known = [(line, dict(zip(_steps(line), line.values, strict=True))) for line in chart.lines]
    edges = [x.place((a + b) / 2) for a, b in pairwise(places)]
    strips = []
    for at, left, right in zip(places, [0.0, *edges], [*edges, 1.0], strict=True):
        rows = [el("span", key(line), " ", el("b", number(row[at]))) for line, row in known if at in row]
        tip = el("span", el("em", f"{chart.x_label} {chart.x_text(at)}"), rows, class_="tip")
        side = "strip left" if x.place(at) > 0.5 else "strip"
        style = f"left:{_percent(left)};width:{_percent(right - left)}"
        strips.append(el("span", tip, class_=side, style=style))
    return strips
