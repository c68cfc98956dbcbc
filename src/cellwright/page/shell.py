"""The shell around a page: one HTML file that asks nothing of the network and runs no script. Floor 4.

The Content-Security-Policy in its head makes the browser hold it to that, whatever the texts inside may say.
"""

from __future__ import annotations

from pathlib import Path

from cellwright.page.markup import Child, Markup, el

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(title: str, *body: Child, kind: str, language: str = "en") -> str:
    """A whole page.

    Args:
        title: the text of the browser's tab.
        body: what stands between the bar at the top and the end.
        kind: which of our pages it is ("report"), beside the name at the top.
        language: of the page's own words.
    """
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="generator", content="Cellwright"),
        el("link", rel="icon", href="data:,"),
        el("title", title),
        el("style", Markup(style())),
    )
    bar = el("p", el("b", "Cellwright"), " ", el("span", kind), class_="bar")
    return "<!doctype html>\n" + el("html", head, el("body", bar, el("main", *body)), lang=language) + "\n"


def section(title: str, *body: Child, name: str) -> Markup:
    """A section with its heading, to be linked to as `#name`."""
    return el("section", el("h2", title, id=f"{name}-title"), *body, id=name, aria_labelledby=f"{name}-title")


def scroll(table: Markup, label: str) -> Markup:
    """A table that may be wider than the screen: it scrolls by itself, with the keyboard too."""
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


def style() -> str:
    """The style sheet of all pages."""
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
