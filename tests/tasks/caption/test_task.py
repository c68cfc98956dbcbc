"""The caption task: it describes clips in combinations it never saw, scores, saved and streamed, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cellwright as cw
from cellwright.cli import main
from cellwright.errors import DataError, SettingError
from cellwright.samples.moving_shapes import clips
from cellwright.tasks.caption.score import overlaps, shuffled
from cellwright.tasks.caption.simple import commonest, nearest
from cellwright.tasks.report.page import page

COLOURS, THINGS = ("red", "green", "blue"), ("dog", "cat", "bird")


def pictures() -> tuple[list[np.ndarray], list[list[str]]]:
    """Two numbers of six say what is seen: each picture has two captions."""
    X, y = [], []
    for k, colour in enumerate(COLOURS):
        for j, thing in enumerate(THINGS):
            X.append(np.eye(3)[[k, j]].ravel())
            y.append([f"a {colour} {thing}", f"this {thing} is {colour}"])
    return X * 2, y * 2


def small(**settings: Any) -> cw.Captioner:
    usual = {"units": 16, "embedding": 16, "batch_size": 8, "learning_rate": 0.02, "patience": 0, "beam": 2}
    kept = {"dropout": 0.0, "word_dropout": 0.0, "feature_dropout": 0.0, "smoothing": 0.0, "pieces": 60}
    return cw.Captioner(**{**usual, **kept, "valid": 0.0, "epochs": 20, "seed": 1, **settings})


@pytest.fixture(scope="module")
def model() -> cw.Captioner:
    X, y = pictures()
    return small().fit(X, y, test=(X[:9], y[:9]))


def test_it_says_what_is_there(model: cw.Captioner) -> None:
    X, y = pictures()
    right = [one in texts for one, texts in zip(model.predict(X[:9]), y, strict=False)]
    assert sum(right) >= 8
    scores = model.metrics_["test"]
    assert scores["cider"] > 3 * scores["shuffled_cider"] > 0
    assert set(model.metrics_["baselines"]) == {"commonest", "nearest"}


def test_attention_on_a_single_vector_is_whole(model: cw.Captioner) -> None:
    (drawn,) = model.align([pictures()[0][0]])
    assert len(drawn["weights"]) == len(drawn["said"])
    assert all(row == [1.0] for row in drawn["weights"])


def test_the_page_shows_features_as_bars(model: cw.Captioner) -> None:
    shown = page(model)
    assert "What it says" in shown
    assert "6 numbers that describe the picture" in shown
    assert "CIDEr-D of shuffled pictures" in shown


def test_saved_it_says_the_same(model: cw.Captioner, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    X, _ = pictures()
    assert cw.Captioner.load(tmp_path / "run").predict(X[:9]) == model.predict(X[:9])


def test_a_stream_describes_picture_by_picture(model: cw.Captioner) -> None:
    X, _ = pictures()
    stream = cw.Stream(model)
    assert stream.push({"features": X[4].tolist()}) == {"caption": model.predict([X[4]])[0]}
    for item, says in (
        (3, "no picture"),
        ({"features": "red"}, "no finite"),
        ({"features": [1.0]}, "another kind"),
    ):
        with pytest.raises(DataError, match=says):
            stream.push(item)


def test_features_of_another_width_are_refused(model: cw.Captioner) -> None:
    with pytest.raises(
        DataError, match="pictures of another kind than the model's.*got 4 features.*expected 6"
    ):
        model.predict([np.ones(4)])


def test_clips_are_read_in_order() -> None:
    """Which way a disc moves only the order of the frames tells: turned round, the same frames go the other way."""
    ways = [("red", "disc", (way, "quickly")) for way in ("left", "right")]
    seen, asked = clips(ways, 24), clips(ways, 4, seed=1)
    made = small(units=16, embedding=16, epochs=12, bidirectional=True)
    made.fit([c.frames for c in seen], [c.caption for c in seen])
    said = made.predict([c.frames for c in asked])
    assert said == [c.caption for c in asked]
    turned = {"left": "right", "right": "left"}
    other = [" ".join(turned.get(word, word) for word in one.split()) for one in said]
    assert made.predict([c.frames[::-1].copy() for c in asked]) == other
    (drawn,) = made.align([asked[0].frames])
    assert {len(row) for row in drawn["weights"]} == {len(asked[0].frames)}


def test_scores_of_several_references() -> None:
    wanted = [["A dog runs.", "a brown dog is running"], ["A cat sleeps on the mat ."]]
    scores = overlaps(["a dog runs", "a cat sleeps on the mat"], wanted)
    assert scores["bleu"] == pytest.approx(100)
    assert scores["bleu_1"] == pytest.approx(100)
    assert scores["cider"] > shuffled(["a dog runs", "a cat sleeps on the mat"], wanted)


def test_exchanged_pictures_are_all_others() -> None:
    """Every caption is right for its own picture and for no other: exchanged, nothing is right."""
    wanted = [[f"w{k} x{k} y{k} z{k}"] for k in range(7)]
    assert shuffled([texts[0] for texts in wanted], wanted) == 0.0
    assert overlaps([texts[0] for texts in wanted], wanted)["cider"] == pytest.approx(1000)


def test_baselines() -> None:
    captions = [["a dog runs"], ["a dog sits", "a dog runs", "the pet runs"], ["two people"]]
    assert commonest(captions) == "a dog runs"
    known = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[5.0, 5.0]])]
    assert nearest(known, captions, [np.array([[0.1, 1.1]])]) == ["a dog runs"]


def test_from_files_to_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    Path("box").mkdir()
    rows = ["image,caption"]
    for k, (name, colour) in enumerate([("red", (200, 0, 0)), ("blue", (0, 0, 200))] * 4):
        image.new("RGB", (32, 24), colour).save(f"box/{k}.png")
        rows += [f"{k}.png,a {name} thing", f"{k}.png,it is {name}"]
    Path("box/captions.csv").write_text("\n".join(rows) + "\n")
    train = "train caption box/captions.csv --units 8 --embedding 8 --epochs 1 --test 0.25 --out run --quiet"
    assert main(train.split()) == 0
    assert "nearest" in capsys.readouterr().out
    assert json.loads(Path("run/metrics.json").read_text())["score"] == "cider"
    shown = Path("run/report.html").read_text()
    assert "data:image/jpeg;base64," in shown
    assert "Where it looks" in shown
    assert main(["predict", "run", "box", "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 9
    assert main(["predict", "run", "box/3.png", "--quiet", "--out", "said.csv"]) == 0
    assert Path("said.csv").read_text().splitlines()[0] == "image,caption"
    assert main(["evaluate", "run", "box,box/captions.csv", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out).keys() >= {"cider", "bleu", "shuffled_cider"}
    np.savez("other.npz", names=["a"], x=np.ones((1, 108)))
    assert main(["predict", "run", "other.npz"]) == 2
    assert "expected images" in capsys.readouterr().err


def test_settings_that_do_not_go() -> None:
    with pytest.raises(SettingError, match="image and caption must be two columns, got text for both"):
        small(image="text", caption="text").check()
    with pytest.raises(SettingError, match="encoder must be one of auto, linear, recurrent"):
        small(encoder="conv").check()
