"""The shell around a page: one HTML file that asks nothing of the network. Floor 4.

The Content-Security-Policy in its head makes the browser hold it to that, whatever the texts inside may say.
No script runs but the page's own, known by its hash, and most pages have none.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellwright.page.markup import Child, Markup, el

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(
    title: str,
    *body: Child,
    kind: str,
    language: str = "en",
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> str:
    """A whole page.

    Args:
        title: the text of the browser's tab.
        body: what stands between the bar at the top and the end.
        kind: which of our pages it is ("report"), beside the name at the top.
        language: of the page's own words.
        styles: style sheets of this page alone.
        scripts: what runs after the page is there; nothing else can.
        data: for the scripts, as JSON in the element `data`.
    """
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="generator", content="Cellwright"),
        el("link", rel="icon", href="data:,"),
        el("title", title),
        el("style", Markup("\n".join([style(), *styles]))),
    )
    bar = el("p", el("b", "Cellwright"), " ", el("span", kind), class_="bar")
    # Inside JSON a "<" is written as its code, so that no text can end the element.
    text = None if data is None else json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    last = [el("script", Markup(text), id="data", type="application/json")] if text is not None else []
    last += [el("script", Markup(script)) for script in scripts]
    whole = el("body", bar, el("main", *body), last)
    return "<!doctype html>\n" + el("html", head, whole, lang=language) + "\n"


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    allowed = "".join(f" 'sha256-{one}'" for one in hashes)
    return _POLICY + (f"; script-src{allowed}" if allowed else "")


def section(title: str | Markup, *body: Child, name: str) -> Markup:
    """A section with its heading, to be linked to as `#name`."""
    return el("section", el("h2", title, id=f"{name}-title"), *body, id=name, aria_labelledby=f"{name}-title")


def scroll(table: Markup, label: str) -> Markup:
    """A table that may be wider than the screen: it scrolls by itself, with the keyboard too."""
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


def style() -> str:
    """The style sheet of all pages."""
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
