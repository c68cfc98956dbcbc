"""The headline of the page and the table of scores: the model beside the baselines. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll, section
from cellwright.tasks.report.verdict import DIGITS, Verdict, method_name, score_name


def headline(judged: Verdict) -> Markup:
    """The score in large figures, and the sentence about it."""
    figures = None
    if judged.score is not None:
        figures = el(
            "p",
            number(judged.score, DIGITS),
            el("small", f"{judged.name}, {judged.measured_on}"),
            class_="score",
        )
    says = el(
        "div",
        el("p", judged.sentence, class_="says"),
        el("p", judged.note, class_="muted") if judged.note else None,
    )
    return el("div", figures, says, class_=f"verdict {judged.tone}")


def scores(metrics: Mapping[str, Any], model: str) -> Markup | None:
    """All scores of the model (named so) and of each baseline, best first; None when nothing was scored."""
    measured = metrics.get("test") or metrics.get("valid")
    if not measured:
        return None
    main, better = metrics.get("score", "loss"), metrics.get("better", "min")
    rows = {model: measured, **{method_name(k): v for k, v in (metrics.get("baselines") or {}).items()}}
    facts = _common(rows, main)
    names = [main, *(name for name in measured if name != main and name not in facts)]
    largest = max((abs(v) for row in rows.values() if _is_number(v := row.get(main))), default=0.0)
    head = el("tr", [el("th", text, scope="col", class_=cls) for text, cls in _head(names)])
    body = [
        el(
            "tr",
            el("th", called, scope="row"),
            [el("td", number(_value(row.get(name))), class_="n") for name in names],
            el("td", _meter(row.get(main), largest), class_="bars"),
            class_="ours" if called == model else None,
        )
        for called, row in sorted(rows.items(), key=lambda item: _rank(item[1].get(main), better))
    ]
    part = "test" if metrics.get("test") else "validation"
    wanted = "more" if better == "max" else "less"
    same = "".join(f"; {score_name(name)} {number(value)}" for name, value in facts.items())
    caption = f"On the {part} part{same}. Best first; {score_name(main)}: {wanted} is better."
    table = el("table", el("caption", caption), el("thead", head), el("tbody", body), class_="wide")
    return section("Scores beside the baselines", scroll(table, "Scores"), name="scores")


def _common(rows: Mapping[str, Mapping[str, Any]], main: str) -> dict[str, float]:
    """What is the same for all methods (how many tokens were scored): facts of the part, no scores."""
    first, *others = rows.values()
    return {
        name: value
        for name, value in first.items()
        if name != main and others and _is_number(value) and all(row.get(name) == value for row in others)
    }


def _head(names: list[str]) -> list[tuple[str, str | None]]:
    return [("method", None), *((score_name(name), "n") for name in names), (score_name(names[0]), "bars")]


def _rank(value: Any, better: str) -> float:
    if not _is_number(value):
        return float("inf")
    return -float(value) if better == "max" else float(value)


def _meter(value: Any, largest: float) -> Markup | None:
    if not _is_number(value) or largest <= 0:
        return None
    return el("span", class_="meter", style=f"width:{100 * max(0.0, value) / largest:.1f}%")


def _value(value: Any) -> float | None:
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
