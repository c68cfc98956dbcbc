"""Generated text with the prompt it goes on from, and what was expected along a given text. Floor 6.

texts           [{"prompt", "text", ...}, ...]: `text` follows `prompt`; the rest of a row stands above it
expected_next   [{"came": token, "share": probability, "likely": {token: probability, ...}}, ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll

SIGNS = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})


def texts(data: Sequence[Mapping[str, Any]]) -> Markup:
    """Each text as it is, the prompt in bold."""
    return el("div", el("h3", "What it writes"), [_one(one) for one in data])


def _one(one: Mapping[str, Any]) -> Markup:
    how = ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, value in one.items() if key not in ("prompt", "text")
    )
    prompt, text = str(one.get("prompt") or ""), str(one["text"])
    body = el("pre", el("b", prompt) if prompt else None, text, dir="auto")
    return el("div", el("p", how, class_="muted note") if how else None, body)


def expected_next(data: Sequence[Mapping[str, Any]]) -> Markup:
    """One row for each token: what came, how likely it was held to be, and what was held likelier."""
    rows = [
        el(
            "tr",
            el("td", _token(one["came"]), dir="auto"),
            el("td", number(one["share"], 2), class_="n"),
            el("td", _likely(one["likely"], one["came"]), dir="auto"),
        )
        for one in data
    ]
    head = [("what came", None), ("its probability", "n"), ("what was expected", None)]
    table = el(
        "table",
        el("thead", el("tr", [el("th", text, scope="col", class_=cls) for text, cls in head])),
        el("tbody", rows),
    )
    title = "What it expects along a text"
    says = "The tokens that follow the prompt in the held-out text, one by one; what came is marked."
    return el("div", el("h3", title), el("p", says, class_="muted note"), scroll(table, title))


def _likely(likely: Mapping[str, float], came: str) -> list[Markup]:
    return [
        el("span", _token(token), " ", number(value, 2), class_="guess came" if token == came else "guess")
        for token, value in likely.items()
    ]


def _token(token: Any) -> Markup:
    """A token as it is, blanks made visible."""
    return el("code", str(token).translate(SIGNS), class_="token")
