"""Forecasts drawn over the truth, with the baseline beside them. Floor 6.

    forecasts   [{"target", "steps": [..], "truth": [..], "forecast": [..], "baseline": [..], ...}, ...]

`steps` names every step (a date, a number); a value that is not there is None. `bounds` holds for each per
cent the lower and the upper line; they are drawn as areas.

    backtest    [{"from", "rows", "scores": {method: {"mase", ...}}}, ...]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.page.chart import Band, Chart, Line, line_chart
from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll
from cellwright.tasks.report.verdict import method_name

FEW, MANY = 3, 9
STAMP = re.compile(r"\d{4}-\d\d(-\d\d)?")


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
    bounds = sorted((one.get("bounds") or {}).items(), key=lambda item: -float(item[0]))
    return Chart(
        f"{one['target']}: forecast over the truth",
        lines,
        str(one.get("time") or "step"),
        str(one["target"]),
        x_text=lambda k: steps[round(k)] if 0 <= round(k) < len(steps) else "",
        x_ticks=periods(steps),
        marks=[(float(at), "origin") for at in one.get("origins", [])],
        bands=[Band(f"{share} % of what may come", *sides) for share, sides in bounds],
        about=f"{len(known)} forecast values from {number(min(known))} to {number(max(known))}.",
    )


def backtest(data: Sequence[Mapping[str, Any]]) -> Markup:
    """The MASE of every method at every time of a rolling origin, and their means."""
    methods = list(data[0]["scores"])
    head = [el("th", text, scope="col", class_="n") for text in ("from", *map(method_name, methods))]
    columns = {name: [one["scores"].get(name, {}).get("mase") for one in data] for name in methods}
    rows = [
        el(
            "tr",
            el("td", one["from"], class_="n"),
            [el("td", number(columns[n][k]), class_="n") for n in methods],
        )
        for k, one in enumerate(data)
    ]
    means = [None if None in found else sum(found) / len(found) for found in columns.values()]
    last = el(
        "tr", el("th", "mean", scope="row"), [el("td", number(v), class_="n") for v in means], class_="ours"
    )
    table = el("table", el("thead", el("tr", head)), el("tbody", rows, last))
    says = "Trained anew at each time on the rows before it; scored (MASE) on the rows up to the next."
    return el(
        "div", el("h3", "Rolling origin"), el("p", says, class_="muted note"), scroll(table, "Rolling origin")
    )


def periods(steps: Sequence[str]) -> list[tuple[float, str]]:
    """Where a year begins, or a month, or a day, whichever are few: the ticks of an axis of time stamps.

    Nothing for labels that are no ISO stamps, or when no such period is passed often enough. A first period
    that is cut short has no name: it would touch the next one's.

    >>> periods([f"{year}-{month:02}" for year in (1959, 1960, 1961) for month in (1, 7)])
    [(0.0, '1959'), (2.0, '1960'), (4.0, '1961')]
    """
    if not all(STAMP.match(step) for step in steps):
        return []
    for length in (4, 7, 10):
        names = [step[:length] for step in steps]
        begins = [k for k, name in enumerate(names) if k == 0 or name != names[k - 1]]
        if FEW <= len(begins) <= MANY:
            cut_short = 2 * (begins[1] - begins[0]) < begins[2] - begins[1]
            return [(float(k), names[k]) for k in begins[cut_short:]]
    return []
