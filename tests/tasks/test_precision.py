"""Every task trains with `precision="bfloat16"`: losses in float32, near those of float32, and scored without it."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import cellwright as cw
from cellwright.tasks.base import Estimator
from cellwright.tasks.forecast.output import OUTPUTS, output_of
from cellwright.tasks.forecast.simple import Base
from cellwright.tasks.forecast.windows import WindowBatch
from cellwright.tasks.layers import Layers
from cellwright.tasks.networks import Attention
from cellwright.tasks.training.loop import Loss
from cellwright.tasks.transcribe.network import Listener

SMALL: dict[str, Any] = {"units": 8, "epochs": 2, "batch_size": 8, "learning_rate": 0.01, "valid": 0.25}
COUNTED = [0, 1, 2, 4, 1, 0, 3, 2] * 8
TEXTS = ["a good film", "a bad film !", "Good fun", "so bad", "very good indeed", "bad , bad film"] * 4


def texts(**settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    return cw.Classifier(**SMALL, embedding=8, passes=1, **settings), TEXTS, ["+", "-"] * 12


def labelled() -> tuple[Estimator[Any, Any], Any, Any]:
    model, X, _ = texts(ensemble=2, balance=True)
    return model, X, [["good"] * ("good" in text.lower()) + ["film"] * ("film" in text) for text in X]


def series(**settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    X = np.random.default_rng(0).normal(size=(24, 5, 2))
    return cw.Classifier(**SMALL, **settings), list(X), [int(x.sum() > 0) for x in X]


def tags(**settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    X = [["fly", "to", "new", "york"], ["from", "rome"], ["book", "to", "bern", "!"]] * 8
    y = [["O", "O", "B-A", "I-A"], ["O", "B-A"], ["O", "O", "B-A", "O"]] * 8
    return cw.Tagger(**SMALL, embedding=8, character_units=4, min_count=1, **settings), X, y


def values(**settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    model = cw.Forecaster(**SMALL, window=8, horizon=2, steps=4, **settings)
    return model, np.asarray(COUNTED if "output" in settings else np.sin(np.arange(64.0))), None


def writing(**settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    own = {**SMALL, "units": 32, "chunk": 8, "embedding": 16, "min_count": 1, "batch_size": 4}
    return cw.Generator(**{**own, **settings}), "the cat sat on the mat. " * 16, None


def telling(kind: Any, X: Any, y: Any, **settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    return kind(**SMALL, embedding=8, beam=1, pieces=40, **settings), X, y


def translation(**settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    X = [" ".join(words) for words in itertools.permutations(("eins", "zwei", "drei", "vier"), 2)]
    return telling(cw.Translator, X, [text.upper() for text in X], **settings)


def captions(*shape: int) -> tuple[Estimator[Any, Any], Any, Any]:
    rng = np.random.default_rng(0)
    encoder = "recurrent" if len(shape) > 1 else "linear"
    X = [rng.normal(size=shape) for _ in range(12)]
    return telling(cw.Captioner, X, [["a dog"], ["a cat"]] * 6, encoder=encoder)


def answers(**settings: Any) -> tuple[Estimator[Any, Any], Any, Any]:
    X = [([f"Ann went to the {place}.", "Bob slept."], "Where is Ann?") for place in ("hall", "yard")] * 8
    return cw.Answerer(**SMALL, embedding=8, **settings), X, ["hall", "yard"] * 8


def music() -> tuple[Estimator[Any, Any], Any, Any]:
    pieces = [[[40 + move, 44 + move], [42 + move], []] for move in range(8)]
    return cw.Composer(**SMALL), pieces * 2, None


def speech() -> tuple[Estimator[Any, Any], Any, Any]:
    noise = np.random.default_rng(0).normal(0, 0.1, (12, 2400))
    return cw.Transcriber(**SMALL, bands=8, rate=8000), list(noise), ["ab", "ba", "a"] * 4


TASKS: dict[str, Callable[[], tuple[Estimator[Any, Any], Any, Any]]] = {
    "classify_texts": texts,
    "classify_texts_attention": functools.partial(texts, pooling="attention", ensemble=2),
    "classify_texts_bow": functools.partial(texts, cell="bow"),
    "classify_several_labels": labelled,
    "classify_series": functools.partial(series, pooling="last"),
    "classify_series_mlp": functools.partial(series, cell="mlp"),
    "tag_crf": functools.partial(tags, ensemble=2),
    "tag_alone": functools.partial(tags, crf=False),
    "forecast_point": values,
    "forecast_mlp": functools.partial(values, cell="mlp", error="huber"),
    "forecast_quantiles": functools.partial(values, output="quantiles"),
    "forecast_student_t": functools.partial(values, output="student_t", ensemble=2),
    "forecast_negative_binomial": functools.partial(values, output="negative_binomial"),
    "forecast_autoregressive": functools.partial(values, decoding="autoregressive"),
    "generate": functools.partial(writing, penalty_size=1.0, penalty_change=1.0),
    "generate_projected": functools.partial(writing, tied=True, dropout_weights=0.2, locked=True),
    "translate": functools.partial(translation, layers=2),
    "translate_additive": functools.partial(translation, attention="additive", feeding="output"),
    "translate_context": functools.partial(translation, feeding="context", tied=False, cell="gru"),
    "transcribe": speech,
    "caption": functools.partial(captions, 6),
    "caption_frames": functools.partial(captions, 3, 6),
    "answer": answers,
    "answer_additive": functools.partial(answers, attention="additive", looks=2),
    "compose": music,
}


def trained(name: str, precision: str) -> tuple[Estimator[Any, Any], list[tuple[bool, torch.dtype]]]:
    """The task's model, and of every step whether products were to be smaller, and the loss's type."""
    model, X, y = TASKS[name]()
    model.set_params(precision=precision)
    inner, steps = model.loss, []

    def noted(*arguments: Any) -> Loss:
        found = inner(*arguments)
        steps.append((torch.is_autocast_enabled("cpu"), found.mean.dtype))
        return found

    model.loss = noted  # type: ignore[method-assign]
    return model.fit(X, y), steps


@pytest.mark.parametrize("name", TASKS)
def test_every_task_trains(name: str) -> None:
    whole, plain = trained(name, "float32")
    model, steps = trained(name, "bfloat16")
    assert set(plain) == {(False, torch.float32)}
    assert set(steps) == {(True, torch.float32)}
    assert {v.dtype for v in model.network_.state_dict().values() if v.is_floating_point()} == {torch.float32}
    losses = model.history_.column("loss")
    assert losses == pytest.approx(whole.history_.column("loss"), rel=0.02)
    assert all(math.isfinite(value) for value in losses)
    before, after = (dict(one.network_.named_parameters()) for one in (whole, model))
    assert any(not torch.equal(before[name], after[name]) for name in after)


def lower(on: bool = True) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=on)


def test_a_transcriber_s_probabilities_add_up_to_one() -> None:
    network = Listener(Layers(cw.cells.gru, 8), 5, 30)
    with lower():
        logs = network(torch.randn(6, 3, 5), torch.tensor([6, 4, 2]))
    assert (logs.exp().sum(-1) - 1).abs().max() < 1e-5


def test_the_shares_of_steps_add_up_to_one() -> None:
    with lower():
        shares = Attention(8)(torch.randn(200, 3, 8), torch.tensor([200, 90, 1]))
    assert (shares.double().sum(0) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_forecast_s_loss_is_taken_in_float32(kind: str) -> None:
    output = output_of(kind, "mae", [0.8], [Base("none", "last")])
    said = torch.randn(2, 50, 1, output.width).bfloat16()
    y = torch.arange(100.0).view(2, 50, 1)
    batch = WindowBatch(torch.zeros(0), y, torch.arange(50), torch.zeros(2, 50, 1), torch.ones(50, 1))
    with lower():
        found = output.loss(said, batch)
    torch.testing.assert_close(found, output.loss(said.float(), batch), rtol=0, atol=0)


@pytest.mark.parametrize("backend", [None, "eager"])
def test_the_field_of_a_tagger_loses_no_digits(backend: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if backend is not None:
        monkeypatch.setenv("CELLWRIGHT_BACKEND", backend)
    field = cw.nn.CRF(40)
    nn.init.normal_(field.A)
    x, tags = torch.randn(9, 3, 40), torch.randint(40, (9, 3))
    expected = field(x, tags, [9, 4, 1])
    with lower():
        assert torch.equal(field(x, tags, [9, 4, 1]), expected)
