"""Generated text, with the prompt it went on from. Floor 6.

texts   [{"prompt", "text", ...}, ...]; anything else in a row (temperature, seed) stands above the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el


def texts(data: Sequence[Mapping[str, Any]]) -> Markup:
    """Each text as it is, the prompt in bold."""
    return el("div", [_one(one) for one in data])


def _one(one: Mapping[str, Any]) -> Markup:
    how = ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, value in one.items() if key not in ("prompt", "text")
    )
    prompt, text = str(one.get("prompt") or ""), str(one["text"])
    rest = text.removeprefix(prompt)
    body = el("pre", el("b", prompt) if prompt else None, rest, dir="auto")
    return el("div", el("p", how, class_="muted note") if how else None, body)
