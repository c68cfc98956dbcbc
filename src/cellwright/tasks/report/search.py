"""The page of a search: the score against the units, and every trial. Floor 6."""

from __future__ import annotations

from collections.abc import Sequence

from cellwright.page.chart import Chart, Line, line_chart
from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import document, scroll, section
from cellwright.tasks.report.verdict import score_name
from cellwright.tasks.search import Tried

LOOKS = ("model", "base", "second", "truth", "faint")


def search_page(title: str, trials: Sequence[Tried], score: str, better: str, command: str) -> str:
    """One self-contained page of a search.

    Args:
        title: what was searched.
        trials: the best first.
        score: its name.
        better: `max` or `min`.
        command: trains the best one.
    """
    done = [one for one in trials if one.score is not None]
    wanted = "more" if better == "max" else "less"
    lead = f"{len(done)} trials on all folds, {len(trials) - len(done)} cut short; {wanted} is better. "
    lead += "The test part was held out before the first of them, and no trial has seen it."
    return document(
        f"{title} – Cellwright search",
        el("h1", title),
        el("p", lead, class_="lead"),
        section("The score against the units", _picture(done, score, better), name="units"),
        section("Every trial", _table(trials, score), name="trials"),
        section("To train the best one", el("pre", el("code", command)), name="command"),
        kind="report",
    )


def _picture(done: Sequence[Tried], score: str, better: str) -> Markup:
    """For each cell the best score that was reached with so many units."""
    pick = max if better == "max" else min
    cells = list(dict.fromkeys(str(one.settings["cell"]) for one in done))
    lines = []
    for cell, look in zip(cells, LOOKS, strict=False):
        best: dict[int, float] = {}
        for one in done:
            units, value = one.settings.get("units"), one.score
            if str(one.settings["cell"]) == cell and units is not None and value is not None:
                best[units] = pick(best.get(units, value), value)
        if best:
            sizes = sorted(best)
            lines.append(
                Line(cell, [best[units] for units in sizes], look, [float(units) for units in sizes])
            )
    if not lines:
        return el("p", "The units were fixed: there is nothing to draw.", class_="muted")
    name = score_name(score)
    return line_chart(Chart(f"Best {name} by units", lines, "units", name))


def _table(trials: Sequence[Tried], score: str) -> Markup:
    names = list(trials[0].settings) if trials else []
    head = [el("th", text, scope="col", class_="n") for text in ("trial", *names, score_name(score), "folds")]
    rows = [
        el(
            "tr",
            el("td", str(one.number), class_="n"),
            [el("td", _text(one.settings.get(name)), class_="n") for name in names],
            el("td", "cut short" if one.score is None else number(one.score), class_="n"),
            el("td", ", ".join(number(value) for value in one.folds), class_="n"),
            class_="ours" if k == 0 else None,
        )
        for k, one in enumerate(trials)
    ]
    return scroll(el("table", el("thead", el("tr", head)), el("tbody", rows), class_="wide"), "Every trial")


def _text(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
