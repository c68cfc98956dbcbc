"""The inside of each task's network: what is followed is what the network itself says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.tasks.inside import inside

TEXTS = ["good film", "bad film", "a good one", "a bad one"] * 10
LABELS = ["+", "-", "+", "-"] * 10


def test_a_text_to_classify() -> None:
    model = cw.Classifier(units=6, embedding=5, epochs=1, passes=2, layers=2).fit(TEXTS, LABELS)
    found = inside(model, "a good bad film")
    assert found.steps == ("a", "good", "bad", "film") and found.signal is None
    assert found.x.shape == (4, 1, 5)
    y, _, _ = found.layer.run(torch.cat([found.x] * 3, 1))
    probability = model.predict_proba(["a good bad film"])[0]
    assert f"says {model.classes_[probability.argmax()]}, " in found.said[0]
    said = found.read(y)
    assert said.shape == (3,)
    both = torch.stack([_logit(model, "a good bad film", k) for k in (0, 1)])
    torch.testing.assert_close(said[0], both[probability.argmax()])


def _logit(model, text: str, k: int) -> torch.Tensor:
    from cellwright.tasks.classify import code as classify_code
    from cellwright.tasks.classify.examples import normal

    x, lengths = classify_code.encoded(normal([text]), model.facts_, 0).pad([0])
    with torch.no_grad():
        return model.network_.eval()(x, lengths)[0, k]


def test_a_series_to_classify(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (5, 7, 6, 8) * 5]
    model = cw.Classifier(units=4, epochs=1, passes=2).fit(X, [0, 1] * 10)
    np.savez(tmp_path / "more.npz", x=np.stack([x[:5] for x in X[:3]]), y=[0, 1, 0])
    found = inside(model, str(tmp_path / "more.npz"), 2)
    assert found.signal is not None and found.signal.shape == (5, 2)
    np.testing.assert_allclose(found.signal, X[1][:5].astype(np.float32))
    assert found.title[0].startswith("Series 2 of ")


def test_a_forecast() -> None:
    wave = 10 + np.sin(np.arange(120) * 2 * np.pi / 8)
    model = cw.Forecaster(horizon=4, season=8, window=16, units=5, epochs=1).fit(wave)
    data = [float(v) for v in wave]
    model.read = lambda name: cw.Forecaster.read(model, np.array(data))  # type: ignore[method-assign]
    found = inside(model, "the data")
    assert len(found.steps) == len(found.x) == 20
    np.testing.assert_allclose(found.signal[:16, 0], wave[-16:])
    np.testing.assert_allclose(found.signal[16:], model.predict())
    with torch.no_grad():
        said = model.network_.eval()(found.x).sum()
        torch.testing.assert_close(found.read(found.layer.run(found.x)[0])[0], said)


@pytest.fixture(scope="module")
def writer() -> cw.Generator:
    return cw.Generator(units=8, epochs=1, chunk=8).fit("the cat sat on the mat. " * 30)


def test_a_language_model(tmp_path, writer: cw.Generator) -> None:
    found = inside(writer, "the cat")
    assert found.steps == tuple("the cat")
    with torch.no_grad():
        y = found.layer.run(found.x)[0]
        logits = writer.network_.head(writer.network_.features(y[-1]))[0]
        torch.testing.assert_close(found.read(y)[0], logits.log_softmax(-1).max())
    file = tmp_path / "more.txt"
    file.write_text("the mat sat on the cat\n")
    assert "".join(inside(writer, str(file)).steps).startswith("the mat sat")


@pytest.mark.parametrize(
    ("data", "row", "words"),
    [
        ("missing.csv", 1, "no such file"),
        ("", 1, "the text is empty"),
        (" ", 2, "a text has one input"),
        ("the zebra?", 1, "characters that the model does not know"),
        ("the cat", 2, "a text has one input"),
    ],
)
def test_refusals(data: str, row: int, words: str, writer: cw.Generator) -> None:
    with pytest.raises((cw.SettingError, cw.DataError), match=words):
        inside(writer, data, row)


def test_a_network_without_a_recurrent_layer() -> None:
    model = cw.Classifier(cell="bow", embedding=5, epochs=1, passes=2).fit(TEXTS, LABELS)
    with pytest.raises(
        cw.SettingError, match="there is no recurrent layer to look into: got the network `bow`"
    ):
        inside(model, "a good film")


def test_a_trained_model_where_a_layer_stands() -> None:
    """Every analysis opens an estimator as it would its network's layer on what that reads."""
    model = cw.Generator(units=6, epochs=1, chunk=8).fit("the cat sat on the mat. " * 30)
    found, look = inside(model, "the cat"), cw.inspect
    for name, value in look.record(model, "the cat").items():
        torch.testing.assert_close(value, look.record(found.layer, found.x)[name])
    flow = look.gradient_flow(found.layer, found.x, loss=lambda y: found.read(y).sum())
    assert look.gradient_flow(model, "the cat").equals(flow)
    shares = look.sensitivity(lambda x: found.read(found.layer.run(x)[0]), found.x)
    torch.testing.assert_close(look.sensitivity(model, "the cat"), shares)
    assert look.saturation(model, "the cat").equals(look.saturation(found.layer, found.x))
    assert look.jacobians(model, "the cat").equals(look.jacobians(found.layer, found.x))
    assert look.memory_span(model, "the cat").equals(look.memory_span(found.layer, found.x))


@pytest.mark.parametrize(
    ("thing", "x", "words"),
    [
        ("runs/novel", "text", "this is no recurrent layer: got str, .*load a run first"),
        (3, torch.zeros(2, 1, 3), "this is no recurrent layer: got int"),
        (cw.nn.Recurrent("gru", 3, 4), "text", "a layer reads numbers: got str"),
    ],
    ids=["a path", "a number", "a text for a layer"],
)
def test_what_cannot_be_opened(thing, x, words: str) -> None:
    with pytest.raises(cw.SettingError, match=words):
        cw.inspect.record(thing, x)


def test_an_estimator_reads_its_own_data() -> None:
    model = cw.Generator(units=4, epochs=1, chunk=8).fit("the cat sat on the mat. " * 30)
    with pytest.raises(cw.SettingError, match="reads its own data: got Tensor"):
        cw.inspect.record(model, torch.zeros(3, 1, 4))
