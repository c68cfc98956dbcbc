"""Questions about stories: which facts were looked at for the answer, look by look. Floor 6.

looked_at   [{"question", "truth", "said", "facts": [F texts], "looks": [one row of F shares a look]}, ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.shell import scroll
from cellwright.tasks.report.classes import share_cell


def looked_at(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A small table for each question: its facts down, its looks across."""
    says = "A column for each look: the stronger the colour, the more of it went to the fact."
    title = "Which facts it looked at"
    return el("div", el("h3", title), el("p", says, class_="muted note"), [_one(one) for one in data])


def _one(one: Mapping[str, Any]) -> Markup:
    facts, looks = [str(fact) for fact in one["facts"]], [list(row) for row in one["looks"]]
    if any(len(row) != len(facts) for row in looks):
        raise ValueError("the looks do not fit the facts")
    right = one["said"] == one["truth"]
    head = el(
        "tr",
        el("th", "fact", scope="col"),
        [el("th", f"look {k}", scope="col") for k in range(1, len(looks) + 1)],
    )
    body = [
        el(
            "tr",
            el("th", fact, scope="row", dir="auto"),
            [share_cell(float(row[k])) for row in looks],
        )
        for k, fact in enumerate(facts)
    ]
    said = el("b", str(one["said"]), class_="right" if right else "wrong")
    asked = el(
        "p", str(one["question"]), " ", said, None if right else f" (right: {one['truth']})", dir="auto"
    )
    table = el("table", el("thead", head), el("tbody", body), class_="matrix")
    return el("div", asked, scroll(table, "Which facts it looked at"))
