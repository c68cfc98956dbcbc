"""A strict reader of our own HTML: balanced elements, no scripts, no addresses, headings in order, ids once."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "link", "br", "hr", "col", "img"}
BLOCKS = {"p", "div", "table", "section", "figure", "details", "pre", "h1", "h2", "h3"}
PHRASING_ONLY = {"p", "h1", "h2", "h3", "span", "pre", "summary"}


class Reader(HTMLParser):
    """Read a page; `problems` says what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled_by: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        self._judge()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if len(found) != len(attrs):
            self.problems.append(f"<{tag}> says an attribute twice")
        if tag in BLOCKS and (holder := next((t for t in self.open if t in PHRASING_ONLY), None)):
            self.problems.append(f"<{tag}> inside <{holder}>")
        if tag not in VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if found.get("aria-labelledby"):
            self.labelled_by.append(str(found["aria-labelledby"]))
        if tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), ""))
        self._check_attributes(tag, found)

    def _check_attributes(self, tag: str, found: dict[str, str | None]) -> None:
        if tag == "script" or any(key.startswith("on") for key in found):
            self.problems.append(f"<{tag}> could run code")
        for key in ("src", "href", "action", "srcset", "data"):
            if key in found and found[key] != "data:,":
                self.problems.append(f"<{tag} {key}> asks for something")
        if tag == "th" and found.get("scope") not in ("row", "col"):
            self.problems.append("a <th> without scope")
        if tag == "svg" and found.get("aria-hidden") != "true":
            self.problems.append("a bare <svg>")
        if found.get("role") in ("img", "region") and not found.get("aria-label"):
            self.problems.append(f"<{tag} role> without a name")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.words.append(data)
        if self.headings and self.open and self.open[-1] == f"h{self.headings[-1][0]}":
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    def _judge(self) -> None:
        if self.open:
            self.problems.append(f"never closed: {self.open}")
        if len(set(self.ids)) != len(self.ids):
            self.problems.append("an id twice")
        self.problems += [f"no element {name}" for name in self.labelled_by if name not in self.ids]
        levels = [level for level, _ in self.headings]
        if levels[:1] != [1] or levels.count(1) != 1:
            self.problems.append("not one <h1>, at the top")
        for before, after in pairwise(levels):
            if after > before + 1:
                self.problems.append(f"h{after} after h{before}")

    @property
    def text(self) -> str:
        """All words, with single blanks."""
        return " ".join(" ".join(self.words).split())
