"""Classes: which were taken for which, and single examples right and wrong. Floor 6.

confusion     {"labels": [..], "matrix": [[..], ..]}: how often label i (row) was taken for label j (column)
by_label      [{"label", "true": how often, "said", "precision", "recall", "f1"}, ...]
predictions   [{"text" or "values", "truth", "predicted", "probability": 0..1 | None}, ...]; with "tokens" and
              "weights" (their sum 1) each token is coloured by how much it counted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll

MOST_LABELS = 20
MOST_PAIRS = 20
HOT = 0.55
FAINT = 0.005  # a share below is drawn as nothing
LONGEST = 400


def confusion(data: Mapping[str, Any]) -> Markup:
    """The matrix as a table; with many labels, each label's recall and the pairs most often mistaken."""
    labels = [str(label) for label in data["labels"]]
    matrix = [[int(v) for v in row] for row in data["matrix"]]
    if len(matrix) != len(labels) or any(len(row) != len(labels) for row in matrix):
        raise ValueError("the matrix does not fit the labels")
    if len(labels) > MOST_LABELS:
        return _pairs(labels, matrix)
    total, right = sum(map(sum, matrix)), sum(row[k] for k, row in enumerate(matrix))
    says = (
        f"{right:,} of {total:,} right. Rows: the truth. Columns: what the model said. "
        "The stronger the colour, the larger the share of its row."
    )
    table = scroll(_matrix(labels, matrix), "Confusion matrix")
    return el("div", el("h3", "Confusion matrix"), el("p", says, class_="muted note"), table)


def _matrix(labels: list[str], matrix: list[list[int]]) -> Markup:
    head = el(
        "tr",
        el("td"),
        [el("th", label, scope="col", dir="auto") for label in labels],
        el("th", "recall", scope="col"),
    )
    body = [
        el(
            "tr",
            el("th", label, scope="row", dir="auto"),
            [_count(v, sum(row)) for v in row],
            el("td", _share(row[k], sum(row)), class_="n plain"),
        )
        for k, (label, row) in enumerate(zip(labels, matrix, strict=True))
    ]
    return el("table", el("thead", head), el("tbody", body), class_="matrix")


def _count(value: int, total: int) -> Markup:
    share = value / total if total else 0.0
    look = "zero" if value == 0 else "hot" if share > HOT else None
    return el("td", number(value), class_=look, style=f"--share:{strength(share):.3f}")


def strength(share: float) -> float:
    """How strong a cell's colour is, 0 to 1: with a jump at HOT, so that neither dark nor light figures fade.

    >>> strength(0.0), round(strength(0.5), 2), strength(1.0)
    (0.0, 0.4, 1.0)
    """
    return 0.8 * share if share <= HOT else 1 - 0.35 * (1 - share)


def share_cell(value: float) -> Markup:
    """A cell with a share of attention, coloured by it."""
    look = "zero" if value < FAINT else "hot" if value > HOT else None
    shown = number(value, 2) if value >= FAINT else ""
    return el("td", shown, class_=look, style=f"--share:{strength(value):.3f}")


def _pairs(labels: list[str], matrix: list[list[int]]) -> Markup:
    wrong = [
        (count, i, j)
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j and count
    ]  # fmt: skip
    wrong.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    rows = [
        el(
            "tr",
            el("td", labels[i], dir="auto"),
            el("td", labels[j], dir="auto"),
            el("td", number(count), class_="n"),
            el("td", _share(count, sum(matrix[i])), class_="n"),
        )
        for count, i, j in wrong[:MOST_PAIRS]
    ]
    head = [("truth", None), ("taken for", None), ("times", "n"), ("of its truth", "n")]
    caption = f"{len(labels)} labels; the {len(rows)} pairs most often mistaken."
    table = el(
        "table",
        el("caption", caption),
        el("thead", el("tr", [el("th", text, scope="col", class_=cls) for text, cls in head])),
        el("tbody", rows),
    )
    return el("div", el("h3", "What is taken for what"), scroll(table, "What is taken for what"))


def by_label(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A row for each label: how often it is true, how often it was said, and how often rightly."""
    columns = ("true", "said", "precision", "recall", "f1")
    rows = [
        el(
            "tr",
            el("th", one["label"], scope="row", dir="auto"),
            [el("td", number(one[name]), class_="n") for name in columns[:2]],
            [el("td", number(one[name], 3), class_="n") for name in columns[2:]],
        )
        for one in sorted(data, key=lambda one: -one["true"])
    ]
    heads = [("label", None), ("true", "n"), ("said", "n"), ("precision", "n"), ("recall", "n"), ("F1", "n")]
    head = el("tr", [el("th", text, scope="col", class_=cls) for text, cls in heads])
    caption = "Each label by itself, the most frequent first."
    table = el("table", el("caption", caption), el("thead", head), el("tbody", rows))
    return el("div", el("h3", "Label by label"), scroll(table, "Label by label"))


def predictions(data: Sequence[Mapping[str, Any]]) -> Markup:
    """Right ones and wrong ones, in two tables."""
    right = [one for one in data if one["truth"] == one["predicted"]]
    wrong = [one for one in data if one["truth"] != one["predicted"]]
    return el("div", _table("Wrong", wrong), _table("Right", right))


def _table(title: str, examples: list[Mapping[str, Any]]) -> Markup | None:
    if not examples:
        return None
    sure = any(one.get("probability") is not None for one in examples)
    columns = [
        ("input", None),
        ("truth", None),
        ("predicted", None),
        *([("probability", "n")] if sure else []),
    ]
    look, weighed = title.lower(), any(_weighed(one) for one in examples)
    rows = [
        el(
            "tr",
            el("td", _weighed(one) or _short(one), dir="auto"),
            el("td", one["truth"], dir="auto"),
            el("td", one["predicted"], class_=look, dir="auto"),
            el("td", number(one.get("probability"), 2), class_="n") if sure else None,
        )
        for one in examples
    ]
    head = el("tr", [el("th", text, scope="col", class_=cls) for text, cls in columns])
    table = el("table", el("thead", head), el("tbody", rows), class_="wide")
    says = "The stronger the colour of a word, the more it counted."
    note = el("p", says, class_="muted note") if weighed else None
    return el("div", el("h3", f"{title} predictions"), note, scroll(table, f"{title} predictions"))


def _short(one: Mapping[str, Any]) -> str:
    text = str(one.get("text", one.get("values", "")))
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def _weighed(one: Mapping[str, Any]) -> list[Markup] | None:
    """The tokens, each as strong in colour as it counted beside the one that counted most."""
    tokens, weights = one.get("tokens"), one.get("weights")
    if not tokens or not weights or len(tokens) != len(weights):
        return None
    most = max(weights) or 1.0
    looks = [f"--share:{0.6 * share / most:.3f}" for share in weights]
    pairs = zip(tokens, weights, looks, strict=True)
    return [el("span", token, class_="weight", style=look, title=number(w, 2)) for token, w, look in pairs]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"
