"""Series from .ts, .npz and wide tables: shapes, labels, channels, what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.tasks.data import read_series
from cellwright.tasks.data.wide import find_layout


def test_ts_of_unequal_length_and_missing_values(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text(
        "# a comment\n@problemName Made\n@missing true\n@univariate false\n@classLabel true yes no\n@data\n"
        "1,2,3:10,?,30:yes\n\n4,NaN:?,50:no\n",
        encoding="utf-8",
    )
    found = read_series(path)
    np.testing.assert_array_equal(found.inputs[0], [[1, 10], [2, 20], [3, 30]])
    np.testing.assert_array_equal(found.inputs[1], [[4, 50], [4, 50]])
    assert found.labels == ["yes", "no"]
    assert found.channels == ["channel_1", "channel_2"]
    assert found.note == (
        "2 series of 2 to 3 steps, 2 channels, labels last on the line, "
        "3 missing values filled by linear interpolation"
    )
    assert {series.dtype for series in found.inputs} == {np.dtype(np.float32)}


def test_ts_without_labels(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text("@univariate true\n@classLabel false\n@data\n1,2,3\n4,5\n", encoding="utf-8")
    found = read_series(path)
    assert found.labels == []
    assert [len(series) for series in found.inputs] == [3, 2]


@pytest.mark.parametrize("given_lengths", [True, False])
def test_npz_padded(tmp_path, given_lengths):
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    x[1, 2] = np.nan
    arrays = {"x": x, "y": np.array([0.0, 1.0])} | ({"lengths": np.array([3, 2])} if given_lengths else {})
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read_series(tmp_path / "a.npz")
    assert [series.shape for series in found.inputs] == [(3, 2), (2, 2)]
    np.testing.assert_array_equal(found.inputs[1], [[6, 7], [8, 9]])
    assert found.labels == ["0", "1"]


def test_npz_of_one_channel_without_labels(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((4, 5), dtype=np.int64))
    found = read_series(tmp_path / "a.npz")
    assert [series.shape for series in found.inputs] == [(5, 1)] * 4
    assert found.labels == []


@pytest.mark.parametrize(
    ("columns", "steps", "channels"),
    [
        (["x1", "y1", "x2", "y2", "x3", "y3"], [("x1", "y1"), ("x2", "y2"), ("x3", "y3")], ("x", "y")),
        (["x_1", "x_2", "y_1", "y_2"], [("x_1", "y_1"), ("x_2", "y_2")], ("x", "y")),
        (["r0c0", "r0c1", "r1c0", "r1c1"], [("r0c0", "r0c1"), ("r1c0", "r1c1")], ("c0", "c1")),
        (["t0", "t1", "t2"], [("t0",), ("t1",), ("t2",)], ("value",)),
        (["mon", "tue", "wed"], [("mon",), ("tue",), ("wed",)], ("value",)),
        (["x1", "y1", "x2"], [("x1",), ("y1",), ("x2",)], ("value",)),
    ],
)
def test_layouts(columns, steps, channels):
    layout = find_layout(columns)
    assert list(layout.columns) == steps
    assert layout.channels == channels


@pytest.mark.parametrize(
    ("text", "label", "labels"),
    [
        ("t1,t2,label\n1,2,a\n3,4,b\n", None, ["a", "b"]),
        ("t1,t2,which\n1,2,a\n3,4,b\n", None, ["a", "b"]),
        ("t1,t2,which\n1,2,5\n3,4,6\n", None, ["5", "6"]),
        ("t1,t2,t3\n1,2,5\n3,4,6\n", None, []),
        ("t1,t2,t3\n1,2,5\n3,4,6\n", "t3", ["5", "6"]),
        ("t1,t2,label\n1,2,5\n3,4,6\n", "none", []),
        ("1,0.5,0.25\n2,0.1,0.2\n1,0.4,0.2\n2,0.2,0.1\n", None, ["1", "2", "1", "2"]),
        ("0.5,0.25,0\n0.1,0.2,1\n0.4,0.2,0\n0.2,0.1,1\n", None, ["0", "1", "0", "1"]),
        ("0.5,0.25\n0.1,0.2\n", None, []),
    ],
)
def test_label_columns(tmp_path, text, label, labels):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    found = read_series(tmp_path / "a.csv", label)
    assert found.labels == labels
    width = len(text.split("\n", 1)[0].split(","))
    assert found.inputs[0].shape == (width - bool(labels) if label != "none" else 3, 1)


def test_for_prediction_a_trained_label_may_be_absent(tmp_path):
    (tmp_path / "a.csv").write_text("t1,t2,t3,which\n1,2,3,4\n", encoding="utf-8")
    assert read_series(tmp_path / "a.csv", "which", labelled=False).labels == ["4"]
    assert read_series(tmp_path / "a.csv", "gone", labelled=False).inputs[0].shape == (4, 1)
    assert read_series(tmp_path / "a.csv", labelled=False).inputs[0].shape == (4, 1)


def test_rows_padded_with_empty_cells_have_unequal_lengths(tmp_path):
    (tmp_path / "a.csv").write_text("t1,t2,t3,label\n1,2,3,a\n4,,,b\n5,,7,a\n", encoding="utf-8")
    found = read_series(tmp_path / "a.csv")
    assert [series[:, 0].tolist() for series in found.inputs] == [[1, 2, 3], [4], [5, 6, 7]]


@pytest.mark.parametrize(
    ("file", "count", "shape", "classes", "channels"),
    [
        ("japanese_vowels/JapaneseVowels_TRAIN.ts", 270, (20, 12), 9, 12),
        ("gunpoint/GunPoint_TRAIN.ts", 50, (150, 1), 2, 1),
        ("italy_power_demand/ItalyPowerDemand_TRAIN.ts", 67, (24, 1), 2, 1),
        ("pendigits/pendigits_train.csv", 7494, (8, 2), 10, 2),
        ("digits_8x8/digits.csv", 1797, (8, 8), 10, 8),
    ],
)
def test_real_files(shared_data, file, count, shape, classes, channels):
    found = read_series(shared_data / file)
    assert len(found.inputs) == len(found.labels) == count
    assert found.inputs[0].shape == shape
    assert len(set(found.labels)) == classes
    assert len(found.channels) == channels
    assert all(np.isfinite(series).all() for series in found.inputs)


def test_pendigits_is_the_pen_track(shared_data):
    """The first row of the file reads 47,100,27,81,...,8: steps of (x, y), digit 8."""
    found = read_series(shared_data / "pendigits" / "pendigits_train.csv")
    assert found.inputs[0][:2].tolist() == [[47, 100], [27, 81]]
    assert found.labels[0] == "8"
    assert found.note == "7494 series of 8 steps, 2 channels, label = digit (guessed; set --label)"
