"""Forecasts drawn over the truth, with the baseline beside them. Floor 6.

    forecasts   [{"target", "steps": [..], "truth": [..], "forecast": [..], "baseline": [..], ...}, ...]

`steps` names every step (a date, a number); a value that is not there is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.chart import Chart, Line, line_chart
from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number


def forecasts(data: Sequence[Mapping[str, Any]]) -> Markup:
    """One chart for each target."""
    return el("div", [line_chart(_chart(one)) for one in data], class_="tall")


def _chart(one: Mapping[str, Any]) -> Chart:
    steps = [str(step) for step in one["steps"]]
    lines = [Line("truth", one["truth"], "truth")]
    if one.get("baseline"):
        lines.append(Line(str(one.get("baseline_name") or "baseline"), one["baseline"], "base"))
    lines.append(Line("forecast", one["forecast"], "model"))
    known = [v for v in one["forecast"] if v is not None]
    return Chart(
        f"{one['target']}: forecast over the truth",
        lines,
        str(one.get("time") or "step"),
        str(one["target"]),
        x_text=lambda k: steps[round(k)] if 0 <= round(k) < len(steps) else "",
        marks=[(float(at), "origin") for at in one.get("origins", [])],
        about=f"{len(known)} forecast values from {number(min(known))} to {number(max(known))}.",
    )
