"""What the trained model does with held-out data: one renderer for each kind of example. Floor 6.

A task returns {kind: data} from `Estimator.examples`; a new kind of picture is a function and a row of
`RENDERERS`. A kind without a renderer, or data a renderer cannot read, are shown as they are, folded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cellwright.page.markup import Markup, el
from cellwright.page.shell import section
from cellwright.tasks.report.captions import captions
from cellwright.tasks.report.classes import by_label, confusion, predictions
from cellwright.tasks.report.forecasts import backtest, forecasts
from cellwright.tasks.report.looks import looked_at
from cellwright.tasks.report.rolls import rolls
from cellwright.tasks.report.sound import heard, worst_heard
from cellwright.tasks.report.tags import chunks, tagged
from cellwright.tasks.report.texts import expected_next, texts
from cellwright.tasks.report.translations import alignments, translations

Renderer = Callable[[Any], Markup]

RENDERERS: dict[str, Renderer] = {
    "forecasts": forecasts,
    "backtest": backtest,
    "confusion": confusion,
    "by_label": by_label,
    "predictions": predictions,
    "chunks": chunks,
    "tagged": tagged,
    "texts": texts,
    "expected_next": expected_next,
    "translations": translations,
    "captions": captions,
    "rolls": rolls,
    "looked_at": looked_at,
    "alignments": alignments,
    "heard": heard,
    "worst_heard": worst_heard,
}

LONGEST = 4000
SAID = ("trust",)  # by the verdict


def examples_section(examples: Mapping[str, Any]) -> Markup | None:
    """The section with every example the task gave; None when it gave none."""
    shown = [_render(kind, data) for kind, data in examples.items() if data and kind not in SAID]
    return section("What it does with data it has not seen", *shown, name="examples") if shown else None


def _render(kind: str, data: Any) -> Markup:
    """A picture if there is one; a report never fails over an example."""
    if kind not in RENDERERS:
        return _as_it_is(kind, data)
    try:
        return RENDERERS[kind](data)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return _as_it_is(kind, data)


def _as_it_is(kind: str, data: Any) -> Markup:
    text = json.dumps(data, ensure_ascii=False, indent=1, default=str)
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "\n..."
    return el("details", el("summary", kind.replace("_", " ")), el("pre", cut))
