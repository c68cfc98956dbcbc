"""Live classes are those of the sequence so far, whether the state is kept or the sequence read again."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import cellwright as cw
from cellwright.tasks.classify import live as live_classify


def waves(count: int = 24) -> tuple[list[np.ndarray], list[str]]:
    """Two channels, 4 to 9 steps: the label says which one rises."""
    rng = np.random.default_rng(0)
    X, y = [], []
    for k in range(count):
        steps = int(rng.integers(4, 10))
        x = 50 + rng.normal(size=(steps, 2)) * [1, 20]
        x[:, k % 2] += np.linspace(0, [10, 200][k % 2], steps)
        X.append(x)
        y.append(["first", "second"][k % 2])
    return X, y


@cache
def of_series(pooling: str = "max", bidirectional: bool = False, cell: str = "gru") -> cw.Classifier:
    settings = {"pooling": pooling, "bidirectional": bidirectional, "cell": cell, "layers": 2}
    return cw.Classifier(units=6, epochs=2, passes=2, learning_rate=0.02, **settings).fit(*waves())


@cache
def of_texts() -> cw.Classifier:
    texts = ["a good film", "a bad film !", "Good fun", "so bad"] * 8
    return cw.Classifier(units=6, embedding=6, epochs=1, passes=10).fit(texts, [1, 2, 1, 2] * 8)


KINDS = [("max", False, "gru"), ("mean", False, "lstm"), ("last", False, "elman"), ("max", True, "gru")]
KINDS += [("attention", False, "gru")]


@pytest.mark.parametrize("kind", [*KINDS, ("max", False, "mlp")], ids=str)
def test_every_step_is_answered_as_the_sequence_so_far(kind: Any) -> None:
    model, stream = of_series(*kind), cw.Stream(of_series(*kind))
    for x in waves()[0][:2]:
        for t, row in enumerate(x, start=1):
            answer = stream.push(row.tolist())
            shares = model.predict_proba([x[:t]])[0]
            assert answer == {
                "label": str(model.classes_[shares.argmax()]),
                "probability": pytest.approx(float(shares.max()), abs=2e-4),
                "steps": t,
            }
        stream.reset()


def test_a_missing_value_is_its_channels_mean() -> None:
    stream, model = cw.Stream(of_series()), of_series()
    stream.push([51.0, 60.0])
    answer = stream.push([None, 70.0])
    with pytest.warns(UserWarning, match="missing values"):
        shares = model.predict_proba([np.array([[51.0, 60.0], [np.nan, 70.0]])])[0]
    assert answer["probability"] == pytest.approx(float(shares.max()), abs=2e-4)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_whole_series_is_answered_by_itself(kind: Any) -> None:
    model, stream = of_series(*kind), cw.Stream(of_series(*kind))
    x = waves()[0][0]
    stream.push(x[0])
    before = stream.snapshot()
    answer = stream.push(x.tolist())
    assert answer["label"] == model.predict([x])[0] and answer["steps"] == len(x)
    stream.way.steps -= 1
    assert stream.snapshot() == before


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("begun", [0, 3])
def test_a_snapshot_goes_on(kind: Any, begun: int) -> None:
    stream, other = cw.Stream(of_series(*kind)), cw.Stream(of_series(*kind))
    x = waves()[0][0]
    for row in x[:begun]:
        stream.push(row)
    other.restore(stream.snapshot())
    assert other.push(x[begun]) == stream.push(x[begun])
    assert other.snapshot() == stream.snapshot()


def test_a_sequence_that_is_read_again_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_classify, "LONGEST", 2)
    again, on = cw.Stream(of_series("max", True)), cw.Stream(of_series())
    for stream in (again, on):
        stream.push([1, 2])
        stream.push([1, 2])
    on.push([1, 2])
    with pytest.raises(
        cw.DataError, match="too long to be read again at every step: got 3, expected 2 steps"
    ):
        again.push([1, 2])
    again.reset()
    again.push([1, 2])


@pytest.mark.parametrize("kind", KINDS[-2:], ids=str)
@pytest.mark.parametrize(
    ("item", "message"),
    [
        ([1.0], "another number of channels than in training: got 1, expected 2"),
        (3.0, "got 1, expected 2"),
        ([1.0, "x"], r"no finite number \(channel 2\): got 'x'"),
        ([float("inf"), 0.0], r"\(channel 1\): got Infinity"),
        ([[1.0, 2.0], [1.0]], "got 1, expected 2"),
        ({"a": 1}, "got 1, expected 2"),
    ],
)
def test_a_step_that_does_not_fit_is_refused_and_changes_nothing(kind: Any, item: Any, message: str) -> None:
    stream = cw.Stream(of_series(*kind))
    stream.push([1.0, 2.0])
    before = stream.snapshot()
    with pytest.raises(cw.DataError, match=message):
        stream.push(item)
    assert stream.snapshot() == before


def test_texts_are_answered_one_by_one() -> None:
    model, stream = of_texts(), cw.Stream(of_texts())
    for text in ("a good one", "bad", ""):
        share = model.predict_proba([text])[0]
        wanted = {"label": int(model.classes_[share.argmax()]), "probability": round(float(share.max()), 4)}
        assert stream.push(text) == stream.push({"text": text}) == wanted
    assert type(stream.push("bad")["label"]) is int
    with pytest.raises(cw.DataError, match="no text: got float, expected a text"):
        stream.push(1.5)
    other = cw.Stream(of_texts())
    other.restore(stream.snapshot())
    assert other.steps == stream.steps == 7
