"""The page of a run: complete, valid, escaped, offline, and still there when pieces are missing."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sklearn.exceptions import NotFittedError
from tests.tasks.report.reader import Reader

import cellwright as cw
from cellwright.compiler.count import count
from cellwright.page.numbers import number
from cellwright.tasks.forecast.task import Forecaster
from cellwright.tasks.report import page, write
from cellwright.tasks.report.examples import RENDERERS
from cellwright.tasks.training.history import History
from cellwright.tasks.training.run import Run
from cellwright.tasks.training.settings import fields

BAD = "<script>alert('x')</script>\"&<img src=x onerror=alert(1)>"


def changed(estimator: Forecaster, **metrics: Any) -> Forecaster:
    other = copy.copy(estimator)
    other.metrics_ = {**estimator.metrics_, **metrics}
    return other


def test_everything_is_on_it(forecaster: Forecaster, examples: dict[str, Any]) -> None:
    command = "cellwright train forecast wave.csv --cell gru"
    reader = Reader(page(changed(forecaster, examples=examples), title="Forecast of wave", command=command))
    assert reader.problems == []
    assert [text for level, text in reader.headings if level < 3] == [
        "Forecast of wave",
        "Scores beside the baselines",
        "What it does with data it has not seen",
        "Training",
        "The cell: gru",
        "Settings",
        "To get this run again",
    ]
    assert command in reader.text
    for field in fields(forecaster):
        assert f" {field.name} " in reader.text
    for name, score in forecaster.metrics_["test"].items():
        assert number(score) in reader.text, name
    for baseline in forecaster.metrics_["baselines"].values():
        assert number(baseline["mase"]) in reader.text
    for row in forecaster.history_:
        assert number(row["loss"]) in reader.text


def test_the_cell_is_counted_as_the_real_layer(forecaster: Forecaster) -> None:
    assert forecaster.cell_ is not None
    text = page(forecaster)
    layer = next(m for m in forecaster.network_.modules() if isinstance(m, cw.nn.Recurrent))
    real = sum(p.numel() for p in layer.parameters())
    terms = count(forecaster.cell_.graph, layer.sizes(0))
    assert sum(term.parameters for term in terms) == real
    total = re.search(r"one step of one layer</th><td class=\"n\">([\d,]+)</td>", text)
    assert total is not None
    assert int(total[1].replace(",", "")) == real
    assert text.count("<math ") == len(terms)


def test_defaults_are_marked_and_changes_stand_out(forecaster: Forecaster) -> None:
    rows = dict(re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', page(forecaster)))
    assert "changed" in rows["units"]
    assert "64" in rows["units"]
    assert "changed" not in rows["clip"]
    assert "default" in rows["clip"]


def hostile(forecaster: Forecaster) -> Forecaster:
    """A run whose every text is an attack."""
    other = changed(
        forecaster,
        score=BAD,
        test={BAD: 1.0},
        baselines={BAD: {BAD: 2.0}},
        ended=BAD,
        examples={
            "forecasts": [{"target": BAD, "steps": [BAD, BAD], "truth": [1, 2], "forecast": [2, 3],
                           "baseline": [1, 1], "baseline_name": BAD, "time": BAD}],
            "confusion": {"labels": [BAD, "b"], "matrix": [[1, 0], [2, 3]]},
            "predictions": [{"text": BAD, "truth": BAD, "predicted": BAD}, {"text": BAD, "truth": BAD, "predicted": "b"}],
            "texts": [{"prompt": BAD, "text": BAD + BAD, BAD: BAD}],
            "expected_next": [{"came": BAD, "share": 0.5, "likely": {BAD: 0.5}}],
            BAD: {BAD: [BAD]},
        },
    )  # fmt: skip
    graph = forecaster.cell_.graph
    facts = type(graph.facts)(paper=BAD, year=2000)
    named = [type(n)(n.op, n.operands, n.shape, n.name and n.name + BAD, n.attributes) for n in graph.nodes]
    evil = type(graph)(BAD, tuple(named), graph.returns, (), facts, BAD)
    other.cell_ = copy.copy(forecaster.cell_)
    other.cell_.graph = evil
    other.target, other.time = BAD, BAD
    other.history_ = History([{**row, f"valid_{BAD}": 1.0} for row in forecaster.history_])
    return other


def test_every_text_is_escaped(forecaster: Forecaster) -> None:
    text = page(hostile(forecaster), title=BAD, command=BAD)
    assert "<script" not in text
    assert "<img" not in text
    assert Reader(text).problems == []
    assert Reader(text).text.count("<script>alert('x')</script>") > 20


def test_the_policy_lets_nothing_in_or_out(forecaster: Forecaster) -> None:
    text = page(forecaster)
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;; img-src data:" in text
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:,)", text)
    assert len(text) < 150_000


@pytest.mark.parametrize(
    "lost",
    [
        {"test": None, "baselines": {}},
        {"test": None, "valid": None, "baselines": {}},
        {"baselines": {"naive": {}}},
        {"baselines": {"naive": {"mase": None}}},
        {"seconds": None, "best_epoch": 0, "ended": "odd"},
        {"examples": {}},
    ],
)
def test_a_missing_piece_is_left_out(forecaster: Forecaster, lost: dict[str, Any]) -> None:
    assert Reader(page(changed(forecaster, **lost))).problems == []


def test_an_empty_history(forecaster: Forecaster) -> None:
    other = copy.copy(forecaster)
    other.history_ = History()
    assert "No epoch was recorded" in Reader(page(other)).text


@pytest.mark.parametrize("kind", RENDERERS)
@pytest.mark.parametrize("data", [{"odd": 1}, ["odd"], "odd", [{"odd": 1}], 3])
def test_examples_a_renderer_cannot_read_are_shown_as_they_are(
    forecaster: Forecaster, kind: str, data: Any
) -> None:
    reader = Reader(page(changed(forecaster, examples={kind: data})))
    assert reader.problems == []
    assert kind.replace("_", " ") in reader.text


def test_many_labels_become_a_list_of_pairs(forecaster: Forecaster) -> None:
    size = 30
    matrix = [[5 if i == j else 0 for j in range(size)] for i in range(size)]
    matrix[3][4] = 7
    labels = [f"label{k}" for k in range(size)]
    reader = Reader(page(changed(forecaster, examples={"confusion": {"labels": labels, "matrix": matrix}})))
    assert reader.problems == []
    assert "label3 label4 7 58 %" in reader.text


def test_an_unfitted_estimator_is_refused() -> None:
    with pytest.raises(NotFittedError):
        page(Forecaster())


def test_write_puts_the_page_into_the_run(forecaster: Forecaster, tmp_path: Path) -> None:
    run = forecaster.save(tmp_path / "run")
    path = write(run, forecaster, title="wave")
    assert path == tmp_path / "run" / "report.html"
    loaded = Forecaster.load(tmp_path / "run")
    assert _without_time(page(loaded, title="wave")) == _without_time(path.read_text(encoding="utf-8"))
    assert Run.open(tmp_path / "run").path == tmp_path / "run"


def _without_time(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", text)


def test_a_network_without_a_cell() -> None:
    import numpy as np

    wave = 10 + np.sin(np.arange(80) * 2 * np.pi / 8)
    model = Forecaster(horizon=4, season=8, units=4, epochs=1, cell="mlp").fit(wave, test=0.2)
    reader = Reader(page(model))
    assert reader.problems == []
    assert "has no recurrent cell" in reader.text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium on this machine")
def test_a_browser_opens_it_without_a_complaint(
    forecaster: Forecaster, examples: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(changed(forecaster, examples=examples), title="wave"), encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    )
    done = subprocess.run(
        ["chromium", *flags.split(), "--disable-component-update", "--enable-logging=stderr", "--v=0",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "</html>" in done.stdout
    assert "CONSOLE" not in done.stderr
