"""Rows of a table as one text: what is read, held out, begun with, ended, and refused."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

import cellwright as cw
from cellwright.tasks.generate.rows import BETWEEN, END, Columns
from cellwright.tasks.generate.task import Generator
from cellwright.tasks.generate.text import Reading, read

KINDS = {"pair": "ab", "triple": "xyz"}


def lines(count: int = 60) -> list[str]:
    """Titles with texts whose form they decide: `pair,k,ababab` and `triple,k,xyzxyz`."""
    return [f"{kind},{k % 7},{KINDS[kind] * 3}" for k in range(count) for kind in KINDS]


def write(folder: Path, rows: list[str], name: str = "poems.csv", head: str = "kind,number,verse") -> Path:
    file = folder / name
    file.write_text("\n".join([head, *rows]) + "\n")
    return file


@functools.cache
def fitted(folder: Path) -> Generator:
    model = Generator(
        units=24, chunk=24, epochs=12, learning_rate=0.03, text="verse", prefix="kind", min_count=1, valid=0.1
    )
    return model.fit(write(folder, lines()), test=0.1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return fitted(tmp_path_factory.mktemp("rows"))


def test_a_table_is_read_as_marked_rows(tmp_path: Path) -> None:
    file = write(tmp_path, ["a,1,one", "b,2,", 'c,3,"two\nlines"'])
    part = read(file, Reading(text="verse", prefix="number,kind"))
    assert part.rows == (f"1{BETWEEN}a{BETWEEN}one{END}", f"3{BETWEEN}c{BETWEEN}two\nlines{END}")
    assert part.text == "".join(part.rows)
    assert "2 rows, text = verse, prefix = number, kind; 1 without a text are left out" in part.note


def test_the_text_column_is_guessed_and_said(tmp_path: Path) -> None:
    part = read(write(tmp_path, ["a,1,one of many", "b,2,two"]))
    assert part.rows == (f"one of many{END}", f"two{END}")
    assert "text = verse, prefix = none (text guessed; set --text, --prefix)" in part.note


def test_a_table_is_plain_text_where_that_is_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, ["a,1,one"])
    part = read(file, Reading(text="none"))
    assert part.text == file.read_text() and part.rows == ()


def test_marks_in_the_data_do_not_count(tmp_path: Path) -> None:
    part = read(write(tmp_path, [f"a{BETWEEN}b,1,on{END}e"]), Reading(text="verse", prefix="kind"))
    assert part.text == f"a b{BETWEEN}on e{END}"


def test_rows_are_held_out_whole_and_by_the_seed(tmp_path: Path) -> None:
    part = read(write(tmp_path, lines()), Reading(text="verse", prefix="kind"))
    rest, held = part.cut(0.25, seed=3)
    assert sorted(rest.rows + held.rows) == sorted(part.rows) and len(held.rows) == 30
    assert held.text == "".join(held.rows)
    numbered = read(write(tmp_path, lines()), Reading(text="verse", prefix="number,kind"))
    assert numbered.cut(0.25, 3)[1].rows == numbered.cut(0.25, 3)[1].rows != numbered.cut(0.25, 4)[1].rows


def test_what_is_given_decides_the_text_and_the_end_of_the_row_ends_it(trained: Generator) -> None:
    for kind, unit in KINDS.items():
        assert trained.generate(given={"kind": kind}, length=50, temperature=0) == unit * 3
        assert trained.generate(unit, given={"kind": kind}, length=50, temperature=0) == unit * 2
    assert trained.generate(given={"kind": "pair"}, length=4, temperature=0) == "abab"


def test_without_columns_they_are_written_too(trained: Generator) -> None:
    kind, text = trained.generate(length=50, temperature=0.1).split("\t")
    assert KINDS[kind] * 3 == text


def test_saved_and_loaded_it_reads_the_same_columns(trained: Generator, tmp_path: Path) -> None:
    trained.save(tmp_path / "run")
    again = Generator.load(tmp_path / "run")
    other = write(tmp_path, [f"pair,0,{'ab' * 3},more"], head="kind,number,verse,longest of all the columns")
    assert again.measure(other) == trained.measure(other)
    assert again.read(other).text == f"pair{BETWEEN}ababab{END}"
    assert again.generate(given={"kind": "pair"}, seed=2) == trained.generate(given={"kind": "pair"}, seed=2)


def test_a_second_training_reads_the_table_anew(tmp_path: Path) -> None:
    model = Generator(units=4, chunk=8, epochs=1, min_count=1)
    model.fit("to be or not to be " * 40)
    model.fit(write(tmp_path, lines()))
    assert model.facts_["columns"] == {"text": "verse", "prefix": []}
    model.fit("to be or not to be " * 40)
    assert "columns" not in model.facts_


def test_a_line_of_a_stream_is_a_row(trained: Generator) -> None:
    way = cw.Stream(trained).way
    assert way.item("pair\tabab") == f"pair{BETWEEN}abab{END}"
    bits = cw.Stream(trained).push(way.item("pair\tababab"))["bits"]
    assert bits < cw.Stream(trained).push(way.item("pair\txyzxyz"))["bits"]


def test_the_report_shows_rows(trained: Generator) -> None:
    shown = trained.metrics_["examples"]
    assert shown["texts"][0]["prompt"].strip() in KINDS
    assert shown["texts"][0]["text"] in {unit * 3 for unit in KINDS.values()}
    assert shown["expected_next"][0]["came"] in "ax"


@pytest.mark.parametrize("unit", ["word", "blank", "piece"])
def test_marks_are_tokens_of_every_unit(unit: str, tmp_path: Path) -> None:
    file = write(tmp_path, [f"{kind},{k},so {kind} it is" for k in range(30) for kind in KINDS])
    model = Generator(unit=unit, units=12, chunk=6, epochs=8, learning_rate=0.05, min_count=1, pieces=60)
    model.set_params(text="verse", prefix="kind").fit(file)
    tokens = model.facts_["vocabulary"]["tokens"]
    assert {BETWEEN, END} <= set(tokens)
    text = model.generate(given={"kind": "pair"}, temperature=0)
    assert text.split() == ["so", "pair", "it", "is"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text": "vers"}, r"no such column \(.*poems.csv\): got --text vers, .* did you mean verse"),
        ({"prefix": "kinds"}, "no such column .*got --prefix kinds.*did you mean kind"),
        ({"text": "verse", "prefix": "kind,verse"}, "one column in two roles .*got kind, verse, verse"),
        ({"prefix": "kind,kind"}, "one column in two roles"),
        ({"text": "none", "prefix": "kind"}, "columns are asked for, and this is read as plain text"),
    ],
)
def test_columns_that_do_not_fit_are_refused(settings: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(cw.DataError, match=message):
        Generator(**settings).read(write(tmp_path, lines(3)))


def test_a_table_without_any_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cw.DataError, match=r"no row with a text \(.*column verse\): got 2 rows"):
        Generator(text="verse").read(write(tmp_path, ["a,1,", "b,2, "]))


def test_columns_of_a_plain_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("to be or not to be")
    with pytest.raises(cw.DataError, match=r"read as plain text \(.*a.txt\): got --prefix kind"):
        Generator(prefix="kind").read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("given", "prompt", "message"),
    [
        ({"verse": "a"}, "", r"no such column before the text \(given\): got verse, expected kind"),
        ({}, "ab", r"begins after all columns before it \(prompt\): got 0 of them, expected kind"),
        ({"kind": "Quartett"}, "", "the prompt has characters that the model does not know .*'Q'"),
    ],
)
def test_what_cannot_be_given_is_refused(trained: Generator, given: Any, prompt: str, message: str) -> None:
    with pytest.raises(cw.UserError, match=message):
        trained.generate(prompt, given=given)


def test_columns_are_given_in_order() -> None:
    columns = Columns("c", ("a", "b"))
    assert columns.given({"b": "2", "a": "1"}) == ["1", "2"]
    with pytest.raises(cw.SettingError, match="got b, expected a too: they are read in the order a, b"):
        columns.given({"b": "2"})
