"""Written sentences beside the right ones, and what was looked at for each piece of them. Floor 6.

translations   [{"text", "wanted", "said"}, ...]; "wanted" may be a list where several are right
alignments     [{"read": [S pieces], "said": [T pieces], "weights": [T rows of S shares]}, ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.shell import scroll
from cellwright.tasks.report.classes import share_cell

HEADS = ("it reads", "it should write", "it writes")


def translations(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A row for each sentence."""
    rows = [
        el(
            "tr",
            el("td", str(one["text"]), dir="auto"),
            el("td", _all(one["wanted"]), dir="auto"),
            el("td", str(one["said"]), dir="auto"),
        )
        for one in data
    ]
    head = el("tr", [el("th", text, scope="col") for text in HEADS])
    table = el("table", el("thead", head), el("tbody", rows), class_="wide")
    title = "What it writes"
    return el("div", el("h3", title), scroll(table, title))


def alignments(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A heat map for each sentence: what was read across, what was written down."""
    says = (
        "Read across, written down: the stronger the colour, the more of its attention a written piece gave "
        "to what was read. Each row adds up to 1."
    )
    title = "Where it looks"
    maps = [scroll(_map(one), title) for one in data]
    return el("div", el("h3", title), el("p", says, class_="muted note"), maps)


def _map(one: Mapping[str, Any]) -> Markup:
    read, said = [str(piece) for piece in one["read"]], [str(piece) for piece in one["said"]]
    weights = [[float(share) for share in row] for row in one["weights"]]
    if len(weights) != len(said) or any(len(row) != len(read) for row in weights):
        raise ValueError("the weights do not fit the pieces")
    head = el("tr", el("td"), [el("th", piece, scope="col", dir="auto") for piece in read])
    body = [
        el("tr", el("th", piece, scope="row", dir="auto"), [share_cell(value) for value in row])
        for piece, row in zip(said, weights, strict=True)
    ]
    return el("table", el("thead", head), el("tbody", body), class_="matrix")


def _all(wanted: Any) -> str:
    return str(wanted) if isinstance(wanted, str) else " / ".join(str(one) for one in wanted)
