"""The pieces that diagrams are drawn with: the SVG around them, wires with round corners, names. Floor 4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellwright.page.markup import Child, Markup, el

Point = tuple[float, float]

ROUND = 8.0


@dataclass(frozen=True)
class Box:
    """Something drawn: its middle and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float


def picture(said: str, box: Box, *drawn: Child) -> Markup:
    """An SVG picture complete by itself: it follows light and dark, and says what it shows.

    Args:
        said: what is shown, for those who do not see it.
        box: what is to be seen.
        drawn: the elements.
    """
    left, top = box.x - box.width / 2, box.y - box.height / 2
    style = (Path(__file__).parent / "picture.css").read_text(encoding="utf-8")
    return el(
        "svg",
        el("title", said),
        el("style", Markup(style)),
        rectangle(box, "cw-card", 12),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{left:.0f} {top:.0f} {box.width:.0f} {box.height:.0f}",
        width=round(box.width),
        height=round(box.height),
        class_="cw-diagram",
        role="img",
    )


def rectangle(box: Box, kind: str, radius: float) -> Markup:
    """A box with round corners."""
    return el(
        "rect",
        x=f"{box.x - box.width / 2:.1f}",
        y=f"{box.y - box.height / 2:.1f}",
        width=f"{box.width:.1f}",
        height=f"{box.height:.1f}",
        rx=radius,
        class_=kind,
    )


def way(points: Sequence[Point]) -> str:
    """A path through the points, its corners made round."""
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(ROUND, _far(before, corner) / 2, _far(corner, after) / 2)
        a, b = _towards(corner, before, radius), _towards(corner, after, radius)
        text += f"L{a[0]:.1f} {a[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
    return text + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _far(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(a: Point, b: Point, way: float) -> Point:
    share = way / max(_far(a, b), 1e-9)
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def arrow(points: Sequence[Point], kind: str, *, thick: bool = False) -> Markup:
    """The head at the end of a path whose last stretch goes straight across, up or down."""
    (x0, y0), (x, y) = points[-2:]
    across = abs(x - x0) > abs(y - y0)
    dx, dy = (1.0, 0.0) if across else (0.0, 1.0 if y > y0 else -1.0)
    long, half = (9.0, 5.2) if thick else (7.0, 3.4)
    back = (x - long * dx, y - long * dy)
    corners = [(x, y), (back[0] + half * dy, back[1] + half * dx), (back[0] - half * dy, back[1] - half * dx)]
    way = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in corners) + "Z"
    return el("path", d=way, class_=f"cw-arrow {kind}")


def text(words: Child, x: float, y: float, kind: str) -> Markup:
    """A text, its baseline at y."""
    return el("text", words, x=f"{x:.1f}", y=f"{y:.1f}", class_=kind)


def name(words: str, x: float, y: float, kind: str) -> Markup:
    """A name of the equations, with its index lowered."""
    return text(_lowered(words), x, y, kind)


def names(words: Iterable[str], x: float, y: float, kind: str) -> Markup:
    """Several names in one line."""
    return text([[" " if k else "", *_lowered(word)] for k, word in enumerate(words)], x, y, kind)


def _lowered(text: str) -> list[Markup]:
    head, _, rest = text.partition("_")
    if not rest:
        return [el("tspan", head)]
    return [el("tspan", head), el("tspan", rest, dy=3, class_="cw-index"), el("tspan", "\u200b", dy=-3)]
