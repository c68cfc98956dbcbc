"""Music as piano rolls: which keys sound when, time to the right, high keys above. Floor 6.

rolls   [{"title", "given": steps that were there before, "steps": [[keys 0 to 87], ...]}, ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.shell import scroll

WIDE, TALL = 9, 5  # pixels of a step and of a key


def rolls(data: Sequence[Mapping[str, Any]]) -> Markup:
    """A picture for each; the steps that were given are paler."""
    says = "Time runs to the right, high keys are above; what was there before is paler."
    title = "Music"
    drawn = [
        el(
            "div",
            el("p", str(one["title"])),
            scroll(_roll(one["steps"], int(one["given"]), str(one["title"])), title),
        )
        for one in data
    ]
    return el("div", el("h3", title), el("p", says, class_="muted note"), drawn)


def _roll(steps: Sequence[Sequence[int]], given: int, title: str) -> Markup:
    keys = [int(key) for step in steps for key in step]
    low, high = (min(keys) - 2, max(keys) + 2) if keys else (0, 87)
    width, height = WIDE * len(steps), TALL * (high - low + 1)
    octaves = [
        el(
            "line",
            x1=0,
            x2=width,
            y1=TALL * (high - key + 1),
            y2=TALL * (high - key + 1),
            stroke="currentColor",
            stroke_opacity=0.15,
        )
        for key in range(low, high + 1)
        if key % 12 == 3
    ]
    notes = [
        el(
            "rect", x=WIDE * k, y=TALL * (high - int(key)), width=WIDE - 1, height=TALL - 1,
            fill_opacity=0.4 if k < given else 1,
        )
        for k, step in enumerate(steps)
        for key in step
    ]  # fmt: skip
    return el(
        "svg", octaves, el("g", notes, fill="currentColor"), width=width, height=height,
        viewBox=f"0 0 {width} {height}", role="img", aria_label=f"{title}: {len(steps)} steps",
    )  # fmt: skip
