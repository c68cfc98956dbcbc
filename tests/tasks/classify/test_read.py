"""Reading examples: texts or series by the file and its columns; what a trained model looks for; known sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cellwright as cw
from cellwright.errors import DataError
from cellwright.tasks.classify.read import read

TEXTS = ["a good film", "a bad film !", "Good fun", "so bad"] * 6
SIGNS = ["+", "-"] * 12


def small(**settings: Any) -> cw.Classifier:
    return cw.Classifier(**{"units": 4, "embedding": 4, "epochs": 1, "passes": 1, **settings})


@pytest.mark.parametrize(
    ("name", "content", "kind", "labels"),
    [
        ("a.csv", "text,label\nfine,+\nawful,-\n", "text", ["+", "-"]),
        ("b.tsv", "id\tquestion\tcoarse\n1\twho ?\tHUM\n2\twhere ?\tLOC\n3\twhose ?\tHUM\n4\tup ?\tLOC\n", "text", ["HUM", "LOC"] * 2),
        ("c.jsonl", '{"text": "我", "label": 1}\n{"text": "你", "label": 0}\n', "text", ["1", "0"]),
        ("d.csv", "label,text\n1,good\n0,bad\n1,\n", "text", ["1", "0", "1"]),
        ("e.csv", "x1,y1,x2,y2,digit\n1,2,3,4,7\n1,2,3,4,8\n", "series", ["7", "8"]),
        ("f.csv", "t1,t2,t3,class\n1,2,3,up\n3,2,1,down\n", "series", ["up", "down"]),
        ("g.csv", "t1,t2,t3,kind\n1,2,3,up\n3,2,1,down\n1,2,3,up\n3,2,1,down\n", "series", ["up", "down"] * 2),
        ("h.ts", "@univariate true\n@classLabel true a b\n@data\n1,2:a\n3,4,5:b\n", "series", ["a", "b"]),
    ],
)  # fmt: skip
def test_the_kind_is_told_by_the_file(
    name: str, content: str, kind: str, labels: list[str] | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = read(tmp_path / name)
    assert (found.kind, found.labels) == (kind, labels)
    assert found.note
    assert "\n" not in found.note


def test_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3, 1)), y=np.array(["a", "b"]), lengths=np.array([3, 2]))
    found = read(tmp_path / "a.npz")
    assert [len(x) for x in found.series] == [3, 2]
    assert found.labels == ["a", "b"]


def test_rows_without_text_or_label_are_kept_for_predictions_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nfine,+\n,-\nawful,\nbad,-\n", encoding="utf-8")
    found = read(path)
    assert list(found.inputs) == ["fine", "", "awful", "bad"]
    assert "2 rows without text or label are left out" in found.note
    taken = small().take(found)
    assert (list(taken.inputs), taken.labels) == (["fine", "bad"], ["+", "-"])


def test_a_trained_model_knows_its_columns(tmp_path: Path) -> None:
    rows = "".join(f"{k},{text},{sign}\n" for k, (text, sign) in enumerate(zip(TEXTS, SIGNS, strict=True)))
    (tmp_path / "train.csv").write_text("n,words,mark\n" + rows.replace(" ,", ""), encoding="utf-8")
    model = small(text="words", label="mark").fit(tmp_path / "train.csv")
    model.set_params(text="", label="")
    assert model.facts_["columns"] == {"text": "words", "label": "mark"}
    (tmp_path / "new.csv").write_text("other,words\nsome long long text,good\nx,bad\n", encoding="utf-8")
    found = model.read(tmp_path / "new.csv")
    assert (list(found.inputs), found.labels) == (["good", "bad"], None)
    with pytest.raises(DataError, match=r"there are no labels \(.*new.csv\)"):
        model.measure(found)
    assert len(model.predict(found)) == 2


def test_a_wide_table_without_the_label_keeps_all_its_steps(tmp_path: Path) -> None:
    lines = [f"{k % 5},{k % 7},{k % 3},{k % 2}" for k in range(40)]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = small().fit(tmp_path / "train.csv")
    (tmp_path / "new.csv").write_text("\n".join(line[:5] for line in lines) + "\n", encoding="utf-8")
    assert {len(x) for x in model.read(tmp_path / "new.csv").series} == {3}


def test_a_sample_by_its_name_is_fitted() -> None:
    part = small().read("word_order")
    assert (part.kind, len(part), set(part.known())) == ("text", 800, {"person", "place"})


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "kind", "count", "labels", "first"),
    [
        ("trec/train.tsv", "text", 5452, 6, "How did serfdom develop in and then leave Russia ?"),
        ("sst/sst_fine.test.tsv", "text", 2210, 5, "no movement , no yuks , not much of anything ."),
        ("chnsenticorp_hotel/ChnSentiCorp_htl_all.csv.gz", "text", 7766, 2, None),
        ("thucnews_headlines/test.txt", "text", 10_000, 10, None),
        ("japanese_vowels/JapaneseVowels_TRAIN.ts", "series", 270, 9, (20, 12)),
        ("pendigits/pendigits_test.csv", "series", 3498, 10, (8, 2)),
        ("digits_8x8/digits.csv", "series", 1797, 10, (8, 8)),
    ],
)
def test_known_sets_are_read(
    file: str, kind: str, count: int, labels: int, first: Any, shared_data: Path
) -> None:
    found = read(shared_data / file)
    known = [label for label in found.known() if label is not None]
    assert (found.kind, len(found), len(set(known))) == (kind, count, labels)
    if first is not None:
        assert (found.series[0].shape if kind == "series" else found.texts[0]) == first


@pytest.mark.data
def test_japanese_vowels_are_told_apart_soon(shared_data: Path) -> None:
    folder = shared_data / "japanese_vowels"
    model = cw.Classifier(units=16, epochs=3, passes=5, learning_rate=0.02)
    model.fit(folder / "JapaneseVowels_TRAIN.ts", test=(folder / "JapaneseVowels_TEST.ts", None))
    assert model.metrics_["test"]["accuracy"] > 0.9
    assert model.metrics_["baselines"]["majority"]["accuracy"] < 0.3
