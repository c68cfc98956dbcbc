"""What the scores say beside the baselines, in one plain sentence computed from the numbers. Floor 6.

Never more than the numbers: a model that loses to a baseline is said to lose to it, by how much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cellwright.page.numbers import number

Tone = Literal["good", "mixed", "bad", "plain"]
Scores = Mapping[str, "float | None"]

DIGITS = 3
REPEATED = ("seasonal-naive", "last-value", "drift")  # forecasts that only repeat what was seen
NOTHING = 0.02  # share by which a forecast must be better than they are
NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "mcc": "MCC",
    "micro_f1": "micro-F1",
    "f1": "F1",
    "intent_accuracy": "accuracy of intents",
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE (%)",
    "smape": "sMAPE (%)",
    "mase": "MASE",
    "network_mase": "MASE if the network were believed",
    "loss": "loss",
    "perplexity": "perplexity",
    "bits_per_character": "bits per character",
    "bpc": "bits per character",
    "bleu": "BLEU",
    "chrf": "chrF",
    "cider": "CIDEr-D",
    "bleu_1": "BLEU-1",
    "nll": "nats per step",
    "shuffled_cider": "CIDEr-D of shuffled pictures",
}


@dataclass(frozen=True)
class Verdict:
    """The headline: the score, what it was measured on, one sentence, and how it sounds."""

    score: float | None
    name: str
    measured_on: str
    sentence: str
    tone: Tone
    note: str = ""


@dataclass(frozen=True)
class _Rival:
    """A baseline beside the model: `gain` is what the model is better by, negative where it is worse."""

    name: str
    value: float
    gain: float


def score_name(score: str) -> str:
    """A score's name as people write it.

    >>> score_name("macro_f1"), score_name("word_error_rate")
    ('macro-F1', 'word error rate')
    """
    return NAMES.get(score, score.replace("_", " "))


def method_name(method: str) -> str:
    """A baseline's name as people write it.

    >>> method_name("seasonal_naive")
    'seasonal-naive'
    """
    return method.replace("_", "-")


def verdict(metrics: Mapping[str, Any]) -> Verdict:
    """Judge a run by its own metrics (see `Estimator.metrics_`).

    >>> verdict({"score": "mae", "better": "min", "test": {"mae": 6.0},
    ...          "baselines": {"seasonal_naive": {"mae": 8.0}}}).sentence
    'Beats the seasonal-naive baseline by 25 %: MAE 6 against 8.'
    >>> verdict({"score": "mae", "better": "min", "test": {"mae": 9.0},
    ...          "baselines": {"linear": {"mae": 8.0}}}).sentence
    'Does NOT beat the linear baseline: 12 % worse, MAE 9 against 8.'
    """
    score = str(metrics.get("score", "loss"))
    scores, measured_on = _measured(metrics)
    value = _known(scores.get(score))
    name = score_name(score)
    if value is None:
        return Verdict(None, name, "", "The model was not scored: no data were held out.", "plain")
    note = _note(metrics, value, measured_on)
    rivals = _rivals(metrics, score, value)
    if not rivals:
        return Verdict(value, name, measured_on, "There is no baseline to compare it with.", "plain", note)
    sentence, tone = _sentence(name, value, rivals, metrics)
    sentence, tone = _nothing(name, value, rivals) or (sentence, tone)
    return Verdict(value, name, measured_on, sentence, tone, note)


def _nothing(name: str, value: float, rivals: list[_Rival]) -> tuple[str, Tone] | None:
    """A forecast that is within 2 % of repeating what was seen, or worse: nothing was found in the data."""
    simple = [rival for rival in rivals if rival.name in REPEATED]
    best = min(simple, key=lambda rival: rival.gain, default=None)
    if best is None or best.gain > NOTHING * abs(best.value):
        return None
    against = f"{name} {number(value, DIGITS)} against {number(best.value, DIGITS)}"
    return f"Has found NOTHING that the {best.name} does not know: {against}. Use the {best.name}.", "bad"


def _note(metrics: Mapping[str, Any], value: float, measured_on: str) -> str:
    """What keeps the score from being taken for more than it is."""
    notes = []
    if measured_on == "validation part":
        notes.append(
            "This part also chose the best epoch, so it flatters a little; hold out a test part too."
        )
    size = _examples(metrics)
    if metrics.get("score") == "accuracy" and size and 0 < value < 1:
        error = number(100 * math.sqrt(value * (1 - value) / size), 2)
        notes.append(f"On {number(size)} examples the standard error of this accuracy is {error} points.")
    trust = (metrics.get("examples") or {}).get("trust", ())
    if idle := sum(share == 0 for share in trust):
        of = "" if idle == len(trust) else f" of {idle} of {len(trust)} targets"
        notes.append(
            f"The network added nothing that held up on rows it had not seen: the forecast{of} is the "
            f"simple one under it.{_doubted(metrics)}"
        )
    return " ".join(notes)


def _doubted(metrics: Mapping[str, Any]) -> str:
    """What the network would have scored, had it been believed."""
    value = _known((metrics.get("test") or {}).get("network_mase"))
    return "" if value is None else f" With all that the network says MASE is {number(value, DIGITS)}."


def _examples(metrics: Mapping[str, Any]) -> int:
    """How many examples were classified, by the confusion matrix; 0 where there is none."""
    try:
        return sum(sum(row) for row in metrics["examples"]["confusion"]["matrix"])
    except (KeyError, TypeError):
        return 0


def _measured(metrics: Mapping[str, Any]) -> tuple[Scores, str]:
    for part, called in (("test", "test part"), ("valid", "validation part")):
        if metrics.get(part):
            return metrics[part], called
    return {}, ""


def _rivals(metrics: Mapping[str, Any], score: str, value: float) -> list[_Rival]:
    """The baselines that have the score, the best of them first."""
    sign = 1.0 if metrics.get("better") == "max" else -1.0
    found = []
    for name, scores in (metrics.get("baselines") or {}).items():
        other = _known(scores.get(score))
        if other is not None:
            found.append(_Rival(method_name(name), other, sign * (value - other)))
    return sorted(found, key=lambda rival: rival.gain)


def _sentence(name: str, value: float, rivals: list[_Rival], metrics: Mapping[str, Any]) -> tuple[str, Tone]:
    """Against the best baseline first; it is the one that matters."""
    best = rivals[0]
    against = f"{name} {number(value, DIGITS)} against {number(best.value, DIGITS)}"
    points = metrics.get("better") == "max" and all(0 <= v <= 1 for v in (value, *(r.value for r in rivals)))
    by = _amount(best, points)
    the = f"the {best.name} baseline"
    beaten = [rival.name for rival in rivals if rival.gain > 0]
    if best.gain > 0:
        others = "" if len(rivals) == 1 else f", the best of {len(rivals)},"
        return f"Beats {the}{others} by {by}: {against}.", "good"
    also = f" It beats {_listed(beaten)}." if beaten else ""
    tone: Tone = "mixed" if beaten else "bad"
    if best.gain == 0:
        return f"Does NOT beat {the}: the scores are equal, {against}.{also}", tone
    return f"Does NOT beat {the}: {by} worse, {against}.{also}", tone


def _amount(rival: _Rival, points: bool) -> str:
    size = abs(rival.gain)
    if points:
        return f"{number(100 * size, 2 if size < 0.1 else 3)} points"
    if rival.value == 0:
        return number(size)
    percent = 100 * size / abs(rival.value)
    return f"{percent:.0f} %" if percent >= 1 else "less than 1 %"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _known(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
