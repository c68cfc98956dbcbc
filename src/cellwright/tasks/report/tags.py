"""Tags on the page: each type of chunk by itself, and sentences with their chunks marked. Floor 6.

chunks   [{"type", "right", "said", "true"}, ...]: how many were found right, were said, are true
tagged   [{"tokens": [..], "truth": [..], "said": [..], "intent"?, "said_intent"?}, ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Child, Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll
from cellwright.tasks.tag.score import f1


def chunks(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A row for each type, the most frequent first."""
    rows = []
    for one in sorted(data, key=lambda one: (-int(one["true"]), str(one["type"]))):
        shares = f1(int(one["right"]), int(one["said"]), int(one["true"]))
        counts = [number(int(one[key])) for key in ("true", "said", "right")]
        figures = [*counts, *(number(share, 3) for share in shares)]
        cells = [el("td", figure, class_="n") for figure in figures]
        rows.append(el("tr", el("th", one["type"] or "(no type)", scope="row", dir="auto"), cells))
    names = ("true", "said", "right", "precision", "recall", "F1")
    head = el("tr", el("th", "type", scope="col"), [el("th", n, scope="col", class_="n") for n in names])
    title = "Each type of chunk"
    says = "A chunk is right when its type and both its ends are."
    table = scroll(el("table", el("thead", head), el("tbody", rows)), title)
    return el("div", el("h3", title), el("p", says, class_="muted note"), table)


def tagged(data: Sequence[Mapping[str, Any]]) -> Markup:
    """Sentences with mistakes, then some without; every tag under its token, a wrong one with the right."""
    wrong = [one for one in data if list(one["truth"]) != list(one["said"])]
    right = [one for one in data if list(one["truth"]) == list(one["said"])]
    parts = (("Sentences with mistakes", wrong), ("Sentences without", right))
    return el("div", [_group(title, examples) for title, examples in parts if examples])


def _group(title: str, examples: Sequence[Mapping[str, Any]]) -> Markup:
    return el("div", el("h3", title), [scroll(_sentence(one), title) for one in examples])


def _sentence(one: Mapping[str, Any]) -> Markup:
    tokens, truth, said = one["tokens"], one["truth"], one["said"]
    if not len(tokens) == len(truth) == len(said):
        raise ValueError("tokens and tags differ in number")
    rows = [
        el("tr", el("th", "token", scope="row"), [el("td", token, dir="auto") for token in tokens]),
        el("tr", el("th", "said", scope="row"), [_said(a, b) for a, b in zip(truth, said, strict=True)]),
    ]
    if list(truth) != list(said):
        cells = [el("td", a if a != b else None) for a, b in zip(truth, said, strict=True)]
        rows.append(el("tr", el("th", "truth", scope="row"), cells))
    return el("table", _about(one), el("tbody", rows))


def _about(one: Mapping[str, Any]) -> Child:
    """The intent over a sentence, and what it was taken for."""
    if "intent" not in one:
        return None
    if one["intent"] == one["said_intent"]:
        return el("caption", "intent ", el("span", one["intent"], class_="right"))
    wrong = el("span", one["said_intent"], class_="wrong")
    return el("caption", "intent ", wrong, " in the place of ", one["intent"])


def _said(truth: str, said: str) -> Markup:
    look = "wrong" if truth != said else "muted" if said == "O" else "right"
    return el("td", said, class_=look)
