"""Recordings as pictures of their bands with the letters over them, and those that were misheard. Floor 6.

heard         [{"file", "wanted", "said", "seconds", "bands": [hex digits by band, highest first],
               "letters": [{"letter", "second", "share"}]}, ...]
worst_heard   [{"file", "wanted", "said", "errors"}, ...]
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number, ticks
from cellwright.page.shell import scroll

HEIGHT = 120  # of the bands, in pixels
SECOND, LEAST, MOST = 260, 260, 900  # pixels of a second, and of a picture
ROOM = 11  # pixels that a letter takes: of closer ones each second one stands lower


def heard(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A picture for each recording."""
    says = (
        "From low to high pitch upwards, dark is loud; a letter stands where the network first says it, "
        "by the best path, the fainter the less sure it is."
    )
    title, side_by_side = "What it hears", "display:flex;flex-wrap:wrap;gap:0 2rem"
    pictures = el("div", [_one(one) for one in data], style=side_by_side)
    return el("div", el("h3", title), el("p", says, class_="muted note"), pictures)


def worst_heard(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A row for each recording."""
    heads = (("file", None), ("what is said", None), ("what it writes", None), ("wrong words", "n"))
    rows = [
        el(
            "tr",
            el("td", str(one["file"])),
            el("td", str(one["wanted"]), dir="auto"),
            el("td", str(one["said"]) or "(nothing)", dir="auto"),
            el("td", number(one["errors"]), class_="n"),
        )
        for one in data
    ]
    head = el("tr", [el("th", text, scope="col", class_=kind) for text, kind in heads])
    title = "Where it mishears most"
    table = el("table", el("thead", head), el("tbody", rows), class_="wide")
    return el("div", el("h3", title), scroll(table, title))


def _one(one: Mapping[str, Any]) -> Markup:
    seconds = float(one["seconds"])
    width = min(MOST, max(LEAST, round(SECOND * seconds)))
    picture = base64.b64encode(_png([bytes.fromhex(row) for row in one["bands"]])).decode()
    bands = el(
        "image",
        href=f"data:image/png;base64,{picture}",
        x=0, y=34, width=width, height=HEIGHT, preserveAspectRatio="none",
    )  # fmt: skip
    drawn = el(
        "svg",
        el("title", f"{one['file']}: {one['said']}"),
        bands,
        _letters(one["letters"], width / seconds),
        [_time(second, width / seconds) for second in ticks(0, seconds, max(2, width // 120))],
        viewBox=f"0 0 {width} {HEIGHT + 56}", width=width, height=HEIGHT + 56, role="img",
        style="max-width:100%;height:auto",
    )  # fmt: skip
    wrong = "" if one["wanted"] == one["said"] else f" (said was: {one['wanted']})"
    about = el("small", el("br"), f"{one['file']}, {number(seconds, 3)} s", class_="muted")
    caption = el("span", el("b", str(one["said"]) or "(nothing)"), wrong, about)
    return el("figure", drawn, el("figcaption", caption), style="margin:0 0 1rem;max-width:100%")


def _letters(letters: Sequence[Mapping[str, Any]], scale: float) -> list[Markup]:
    drawn, before, low = [], -1e9, False
    for one in letters:
        x = float(one["second"]) * scale
        low = x - before < ROOM * len(str(one["letter"])) and not low
        before = x
        shown = str(one["letter"]).replace(" ", "␣")
        look = f"fill:currentColor;font-size:13px;opacity:{0.35 + 0.65 * float(one['share']):.2f}"
        tip = el(
            "title", f"{number(float(one['second']), 3)} s, probability {number(float(one['share']), 2)}"
        )
        drawn.append(el("text", shown, tip, x=f"{x + 1:.1f}", y=26 if low else 12, style=look))
        drawn.append(
            el(
                "path",
                d=f"M{x:.1f} {29 if low else 15}V{34 + HEIGHT}",
                style="stroke:#c2410c;stroke-opacity:.45",
            )
        )
    return drawn


def _time(second: float, scale: float) -> Markup:
    x, look = second * scale, "fill:currentColor;font-size:11px;opacity:.7"
    return el("text", f"{number(second, 3)} s", x=f"{x:.1f}", y=HEIGHT + 50, style=look)


def _png(rows: Sequence[bytes]) -> bytes:
    """Rows of grey values, 0 quiet and 255 loud, as a PNG in which loud is dark."""
    dark = bytes(255 - k for k in range(256))
    size = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + row.translate(dark) for row in rows), 9)
    chunks = ((b"IHDR", size), (b"IDAT", lines), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
