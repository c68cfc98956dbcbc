"""Pretrained vectors: what of a file is kept, where it goes, what is refused; and that unseen words profit."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright.errors import DataError
from cellwright.tasks.vectors import read_vectors

FILE = "the 1 2\nCat 3 4\ncat 5 6\n. . 7 8\ndog -1e-1 0\nrare 9 9\n"


def put(folder: Path, text: str, name: str = "v.txt") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["v.txt", "v.vec.gz"])
@pytest.mark.parametrize("head", ["", "6 2\n"])
def test_known_words_and_the_first_others(tmp_path: Path, name: str, head: str) -> None:
    found = read_vectors(put(tmp_path, head + FILE, name), {"dog", "cat"}, 2, str.lower)
    assert found.words == ("the", "cat", ". .", "dog") and found.width == 2
    assert found.values.tolist() == [[1, 2], [3, 4], [7, 8], [pytest.approx(-0.1), 0]]
    table = torch.zeros(3, 2)
    found.put(table, ["dog", "?", "the"])
    assert table.tolist() == [[pytest.approx(-0.1), 0], [0, 0], [1, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 1\n", r"not a word and its numbers \(.*v.txt, line 2\): got 1 of them, expected 2 finite"),
        ("a 1 2\nb 1 x\n", r"line 2\): got something else, expected 2 finite numbers"),
        ("a 1 2\nb 1 nan\n", r"line 2\): got something else"),
        ("word\n", r"line 1\): got 0 of them, expected 1 finite numbers"),
        ("3 2\n", "no vectors of words"),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_vectors(put(tmp_path, text), set(), 10)


def test_other_refusals(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_vectors(tmp_path / "none.txt", set(), 10)
    (tmp_path / "latin.txt").write_bytes(b"a 1\n\xe9 2\n")
    with pytest.raises(DataError, match=r"the vectors cannot be read \(.*latin.txt, line 2\)"):
        read_vectors(tmp_path / "latin.txt", set(), 10)


def colours(folder: Path) -> Path:
    """Twenty words of two kinds; the training sees half of them, the vectors tell the kind of all."""
    rng = np.random.default_rng(0)
    rows = [
        f"{kind}{k} " + " ".join(f"{v:.3f}" for v in rng.normal(size=4) * 0.1 + sign)
        for kind, sign in (("warm", 1), ("cold", -1))
        for k in range(10)
    ]
    return put(folder, "\n".join(rows))


def test_words_that_training_never_saw(tmp_path: Path) -> None:
    path = str(colours(tmp_path))
    texts = [f"a {kind}{k}" for k in range(5) for kind in ("warm", "cold")] * 4
    labels = [text[2] for text in texts]
    settings = {"units": 6, "epochs": 8, "learning_rate": 0.02, "vectors": path}
    own = {"pairs": False, "affixes": False, "word_dropout": 0.0, "embedding_dropout": 0.0}
    model = cw.Classifier(passes=20, **own, **settings).fit(texts, labels)
    assert model.predict(["a warm8", "a cold9"]).tolist() == ["w", "c"]
    assert model.network_.first.tables[0].weight.shape[1] == 4
    settings = {**settings, "character_units": 0}
    X, y = [text.split() for text in texts], [["X", label] for label in labels]
    tagger = cw.Tagger(embedding=9, dropout=0.0, **settings).fit(X, y)
    assert tagger.predict([["a", "warm8"], ["a", "cold9"]]) == [["X", "w"], ["X", "c"]]
    tagger.save(tmp_path / "run")
    Path(path).unlink()  # a trained model needs the file no longer
    assert cw.Tagger.load(tmp_path / "run").predict([["a", "warm7"]]) == [["X", "w"]]


def test_characters_take_the_vectors_of_characters_alone(tmp_path: Path) -> None:
    path = put(tmp_path, "我 1 2\n你 1 1\n中国 3 4\n爱 5 6\n")
    texts, labels = ["我爱北京", "我不爱"] * 8, ["+", "-"] * 8
    model = cw.Classifier(units=4, epochs=1, passes=1, vectors=str(path)).fit(texts, labels)
    tokens = model.facts_["vocabulary"]["tokens"]
    assert "你" in tokens and "中国" not in tokens
