"""Tables are read whole: every format gives the same cells, no row is lost, headers are told from data."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tasks.data.test_refusals import parquet_bytes, refused, written

from cellwright.tasks.data import numeric, read_table, resolve, strings
from cellwright.tasks.data.delimited import has_header, parse

ROWS = [('好, the "quoted" cell', "1"), ("two\nlines", "2"), ("plain", "3")]


def as_csv(delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(("text", "label"))
    writer.writerows(ROWS)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", as_csv().encode()),
        ("a.csv", as_csv().encode("utf-8-sig")),
        ("a.csv", as_csv().replace("\r\n", "\n").encode()),
        ("a.csv", as_csv(";").encode()),
        ("a.CSV", as_csv("|").encode()),
        ("a.tsv", as_csv("\t").encode()),
        ("a.txt", as_csv("\t").encode()),
        ("a.csv.gz", gzip.compress(as_csv().encode(), mtime=0)),
        (
            "a.jsonl",
            "".join(pl.DataFrame([{"text": t, "label": int(n)}]).write_ndjson() for t, n in ROWS).encode(),
        ),
        (
            "a.ndjson.gz",
            gzip.compress(
                pl.DataFrame(ROWS, schema=["text", "label"], orient="row").write_ndjson().encode(), mtime=0
            ),
        ),
    ],
)
def test_text_formats_agree(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    frame = read_table(path)
    assert frame.columns == ["text", "label"]
    assert [tuple(cell.replace("\r\n", "\n") for cell in row) for row in frame.rows()] == ROWS


def test_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame({"text": ["a", None], "n": [1, 2], "x": [0.5, None]})
    frame.write_parquet(tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    assert read.equals(frame)
    np.testing.assert_array_equal(numeric(read, "x", "a.parquet"), [0.5, np.nan])
    np.testing.assert_array_equal(numeric(read, "n", "a.parquet"), [1.0, 2.0])
    assert strings(read, "n") == ["1", "2"]


def test_json_values_become_text(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": true, "b": 1.50}\n{"b": null, "c": [1, 2]}\n', encoding="utf-8")
    frame = read_table(tmp_path / "a.jsonl")
    assert frame.rows() == [("true", "1.5", None), (None, None, "[1, 2]")]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), min_size=1, max_size=6)))
def test_any_quoted_csv_comes_back(tmp_path_factory, rows):
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([f"name{number}" for number in range(len(rows[0]))])
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    frame = read_table(path, header=True)
    assert [tuple(cell or "" for cell in row) for row in frame.rows()] == rows


def test_tabs_take_quotes_as_they_are(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('"Yes?" "No."\tone\nplain\ttwo\n', encoding="utf-8")
    assert read_table(path).rows() == [('"Yes?" "No."', "one"), ("plain", "two")]
    path.write_text('text\tlabel\n"two\nlines ""here"""\tone\nplain\ttwo\n', encoding="utf-8")
    assert read_table(path).rows() == [('two\nlines "here"', "one"), ("plain", "two")]
    path.write_text('text\tlabel\n"open\tone\nplain"\ttwo\n', encoding="utf-8")
    assert read_table(path).rows() == [('"open', "one"), ('plain"', "two")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["YEAR", "SUNACTIVITY"], ["1700", "5"], ["1701", "11"]], True),
        ([["体验2D巅峰", "8"], ["60年铁树开花", "5"]], False),
        ([["0.78", "1.61"], ["0.77", "1.60"]], False),
        ([["text", "label"], ["a b c", "pos"]], True),
        ([["pos", "a good film"], ["neg", "a bad one"], ["pos", "fine"]], False),
        ([["You should tell the truth.", "你该把事实说出来。"], ["What?", "什么?"]], False),
        ([["country", "1990", "1991", "1992"], ["Chad", "4", "5", "6"]], True),
        ([["0", "1", "2", "3"], ["1.5", "2.5", "3.5", "4.5"]], True),
        ([["2020-01", "7"], ["2020-02", "8"]], False),
        ([["a", "b"]], True),
        ([["1", "b"]], False),
        ([["the first of many lines"], ["another line"]], False),
    ],
)
def test_headers_are_told_from_rows(rows, expected):
    assert has_header(rows) is expected


def test_header_can_be_set(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,2\n3,4\n", encoding="utf-8")
    assert read_table(path).columns == ["column_1", "column_2"]
    assert read_table(path, header=True).columns == ["1", "2"]
    assert read_table(path, header=True).height == 1


def test_lines_are_those_of_the_file(tmp_path):
    grid = parse('a,b\n\n"1\n1",2\n3,4\n', tmp_path / "a.csv", ".csv")
    assert grid.lines == [3, 5]


def test_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n 1.5 ,x\n-2e3,x\n,x\nNA,x\n?,x\n007,x\n", encoding="utf-8")
    expected = [1.5, -2000.0, np.nan, np.nan, np.nan, 7.0]
    np.testing.assert_array_equal(numeric(read_table(path), "a", path), expected)


def test_a_file_wins_over_a_sample_with_a_notice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve("sunspots").notice is None
    (tmp_path / "sunspots").write_text("a,b\n1,2\n", encoding="utf-8")
    found = resolve("sunspots")
    assert found.sample is None
    assert found.notice == "reading the file ./sunspots, not the bundled sample of that name"
    assert resolve("air_passengers").sample == "air_passengers"


def test_a_folder_of_a_samples_name_does_not_hide_it(tmp_path, monkeypatch):
    """Such as the run folder of an earlier training."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sunspots").mkdir()
    assert resolve("sunspots").notice == "reading the bundled sample, not the folder ./sunspots"
    assert read_table("sunspots").height == 309


@pytest.mark.parametrize(
    ("file", "height", "columns"),
    [
        ("sst/sst_binary.train.tsv", 6920, ["label", "text"]),
        ("trec/train.tsv", 5452, ["coarse", "fine", "question"]),
        ("mr_polarity/mr.csv", 10662, ["label", "text"]),
        ("chnsenticorp_hotel/ChnSentiCorp_htl_all.csv.gz", 7766, ["label", "review"]),
        ("thucnews_headlines/train.txt", 10000, ["column_1", "column_2"]),
        ("songci_zh/test.tsv", 1053, ["column_1", "column_2", "column_3"]),
        ("cmn_eng/test.tsv", 1031, ["column_1", "column_2"]),
        ("exchange_rate/exchange_rate.txt.gz", 7588, [f"column_{number}" for number in range(1, 9)]),
        ("etth1/ETTh1.csv", 17420, ["date", "HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]),
        ("flickr8k_small/captions.csv", 4330, ["image", "split", "caption"]),
    ],
)
def test_real_files_keep_every_row(shared_data, file, height, columns):
    frame = read_table(shared_data / file)
    assert frame.columns == columns
    assert frame.height == height


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("a.csv", b'a,b\n"1\n2",2\n\n3,\n', "a.csv, line 5, column b"),
        ("a.tsv", b"7\t2\n3\t\n", "a.tsv, line 2, column column_2"),
        ("a.jsonl", b'{"a": 1, "b": 2}\n\n{"a": 1}\n', "a.jsonl, line 3, column b"),
        (
            "a.parquet",
            parquet_bytes(pl.DataFrame({"a": [1, 2], "b": [1.0, None]})),
            "a.parquet, row 2, column b",
        ),
    ],
)
def test_empty_cells_are_named_where_asked(tmp_path, name, content, where):
    path = written(tmp_path, name, content)
    frame = read_table(path)
    column = frame.columns[-1]
    assert np.isnan(numeric(frame, column, path)[-1])
    refused(
        lambda: numeric(frame, column, path, missing="refuse"),
        ["an empty cell in a numeric column", where, "got 1 empty of 2"],
    )
