"""Every diagnosis: a planted example that has it, and a healthy one that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.tasks.diagnose import CHECKS, Diagnosis, diagnose, lines
from cellwright.tasks.training.figures import figures
from cellwright.tasks.training.history import History
from cellwright.tasks.training.run import Run

HEALTHY = [
    {"epoch": k, "loss": 1.0 / k, "valid_loss": 1.1 / k + 0.1, "valid_accuracy": 0.5 + 0.1 * k, "best": True,
     "grad_norm_median": 0.5, "grad_norm_max": 2.0, "clipped": 0.1, "inside_reach_steps": 30.0,
     "inside_reach": 0.01, "inside_stuck": 0.1, "inside_dead": 0.0, "inside_keep": 0.7, "inside_radius": 1.1}
    for k in range(1, 5)
]  # fmt: skip
METRICS = {
    "score": "accuracy", "better": "max", "ended": "patience", "epochs": 4, "best_epoch": 4,
    "test": {"accuracy": 0.9}, "baselines": {"majority": {"accuracy": 0.5}},
}  # fmt: skip
SETTINGS = {"learning_rate": 2e-3, "clip": 1.0, "epochs": 4}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was really trained, so that all files are there."""
    wave = 10 + np.sin(np.arange(80) * 2 * np.pi / 8)
    path = tmp_path_factory.mktemp("runs") / "wave"
    model = cw.Forecaster(horizon=4, season=8, window=12, units=5, epochs=3).fit(wave, test=0.2)
    model.save(path)
    return path


def planted(
    finished: Path,
    folder: Path,
    rows: list[dict[str, Any]],
    metrics: dict[str, Any] | None = None,
    **settings: Any,
) -> Diagnosis:
    """The diagnosis of the run with another history, metrics and settings."""
    path = folder / "run"
    path.mkdir()
    for file in finished.iterdir():
        if file.is_file():
            (path / file.name).write_bytes(file.read_bytes())
    History(rows).write(path / "history.jsonl")
    (path / "metrics.json").write_text(json.dumps(METRICS if metrics is None else metrics))
    document = json.loads((path / "model.json").read_text())
    document["settings"] |= SETTINGS | settings
    (path / "model.json").write_text(json.dumps(document))
    return diagnose(path)


def names(found: Diagnosis) -> list[str]:
    return [one.name for one in found.findings]


def test_a_healthy_training(finished: Path, tmp_path: Path) -> None:
    found = planted(finished, tmp_path, HEALTHY)
    assert (found.state, found.findings, found.unknown) == ("finished", (), ())
    assert found.sound == tuple(name for name, _ in CHECKS)


def changed(**columns: list[float] | float) -> list[dict[str, Any]]:
    return [
        row | {name: values[k] if isinstance(values, list) else values for name, values in columns.items()}
        for k, row in enumerate(HEALTHY)
    ]


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("exploding", changed(grad_norm_max=[2.0, 2.0, 400.0, 2.0]), "in epoch 3 the longest gradient was 400, 800 times the median; the clip at 1 shortened 10% of the steps there"),
        ("clipping", changed(clipped=0.8), "the clip at 1 shortened 80% of the steps"),
        ("vanishing", changed(inside_reach=1e-12), "about 7 steps back"),
        ("saturated gates", changed(inside_stuck=0.6), "60% of the units are at one end"),
        ("dead units", changed(inside_dead=0.4), "40% of the units hardly move"),
        ("forget bias too low", changed(inside_keep=0.25), "half is gone after 0.5 steps"),
        ("learning rate too high", changed(loss=[1.0, 0.5, 0.6, 0.9]), "rose from 0.5 to 0.9"),
        ("learning rate too high", changed(loss=[1.0, 1.1, 0.9, 1.0]), "rose in 2 of 3 epochs"),
        ("over-fitting", changed(valid_loss=[0.9, 0.8, 1.0, 1.4]), "from 0.8 to 1.4, the training loss from 0.5 to 0.25"),
    ],
)  # fmt: skip
def test_what_the_history_tells(finished: Path, tmp_path: Path, name: str, rows, words: str) -> None:
    found = planted(finished, tmp_path, rows)
    assert names(found) == [name]
    assert words in found.findings[0].evidence and found.findings[0].cure


def test_what_the_scores_tell(finished: Path, tmp_path: Path) -> None:
    worse = METRICS | {"baselines": {"linear": {"accuracy": 0.95}}}
    found = planted(finished, tmp_path, HEALTHY, worse)
    assert names(found) == ["a baseline not beaten"]
    assert "Does NOT beat the linear baseline" in found.findings[0].evidence


def test_a_training_that_was_stopped_too_early(finished: Path, tmp_path: Path) -> None:
    found = planted(finished, tmp_path, HEALTHY, METRICS | {"ended": "epochs"})
    assert names(found) == ["stopped too early"]
    assert found.findings[0].cure == "more --epochs (now 4)"


def test_a_score_to_be_low_takes_the_place_of_the_loss(finished: Path, tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "valid_loss"} | {"valid_mase": m}
            for row, m in zip(HEALTHY, [1.0, 0.7, 0.8, 1.2], strict=True)]  # fmt: skip
    found = planted(finished, tmp_path, rows, METRICS | {"score": "mase", "better": "min"})
    assert "over-fitting" in names(found)


def test_what_a_run_does_not_tell(finished: Path, tmp_path: Path) -> None:
    rows = [{"epoch": 1, "loss": 1.0, "grad_norm_max": 1.0, "grad_norm_median": 0.5, "clipped": 0.0}]
    found = planted(finished, tmp_path, rows, METRICS | {"baselines": {}}, clip=0.0)
    said = list(lines(found))
    assert names(found) == []
    assert "not known: learning rate too high (fewer than three epochs)" in said
    assert "not known: clipping (clipping is off)" in said
    assert any(
        line.startswith("not known: vanishing, forget bias too low, saturated gates, dead units (")
        for line in said
    )


def test_a_training_that_failed(tmp_path: Path) -> None:
    """Really: the loss is not finite after a few steps of an absurd size."""
    wave = 10 + np.sin(np.arange(80) * 2 * np.pi / 8)
    model = cw.Forecaster(horizon=4, season=8, window=12, units=5, epochs=3, learning_rate=1e12, clip=0.0)
    with pytest.raises(cw.SettingError, match="became"):
        model.fit(wave, run=Run.create(tmp_path / "run"))
    found = diagnose(tmp_path / "run")
    assert "became" in found.state
    assert set(names(found)) & {"learning rate too high", "exploding"}
    assert ("over-fitting", "no epoch was finished") in found.unknown
    good = cw.Forecaster(horizon=4, season=8, window=12, units=5, epochs=3).fit(
        wave, run=Run.create(tmp_path / "run", force=True)
    )
    assert diagnose(tmp_path / "run").state == "finished" and good.history_


def test_a_real_run_has_figures(finished: Path) -> None:
    found = diagnose(finished)
    assert {"vanishing", "dead units", "forget bias too low"} <= set(found.sound)


def test_really_over_fitted(tmp_path: Path) -> None:
    """Labels that mean nothing can only be learnt by heart."""
    make = np.random.default_rng(0)
    words = [f"w{k}" for k in range(60)]
    texts = [" ".join(make.choice(words, 12)) for _ in range(80)]
    labels = make.integers(0, 2, 80).tolist()
    model = cw.Classifier(
        units=32, embedding=32, epochs=8, dropout=0.0, embedding_dropout=0.0, word_dropout=0.0, smoothing=0.0,
        valid=0.3, patience=0, learning_rate=2e-2, passes=12,
    ).fit(texts, labels)  # fmt: skip
    model.save(tmp_path / "run")
    assert "over-fitting" in names(diagnose(tmp_path / "run"))


def _layer(cell: str, **weights: float) -> cw.nn.Recurrent:
    """A layer, biases of ten of its units filled, a matrix made shorter."""
    torch.manual_seed(0)
    layer = cw.nn.Recurrent(cell, 3, 16)
    with torch.no_grad():
        for name, value in weights.items():
            own = layer.weights(0)[name]
            own.mul_(value) if name.startswith("U") else own[:10].fill_(value)
    return layer


@pytest.mark.parametrize(
    ("name", "sick", "healthy"),
    [
        ("vanishing", ("elman", {"U": 0.4}), ("lstm", {})),
        ("vanishing", ("lstm", {"b_f": -6.0, "U_g": 0.1}), ("lstm", {})),
        ("saturated gates", ("gru", {"b_r": 20.0}), ("gru", {})),
        ("dead units", ("lstm", {"b_o": -20.0}), ("lstm", {"b_o": 0.0})),
        ("forget bias too low", ("lstm", {"b_f": -3.0}), ("lstm", {})),
    ],
)
def test_planted_networks(finished: Path, tmp_path: Path, name: str, sick, healthy) -> None:
    """The ill is in the weights; what the history would say of it is measured."""
    x = torch.randn(60, 6, 3)
    for k, (cell, weights) in enumerate((sick, healthy)):
        found = {f"inside_{n}": v for n, v in figures(_layer(cell, **weights), x).items()}
        (tmp_path / str(k)).mkdir()
        said = planted(finished, tmp_path / str(k), [row | found for row in HEALTHY])
        assert (name in names(said)) == (k == 0), list(lines(said))


def test_really_clipped_unfinished_and_beaten(finished: Path, tmp_path: Path) -> None:
    """A pure wave is repeated by the seasonal naive without a fault; three epochs are too few; a tiny clip."""
    assert {"a baseline not beaten", "stopped too early"} <= set(names(diagnose(finished)))
    assert "clipping" not in names(diagnose(finished))
    wave = 10 + np.sin(np.arange(80) * 2 * np.pi / 8)
    model = cw.Forecaster(horizon=4, season=8, window=12, units=5, epochs=1, clip=1e-4).fit(wave)
    model.save(tmp_path / "clipped")
    found = diagnose(tmp_path / "clipped")
    assert "the clip at 0.0001 shortened 100% of the steps" in found.findings[0].evidence


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(cw.errors.RunError, match="no such run folder"):
        diagnose(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(cw.errors.RunError, match="not a run folder"):
        diagnose(tmp_path / "empty")
