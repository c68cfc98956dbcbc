"""Pictures with what is said of them, and where it looked for each word. Floor 6.

captions   [{"name", "said", "wanted": [texts]}, ...]; of images also "picture" (a data: URL), "grid" [R, C]
           and "looked" {"said": [T pieces], "weights": [T][R * C]}; of vectors "bars"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll

SIDE, GAP, LINE = 96, 8, 22  # pixels of a picture, between pictures, of the word above
BAR, TALL, HIGH = 5, 60, 3.0  # width and height of feature bars; spreads that reach the edge
TOP = "vertical-align: top"
PICTURE = "data:image/jpeg;base64,"


def captions(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A row for each picture; below, the words of those that have regions, each over what was looked at."""
    rows = [
        el(
            "tr",
            el("td", _picture(one), el("div", str(one["name"]), class_="muted note"), style=TOP),
            el("td", el("b", str(one["said"])), dir="auto", style=TOP),
            el("td", [el("div", str(text)) for text in one["wanted"]], dir="auto", style=TOP),
        )
        for one in data
    ]
    head = el("tr", [el("th", text, scope="col") for text in ("it sees", "it says", "people say")])
    title = "What it says"
    table = el("table", el("thead", head), el("tbody", rows), class_="wide")
    return el("div", el("h3", title), scroll(table, title), _looks(data))


def _picture(one: Mapping[str, Any]) -> Markup | None:
    if "picture" in one:
        return el("img", src=_safe(one["picture"]), alt=str(one["name"]), width=SIDE, height=SIDE)
    return _bars([float(v) for v in one["bars"]]) if "bars" in one else None


def _bars(values: Sequence[float]) -> Markup:
    """Features in units of their spread, above and below their mean."""
    drawn = []
    for k, value in enumerate(values):
        size = min(abs(value), HIGH) / HIGH * TALL / 2
        top = TALL / 2 - (size if value > 0 else 0)
        drawn.append(el("rect", x=k * BAR, y=f"{top:.1f}", width=BAR - 1, height=f"{size:.1f}"))
    width = BAR * len(values)
    return el(
        "svg", drawn, width=width, height=TALL, viewBox=f"0 0 {width} {TALL}", fill="currentColor",
        role="img", aria_label=f"{len(values)} numbers that describe the picture",
    )  # fmt: skip


def _looks(data: Sequence[Mapping[str, Any]]) -> Markup | None:
    shown = [one for one in data if "looked" in one]
    if not shown:
        return None
    says = "The brighter a region, the more of its attention the word above gave to it; ⏹ is the end."
    title = "Where it looks"
    return el(
        "div",
        el("h3", title),
        el("p", says, class_="muted note"),
        [scroll(_tiles(one, k), title) for k, one in enumerate(shown)],
    )


def _tiles(one: Mapping[str, Any], place: int) -> Markup:
    """The picture once for each word, its regions darkened where little was looked at."""
    words, weights = one["looked"]["said"], one["looked"]["weights"]
    rows, columns = one["grid"]
    if len(words) != len(weights) or any(len(row) != rows * columns for row in weights):
        raise ValueError("the weights do not fit the regions")
    width = len(words) * (SIDE + GAP)
    name = f"seen-{place}"
    image = el(
        "image", href=_safe(one["picture"]), width=SIDE, height=SIDE, y=LINE, id=name,
        preserveAspectRatio="none",
    )  # fmt: skip
    tiles = []
    for k, (word, row) in enumerate(zip(words, weights, strict=True)):
        most = max(float(share) for share in row) or 1.0
        shades = [_shade(j, float(share) / most, rows, columns) for j, share in enumerate(row)]
        strongest = f"{word}: {number(100 * max(row), 2)} % on one region"
        label = el(
            "text", str(word), x=SIDE / 2, y=LINE - 7, text_anchor="middle", fill="currentColor", font_size=13
        )
        seen = image if k == 0 else el("use", href=f"#{name}")
        tiles.append(
            el("g", el("title", strongest), label, seen, shades, transform=f"translate({k * (SIDE + GAP)} 0)")
        )
    return el(
        "svg", tiles, width=width, height=SIDE + LINE, viewBox=f"0 0 {width} {SIDE + LINE}", role="img",
        aria_label=f"Where it looked in {one['name']}: {' '.join(map(str, words))}",
    )  # fmt: skip


def _shade(place: int, share: float, rows: int, columns: int) -> Markup:
    """A dark veil over a region, thinner the more it was looked at."""
    row, column = divmod(place, columns)
    wide, high = SIDE / columns, SIDE / rows
    return el(
        "rect", x=column * wide, y=LINE + row * high, width=wide, height=high, fill="#000",
        fill_opacity=f"{0.75 * (1 - share):.2f}",
    )  # fmt: skip


def _safe(address: Any) -> str:
    """A picture inside the page; nothing else is shown."""
    if not str(address).startswith(PICTURE):
        raise ValueError("a picture that is not inside the page")
    return str(address)
