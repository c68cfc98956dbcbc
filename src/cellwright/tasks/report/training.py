"""How the training went, drawn from the history alone: loss, score, gradient, learning rate. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellwright.page.chart import Chart, Line, line_chart
from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll, section
from cellwright.tasks.report.verdict import score_name
from cellwright.tasks.training.history import History

ENDED = {
    "epochs": "all epochs were run",
    "patience": "the validation score no longer improved",
    "interrupted": "it was interrupted",
}


def training(history: History, metrics: Mapping[str, Any], clip: float | None) -> Markup:
    """The section with the curves and, folded away, their numbers."""
    if not len(history):
        return section("Training", el("p", "No epoch was recorded.", class_="muted"), name="training")
    score = f"valid_{metrics.get('score', 'loss')}"
    charts = [_losses(history), _score(history, score), _gradient(history, clip), _rate(history)]
    return section(
        "Training",
        el("p", _summary(history, metrics)),
        el("div", [line_chart(chart) for chart in charts if chart is not None], class_="charts"),
        el("details", el("summary", "The numbers of every epoch"), _table(history)),
        name="training",
    )


def _summary(history: History, metrics: Mapping[str, Any]) -> str:
    epochs = len(history)
    why = ENDED.get(str(metrics.get("ended")), "")
    seconds = metrics.get("seconds")
    text = f"{epochs} epoch{'s' if epochs > 1 else ''}"
    text += f" in {_duration(seconds)}" if isinstance(seconds, (int, float)) else ""
    text += f"; {why}" if why else ""
    best = metrics.get("best_epoch")
    return text + (f". The weights of epoch {best} were kept." if best else ". The last weights were kept.")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{number(seconds, 2)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _losses(history: History) -> Chart:
    lines = [Line("training", _values(history, "loss"), "model", _epochs(history))]
    if "valid_loss" in history.columns():
        lines.append(Line("validation", _values(history, "valid_loss"), "base", _epochs(history)))
    title = "Loss" if len(lines) > 1 else "Training loss"
    return Chart(title, lines, "epoch", "mean loss", about=_from_to(lines[0]))


def _score(history: History, column: str) -> Chart | None:
    if column == "valid_loss" or column not in history.columns():
        return None
    name = score_name(column.removeprefix("valid_"))
    line = Line(name, _values(history, column), "model", _epochs(history))
    best = history.best()
    marks = [(float(best["epoch"] or 0), f"best: epoch {best['epoch']}")] if best else []
    return Chart(f"Validation {name}", [line], "epoch", name, marks=marks, about=_from_to(line))


def _gradient(history: History, clip: float | None) -> Chart | None:
    """The norm by epoch on a log axis; how often the clip acted stands below."""
    if "grad_norm_median" not in history.columns():
        return None
    epochs = _epochs(history)
    lines = [
        Line("median", _values(history, "grad_norm_median"), "model", epochs),
        Line("largest", _values(history, "grad_norm_max"), "second", epochs),
    ]
    if clip:
        lines.append(Line("clip", [clip] * len(epochs), "faint", epochs))
    shares = [v for v in _values(history, "clipped") if v is not None]
    note = "Clipping is off." if clip == 0 else ""
    if clip and shares:
        note = _clipping(shares)
    return Chart("Gradient norm before clipping", lines, "epoch", "norm (log)", log=True, note=note)


def _clipping(shares: list[float]) -> str:
    """How often the clip acted, overall and at both ends of the training."""
    if not any(shares):
        return "Clipping never acted."
    all_of_it = f"Clipping shortened {_percent(100 * sum(shares) / len(shares))} of the steps"
    ends = f"{_percent(100 * shares[0])} in the first epoch, {_percent(100 * shares[-1])} in the last"
    return f"{all_of_it}: {ends}." if len(shares) > 1 else f"{all_of_it}."


def _rate(history: History) -> Chart | None:
    if "learning_rate" not in history.columns():
        return None
    line = Line("learning rate", _values(history, "learning_rate"), "model", _epochs(history))
    return Chart("Learning rate", [line], "epoch", "at the epoch's last step", about=_from_to(line))


def _percent(value: float) -> str:
    return f"{value:.0f} %" if value == 0 or value >= 1 else "under 1 %"


def _from_to(line: Line) -> str:
    known = [v for v in line.values if v is not None]
    return f"From {number(known[0])} to {number(known[-1])}." if known else ""


def _epochs(history: History) -> list[float]:
    return [float(v or 0) for v in history.column("epoch")]


def _values(history: History, column: str) -> list[float | None]:
    return [None if v is None else float(v) for v in history.column(column)]


def _table(history: History) -> Markup:
    columns = [
        name for name in history.columns() if name not in ("best", "step") and not name.startswith("inside_")
    ]
    head = el("tr", [el("th", _heading(name), scope="col", class_="n") for name in columns])
    rows = [
        el(
            "tr",
            [el("td", number(row.get(name)), class_="n") for name in columns],
            class_="ours" if row.get("best") and row is history.best() else None,
        )
        for row in history
    ]
    table = el("table", el("thead", head), el("tbody", rows))
    return scroll(table, "The numbers of every epoch")


def _heading(column: str) -> str:
    if column.startswith("valid_"):
        return f"valid. {score_name(column.removeprefix('valid_'))}"
    return column.replace("_", " ").replace("grad norm", "gradient norm").replace("per second", "items/s")
