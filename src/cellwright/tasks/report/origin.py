"""Where a run came from: every setting, the versions, the seed, the command that repeats it. Floor 6."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import Field
from datetime import datetime, timezone
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll, section

PACKAGES = ("cellwright", "torch", "numpy", "scikit-learn", "polars", "tokenizers", "safetensors")


def settings_section(fields: tuple[Field[Any], ...], settings: Mapping[str, Any], cell: str | None) -> Markup:
    """Every setting with its value; those that differ from the default stand out."""
    rows = []
    for field in fields:
        value = settings.get(field.name)
        if field.name == "cell" and value is None:
            value = cell
        default = value == field.default
        was = el("td", el("span", "default", class_="tag")) if default else el("td", _text(field.default))
        rows.append(
            el(
                "tr",
                el("th", field.name, scope="row"),
                el("td", _text(value), class_=None if default else "changed"),
                was,
                el("td", field.metadata.get("help", ""), class_="muted"),
            )
        )
    head = el("tr", [el("th", text, scope="col") for text in ("setting", "value", "default", "meaning")])
    table = el("table", el("thead", head), el("tbody", rows), class_="wide settings")
    return section("Settings", scroll(table, "Settings"), name="settings")


def origin_section(command: str, settings: Mapping[str, Any], metrics: Mapping[str, Any]) -> Markup:
    """What to type, with what versions, to get this run again."""
    facts = {
        "made": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "seed": settings.get("seed"),
        "training time": None if metrics.get("seconds") is None else f"{number(metrics['seconds'], 3)} s",
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}",
    }
    rows = [
        el("tr", el("th", name, scope="row"), el("td", value, class_="mono"))
        for name, value in facts.items()
        if value is not None
    ]
    shown = el("pre", el("code", command)) if command else None
    return section(
        "To get this run again",
        shown,
        el(
            "p",
            "The same data, settings, seed and versions give the same scores on the same kind of machine.",
        ),
        el("table", el("tbody", rows)),
        name="origin",
    )


def _text(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value) if abs(value) < 1e4 or isinstance(value, float) else str(value)
    return str(value)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
