"""HTML elements from Python, with every text escaped unless it is `Markup`. Floor 4."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias


class Markup(str):
    """Text that is HTML already: only `el`, `join` and the charts make it."""

    __slots__ = ()


Child: TypeAlias = "str | int | float | Iterable[Child] | None"
Attribute: TypeAlias = "str | int | float | bool | None"

_VOID = frozenset({"meta", "link", "br", "hr", "col", "img"})


def el(tag: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """One element. `class_` is written `class`, `aria_label` `aria-label`; None and False are left out.

    >>> el("td", "a < b", class_="number", colspan=2)
    '<td class="number" colspan="2">a &lt; b</td>'
    >>> el("p", [el("b", "x"), " ", 3])
    '<p><b>x</b> 3</p>'
    """
    opening = "".join([tag, *(_attribute(key, value) for key, value in attributes.items())])
    if tag in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{join(children)}</{tag}>")


def join(children: Child) -> Markup:
    """Children one after the other; texts escaped, None left out."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, (str, int, float)):
        return Markup(escape(str(children)))
    return Markup("".join(join(child) for child in children))


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
