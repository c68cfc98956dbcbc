"""Every refusal of the readers, as a table: what is given, and the parts its one line must hold."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cellwright.errors import DataError
from cellwright.tasks.data import (
    load_texts,
    read_series,
    read_table,
    read_text,
)

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def zip_bytes() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    return out.getvalue()


def npz_bytes(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


TABLES = {
    "empty": ("a.csv", b"", ["the file is empty", "a.csv", "expected at least one row"]),
    "blank": ("a.csv", b" \n\n", ["the file is empty", "only blanks"]),
    "png": ("a.csv", PNG, ["a binary file, not text", "a.csv", "got a PNG image", "expected UTF-8 text"]),
    "zip": ("a.csv", zip_bytes(), ["a binary file, not text", "got a zip archive"]),
    "gzip called csv": ("a.csv", gzip.compress(b"a,b\n1,2\n"), ["a binary file", "got gzip data"]),
    "parquet called csv": (
        "a.csv",
        parquet_bytes(pl.DataFrame({"a": [1]})),
        ["a binary file", "got a Parquet file"],
    ),
    "zero byte": ("a.csv", b"a,b\n1,2\n\x00,3\n", ["a binary file", "got a zero byte in line 3"]),
    "utf-16": ("a.csv", "a,b\n1,2\n".encode("utf-16"), ["the text is UTF-16", "save the file as UTF-8"]),
    "mixed encodings": (
        "a.csv",
        "text,label\n好,1\n".encode() + "坏,0\n".encode("gb18030"),
        ["the text is not UTF-8", "a.csv, line 3", "got byte 0xbb", "save the whole file as UTF-8"],
    ),
    "mixed encodings after a byte order mark": (
        "a.csv",
        "\ufefftext,label\n好,1\n".encode() + b"caf\xe9,0\n",
        ["the text is not UTF-8", "a.csv, line 3", "got byte 0xe9"],
    ),
    "damaged gzip": (
        "a.csv.gz",
        gzip.compress(b"a,b\n1,2\n" * 100)[:-12],
        ["the gzip file is damaged", "a.csv.gz"],
    ),
    "no gzip": ("a.csv.gz", b"a,b\n1,2\n", ["the gzip file is damaged", "a.csv.gz"]),
    "ragged, short": (
        "a.csv",
        b"a,b\n1,2\n3\n",
        ["a row with another number of cells", "a.csv, line 3", "got 1 cells", "expected 2 as in line 1"],
    ),
    "ragged, long": ("a.csv", b"a,b\n1,2\n\n3,4,5\n", ["a.csv, line 4", "got 3 cells"]),
    "ragged after a cell of two lines": ("a.csv", b'a,b\n"1\n1",2\n3\n', ["a.csv, line 4", "got 1 cells"]),
    "ragged semicolons": ("a.csv", b"a;b\n1;2\n3\n", ["a.csv, line 3", "got 1 cells"]),
    "ragged tabs": ("a.tsv", b"a\tb\n1\t2\n3\n", ["a.tsv, line 3", "got 1 cells"]),
    "open quote": ("a.csv", b'a,b\n1,2\n"3,4\n5,6\n', ["a quoted cell that does not read", "a.csv, line 3"]),
    "quote within": ("a.csv", b'a,b\n1,2\n"3"x,4\n', ["a quoted cell that does not read", "a.csv, line 3"]),
    "same names": (
        "a.csv",
        b"a,b,a\n1,2,3\n",
        ["two columns have one name", "a.csv, header", "got a", "rename"],
    ),
    "header alone": ("a.csv", b"text,label\n", ["a header and no rows", "a.csv", "got text, label"]),
    "bad json": ("a.jsonl", b'{"a": 1}\n{"a": \n', ["a line that is no JSON", "a.jsonl, line 2"]),
    "half a surrogate pair": (
        "a.jsonl",
        b'{"a": "\\ud800"}\n',
        ["a line that is no JSON", "a.jsonl, line 1"],
    ),
    "json list": ("a.ndjson", b"[1, 2]\n", ["a JSON line that is no object", "a.ndjson, line 1", "got list"]),
    "json objects of nothing": ("a.jsonl", b"{}\n{}\n", ["rows but no columns", "a.jsonl"]),
    "bad parquet": ("a.parquet", b"PAR1 no", ["the Parquet file does not read", "a.parquet"]),
    "no rows in parquet": (
        "a.parquet",
        parquet_bytes(pl.DataFrame({"a": []})),
        ["a table without rows", "a.parquet"],
    ),
    "unknown extension": (
        "a.sav",
        b"a,b\n1,2\n",
        ["not a table by its extension", "got .sav", ".csv", ".jsonl", ".parquet"],
    ),
    "sheet": ("a.xlsx", zip_bytes(), ["not a table by its extension", "export the sheet as CSV"]),
    "no extension": ("data", b"a,b\n1,2\n", ["not a table by its extension", "got none"]),
}

TEXTS = {
    "empty": ("a.txt", b"", ["the file is empty", "a.txt"]),
    "png": ("a.txt", PNG, ["a binary file, not text", "a PNG image"]),
    "latin-1": ("a.txt", "un\ncafé\n".encode("latin-1"), ["not UTF-8", "a.txt, line 2", "byte 0xe9"]),
    "damaged gzip": ("a.txt.gz", b"\x1f\x8b\x08", ["the gzip file is damaged"]),
}

TS = "@univariate true\n@classLabel true a b\n@data\n"
SERIES = {
    "no data line": ("a.ts", b"@classLabel true a\n", ["no @data line", "a.ts"]),
    "data too early": ("a.ts", b"1,2:a\n@data\n", ["data before @data", "a.ts, line 1"]),
    "no cases": ("a.ts", TS.encode(), ["no series after @data", "a.ts"]),
    "text": ("a.ts", f"{TS}1,x:a\n".encode(), ["text in a series", "a.ts, line 4", "got 'x'"]),
    "label": (
        "a.ts",
        f"{TS}1,2:a\n1,2:c\n".encode(),
        ["a label that was not declared", "line 5", "got c", "a, b"],
    ),
    "channels": ("a.ts", f"{TS}1,2:1,2:a\n".encode(), ["another number of channels", "line 4", "got 2"]),
    "lengths": (
        "a.ts",
        b"@classLabel true a\n@data\n1,2:1,2,3:a\n",
        ["channels of unequal length", "a.ts, line 3", "got [2, 3]"],
    ),
    "time stamps": ("a.ts", b"@timeStamps true\n@data\n1:a\n", ["time stamps", "a.ts", "not taken"]),
    "regression": ("a.ts", b"@targetLabel true\n@data\n1:0.5\n", ["numbers as targets", "not taken"]),
    "nothing known": (
        "a.ts",
        f"{TS}1,2:a\n?,?:a\n".encode(),
        ["a channel without any value", "a.ts, series 2"],
    ),
    "infinite": ("a.ts", f"{TS}1,inf:a\n".encode(), ["an infinite value", "a.ts, series 1"]),
    "pickle": (
        "a.npz",
        npz_bytes(x=np.array([[1.0], [1.0, 2.0]], dtype=object)),
        ["pickled objects, which are never loaded", "a.npz", "x padded to one length"],
    ),
    "a pickle called npz": (
        "a.npz",
        pickle.dumps([1, 2]),
        ["a.npz", "pickled objects, which are never loaded"],
    ),
    "no x": (
        "a.npz",
        npz_bytes(z=np.zeros((2, 3))),
        ["no series in the arrays", "got z [2, 3]", "[N, T, C]"],
    ),
    "flat x": ("a.npz", npz_bytes(x=np.zeros(3)), ["no series in the arrays", "got x [3]"]),
    "text x": ("a.npz", npz_bytes(x=np.array([["a", "b"]])), ["an array that is not of numbers", "x: <U1"]),
    "labels": (
        "a.npz",
        npz_bytes(x=np.zeros((2, 3)), y=np.zeros(3)),
        ["labels that do not fit", "got 3 y", "expected 2"],
    ),
    "lengths too long": (
        "a.npz",
        npz_bytes(x=np.zeros((2, 3)), lengths=np.array([3, 4])),
        ["lengths that do not fit x", "expected 2 whole numbers from 1 to 3"],
    ),
    "damaged npz": (
        "a.npz",
        npz_bytes(x=np.zeros((20, 30)))[:300],
        ["the .npz file does not read", "a.npz"],
    ),
    "extension": ("a.mat", b"MATLAB", ["not series by the extension", "got .mat", ".ts, .npz, .csv"]),
    "text in a wide table": (
        "a.csv",
        b"t1,t2,label\n1,2,a\n3,x,b\n",
        ["text in a numeric column", "a.csv, line 3, column t2", "got 'x'"],
    ),
    "an empty label": (
        "a.csv",
        b"t1,t2,label\n1,2,a\n3,4,\n",
        ["an empty label", "a.csv, line 3, column label"],
    ),
}

FORECASTS = {
    "no number": (
        b"date,word\n2020,a\n2021,b\n",
        {},
        ["no numeric column to forecast", "columns date, word"],
    ),
    "text in the target": (
        b"date,y\n2020-01,1\n2020-02,2\n2020-03,n.a.\n",
        {"targets": ["y"]},
        ["text in a numeric column", "a.csv, line 4, column y", "got 'n.a.'"],
    ),
    "a thousands separator": (
        b'date,y\n2020-01,1\n2020-02,"1,234"\n',
        {"targets": ["y"]},
        ["a.csv, line 3, column y", "got '1,234'", "no thousands separators"],
    ),
    "infinite": (b"date,y\n2020-01,1\n2020-02,inf\n", {"targets": ["y"]}, ["line 3, column y", "got 'inf'"]),
    "an empty cell": (
        b"date,y\n2020-01,1\n2020-02,\n2020-03,NaN\n2020-04,4\n",
        {},
        ["an empty cell in a numeric column", "a.csv, line 3, column y", "got 2 empty of 4", "fill it in"],
    ),
    "no such target": (
        b"date,price\n2020-01,1\n2020-02,2\n",
        {"targets": ["prize"]},
        ["no such column", "got --target prize", "expected date, price", "did you mean price?"],
    ),
    "no such time": (
        b"date,price\n2020-01,1\n2020-02,2\n",
        {"time": "when"},
        ["no such column", "got --time when", "set --time to one of them"],
    ),
    "two roles": (
        b"date,price\n2020-01,1\n2020-02,2\n",
        {"targets": ["price"], "covariates": ["price"]},
        ["one column in two roles", "got price"],
    ),
    "a duplicate": (
        b"date,y\n2020-01,1\n2020-02,2\n2020-01,3\n",
        {},
        ["two rows of one time", "column date", "got 2020-01", "in line 2 and line 4", "--duplicates mean"],
    ),
    "a gap": (
        b"date,y\n2020-01-01 00:00,1\n2020-01-01 01:00,2\n2020-01-01 02:00,2\n2020-01-01 05:00,3\n",
        {},
        [
            "a gap in the times",
            "2 hourly stamps missing between 2020-01-01 02:00 and 2020-01-01 05:00",
            "--gaps fill",
        ],
    ),
    "a gap of a month": (
        b"date,y\n2020-01,1\n2020-02,2\n2020-04,3\n2020-05,3\n",
        {},
        ["1 monthly stamps missing between 2020-02-01 and 2020-04-01"],
    ),
    "off the step": (
        b"date,y\n"
        + b"".join(b"2020-01-01 %02d:00,1\n" % hour for hour in range(23))
        + b"2020-01-01 22:17,1\n",
        {},
        [
            "a time stamp off the regular step",
            "a.csv, line 25, column date",
            "got 2020-01-01 22:17",
            "hourly",
        ],
    ),
    "no time": (
        b"date,y\n2020-01,1\nsoon,2\n",
        {"time": "date"},
        ["no time", "a.csv, line 3, column date", "got 'soon'", "expected 2024, 2024-05"],
    ),
    "a day that is not": (
        b"date,y\n2020-02-28,1\n2020-02-30,2\n",
        {"time": "date"},
        ["no time", "a.csv, line 3, column date", "got '2020-02-30'"],
    ),
    "an empty time": (
        b"date,y\n2020-02-28,1\n,2\n",
        {"time": "date"},
        ["an empty time", "a.csv, line 3, column date"],
    ),
}

TEXT_TABLES = {
    "no such label": (
        b"question,coarse,fine\na b,X,x1\nc d,Y,y1\n",
        {"label": "coarce"},
        ["no such column", "got --label coarce", "expected question, coarse, fine", "did you mean coarse?"],
    ),
    "no such text": (
        b"text,label\na,1\nb,2\n",
        {"text": "zzz"},
        ["got --text zzz", "set --text to one of them"],
    ),
    "one for both": (
        b"text,label\na,1\nb,2\n",
        {"text": "text", "label": "text"},
        ["one column cannot be text and label", "got text"],
    ),
    "no text": (b"a,b\n1,2\n3,4\n", {}, ["no column to take as the text", "columns a, b", "set --text"]),
    "no label": (b"text\none\ntwo\n", {}, ["no column to take as the label", "columns text", "set --label"]),
    "nothing left": (b"text,label\na,\n,1\n", {}, ["no row with both text and label", "text = text"]),
}


def refused(call: Callable[[], object], parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == [], message


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", TABLES)
def test_tables(tmp_path, case):
    name, content, parts = TABLES[case]
    refused(lambda: read_table(written(tmp_path, name, content)), parts)


@pytest.mark.parametrize("case", TEXTS)
def test_texts(tmp_path, case):
    name, content, parts = TEXTS[case]
    refused(lambda: read_text(written(tmp_path, name, content)), parts)


@pytest.mark.parametrize("case", SERIES)
def test_series(tmp_path, case):
    name, content, parts = SERIES[case]
    refused(lambda: read_series(written(tmp_path, name, content)), parts)


@pytest.mark.parametrize("case", FORECASTS)
def test_forecasts(tmp_path, load, case):
    content, settings, parts = FORECASTS[case]
    refused(lambda: load(written(tmp_path, "a.csv", content), **settings), parts)


@pytest.mark.parametrize("case", TEXT_TABLES)
def test_text_tables(tmp_path, case):
    content, settings, parts = TEXT_TABLES[case]
    refused(lambda: load_texts(written(tmp_path, "a.csv", content), **settings), parts)


@pytest.mark.parametrize("read", [read_table, read_text, read_series])
def test_missing_files_name_the_nearest(tmp_path, read):
    written(tmp_path, "train.csv", b"a,b\n1,2\n")
    refused(lambda: read(tmp_path / "trian.csv"), ["no such file", "trian.csv", "did you mean", "train.csv?"])
    refused(lambda: read(tmp_path / "quite_else.tsv"), ["no such file", "cellwright data lists the samples"])
    refused(lambda: read(tmp_path / "nowhere" / "a.csv"), ["no such folder", "nowhere"])


def test_a_misspelt_sample_names_the_nearest():
    refused(lambda: read_table("sunspot"), ["no such file (sunspot)", "did you mean sunspots?"])


@pytest.mark.parametrize("read", [read_table, read_series])
def test_folders_name_their_files(tmp_path, read):
    written(tmp_path, "train.csv", b"a,b\n1,2\n")
    refused(lambda: read(tmp_path), ["a folder where a file is expected", "name one file of it: train.csv"])


def test_a_folder_without_texts(tmp_path):
    refused(lambda: read_text(tmp_path), ["a folder without texts", "*.txt"])


def test_a_text_sample_is_no_table():
    refused(
        lambda: read_table("pydoc"), ["this sample is a text, not a table", "got pydoc", "the task generate"]
    )


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = written(tmp_path, "a.csv", b"a,b\n1,2\n")

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", denied)
    refused(lambda: read_table(path), ["the file cannot be read", "a.csv", "Permission denied"])


def test_labels_where_they_are_needed(tmp_path):
    path = written(tmp_path, "a.csv", b"t1,t2,t3\n1,2,3\n3,4,5\n")
    refused(lambda: read_series(path, labelled=True), ["series without labels", "a.csv", "set --label"])
    refused(lambda: read_series(path, label="t9"), ["no such column", "got --label t9"])


def test_far_more_missing_than_there(tmp_path, load):
    path = written(tmp_path, "a.csv", b"date,y\n2020-01-01,1\n2020-01-02,2\n2020-01-03,2\n9999-01-01,3\n")
    refused(
        lambda: load(path, gaps="fill"), ["far more is missing than is there", "daily stamps missing, 4 rows"]
    )


def test_a_name_too_long_for_a_file():
    refused(lambda: read_table("x" * 5000 + ".csv"), ["no such file"])
