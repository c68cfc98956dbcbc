"""The sentence says what the numbers say."""

from typing import Any

import pytest

from cellwright.tasks.report.examples import examples_section
from cellwright.tasks.report.verdict import verdict


def judged(better: str, test: float | None, **baselines: float | None) -> Any:
    metrics = {
        "score": "s",
        "better": better,
        "test": {"s": test},
        "baselines": {name: {"s": value} for name, value in baselines.items()},
    }
    return verdict(metrics)


@pytest.mark.parametrize(
    ("better", "test", "baselines", "sentence", "tone"),
    [
        ("min", 6.9, {"seasonal_naive": 10.0}, "Beats the seasonal-naive baseline by 31 %: s 6.9 against 10.", "good"),
        ("min", 9.99, {"naive": 10.0}, "Beats the naive baseline by less than 1 %: s 9.99 against 10.", "good"),
        ("min", 12.0, {"naive": 10.0}, "Does NOT beat the naive baseline: 20 % worse, s 12 against 10.", "bad"),
        ("min", 10.0, {"naive": 10.0}, "Does NOT beat the naive baseline: the scores are equal, s 10 against 10.", "bad"),
        (
            "max", 0.84, {"majority": 0.2, "linear": 0.80},
            "Beats the linear baseline, the best of 2, by 4 points: s 0.84 against 0.8.", "good",
        ),
        (
            "max", 0.79, {"majority": 0.2, "linear": 0.83},
            "Does NOT beat the linear baseline: 4 points worse, s 0.79 against 0.83. It beats majority.", "mixed",
        ),
        ("max", 0.1, {"majority": 0.5, "linear": 0.9}, "Does NOT beat the linear baseline: 80 points worse, s 0.1 against 0.9.", "bad"),
        ("max", 30.0, {"word": 20.0}, "Beats the word baseline by 50 %: s 30 against 20.", "good"),
        ("min", 1.0, {"naive": 0.0}, "Does NOT beat the naive baseline: 1 worse, s 1 against 0.", "bad"),
        ("min", -2.0, {"naive": -1.0}, "Beats the naive baseline by 100 %: s −2 against −1.", "good"),
        ("min", 1.0, {"naive": None}, "There is no baseline to compare it with.", "plain"),
        ("min", None, {"naive": 1.0}, "The model was not scored: no data were held out.", "plain"),
        ("min", float("nan"), {"naive": 1.0}, "The model was not scored: no data were held out.", "plain"),
    ],
)  # fmt: skip
def test_sentence(
    better: str, test: float | None, baselines: dict[str, float | None], sentence: str, tone: str
) -> None:
    found = judged(better, test, **baselines)
    assert (found.sentence, found.tone) == (sentence, tone)


def test_a_validation_score_is_said_to_flatter() -> None:
    found = verdict({"score": "mae", "better": "min", "valid": {"mae": 2.0}, "test": None, "baselines": {}})
    assert found.measured_on == "validation part"
    assert "also chose the best epoch" in found.note


@pytest.mark.parametrize("metrics", [{}, {"test": {}}, {"score": "mae", "test": {"rmse": 1.0}}])
def test_missing_pieces(metrics: dict[str, Any]) -> None:
    assert verdict(metrics).score is None


def test_the_standard_error_of_an_accuracy_is_said() -> None:
    """Of 400 examples at 0.9: sqrt(0.9 * 0.1 / 400) = 0.015."""
    metrics = {
        "score": "accuracy",
        "better": "max",
        "test": {"accuracy": 0.9},
        "examples": {"confusion": {"labels": ["a", "b"], "matrix": [[180, 20], [20, 180]]}},
    }
    assert verdict(metrics).note == "On 400 examples the standard error of this accuracy is 1.5 points."


@pytest.mark.parametrize(
    ("mase", "last", "nothing"), [(0.99, 1.0, True), (1.2, 1.0, True), (0.97, 1.0, False), (0.5, 1.0, False)]
)
def test_a_forecast_that_only_repeats_is_said_to_have_found_nothing(mase, last, nothing):
    metrics = {
        "score": "mase",
        "better": "min",
        "test": {"mase": mase},
        "baselines": {"last_value": {"mase": last}, "seasonal_naive": {"mase": 2.0}, "linear": {"mase": 0.9}},
    }
    said = verdict(metrics)
    assert ("found NOTHING that the last-value does not know" in said.sentence) == nothing
    assert (said.tone == "bad") == nothing


@pytest.mark.parametrize(
    ("trust", "said"),
    [
        ([0.0], "the forecast is the simple one"),
        ([0.0, 0.5, 0.0], "the forecast of 2 of 3 targets is the simple one"),
        ([0.25], ""),
    ],
)
def test_a_network_that_added_nothing_is_named(trust: list[float], said: str) -> None:
    metrics = {"score": "mase", "better": "min", "test": {"mase": 1.0}, "examples": {"trust": trust}}
    note = verdict(metrics | {"baselines": {"linear": {"mase": 1.0}}}).note
    assert (said in note) and bool(note) == bool(said)


def test_what_the_verdict_says_is_not_shown_twice() -> None:
    assert examples_section({"trust": [0.0]}) is None
