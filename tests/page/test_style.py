"""The style sheet: text is readable (WCAG AA, 4.5 to 1) on every ground it stands on, in light, dark and print."""

import re

import pytest

from cellwright.page.shell import style
from cellwright.tasks.report.classes import HOT, strength

TEXTS = ("ink", "muted", "model", "base", "second", "good", "bad")
GROUNDS = ("back", "paper", "wash")


def themes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", style(), re.S)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", block)) for block in blocks]
    assert len(found) == 3
    return {"light": found[0], "dark": found[1], "print": found[2]}


def rgb(colour: str) -> list[float]:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    return [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]


def luminance(colour: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: list[float], b: list[float]) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_contrast(theme: str, text: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(rgb(colours[text]), rgb(colours[ground])) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("percent", range(0, 101, 2))
def test_contrast_of_numbers_in_the_matrix(theme: str, percent: int) -> None:
    colours = themes()[theme]
    share = percent / 100
    mixed = strength(share)
    ground = [
        mixed * a + (1 - mixed) * b for a, b in zip(rgb(colours["heat"]), rgb(colours["wash"]), strict=True)
    ]
    text = colours["on-heat"] if share > HOT else colours["ink"]
    assert contrast(rgb(text), ground) >= 4.5
