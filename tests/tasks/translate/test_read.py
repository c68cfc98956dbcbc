"""From files to pairs: two files, tables, lines alone, and every refusal with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cellwright.errors import DataError
from cellwright.tasks.translate.pairs import Pairs, normal
from cellwright.tasks.translate.read import read

KNOWN = {"source": "de", "target": "en"}


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return str(path)


def test_two_files(tmp_path: Path) -> None:
    a, b = write(tmp_path, "t.de.gz", "eins\r\nzwei\r\n\r\n"), write(tmp_path, "t.en", "one\ntwo\n \n")
    pairs = read(f"{a},{b}")
    assert list(pairs.sources) == ["eins", "zwei", ""]
    assert pairs.known() == ["one", "two", " "]
    assert "1 with an empty side" in pairs.note
    assert "(the first: 3)" in pairs.note
    assert len(pairs.whole()) == 2
    assert pairs.lines


@pytest.mark.parametrize("name", ["t.tsv", "t.txt", "t.csv", "t.jsonl"])
def test_two_columns(tmp_path: Path, name: str) -> None:
    rows = [("Go on there.", "继续吧。"), ("Who are you?", "你是谁？")]
    if name == "t.jsonl":
        text = "".join(f'{{"en": "{a}", "zh": "{b}"}}\n' for a, b in rows)
    else:
        sign = "," if name == "t.csv" else "\t"
        text = "".join(f"{a}{sign}{b}\n" for a, b in [("en", "zh"), *rows])
    path = write(tmp_path, name, text)
    pairs = read(path)
    assert list(zip(pairs.sources, pairs.known(), strict=True)) == rows
    assert pairs.columns == {"source": "en", "target": "zh"}
    assert "guessed" in pairs.note
    turned = read(path, source="zh", target="en")
    assert turned.known() == list(pairs.sources)
    assert read(path, source="zh").known() == list(pairs.sources)


def test_usual_names_win(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "id,translation,source\n1,one,eins\n2,two,zwei\n")
    assert read(path).columns == {"source": "source", "target": "translation"}


def test_lines_alone_are_for_a_trained_model(tmp_path: Path) -> None:
    path = write(tmp_path, "t.de", "eins\n\nzwei")
    assert list(read(path, known={}).sources) == ["eins", "", "zwei"]
    with pytest.raises(DataError, match="one file of lines, where sentences and translations are needed"):
        read(path)


def test_a_table_of_sources_alone_is_for_a_trained_model(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "id,de\n1,eins da\n2,zwei da\n")
    pairs = read(path, known=KNOWN)
    assert (list(pairs.sources), pairs.targets) == (["eins da", "zwei da"], None)
    with pytest.raises(DataError, match="there are no translations"):
        pairs.whole()


def test_a_comma_in_the_name_of_one_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b.tsv", "de\ten\neins da\tone there\n")
    assert read(path).known() == ["one there"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("a.de,b.en", r"differ in their number of lines.*b.en ends after line 2.*got 3 and 2 lines.*line 3"),
        ("b.en,a.de", r"b.en ends after line 2.*got 2 and 3 lines"),
        ("a.de,none.en", "no such file"),
        ("a.de,b.en,a.de", "two files are named with one comma"),
        ("a.de,", "two files are named with one comma"),
        ("a.de,empty.en", "the file is empty"),
        ("a.de,latin.en", "not UTF-8"),
        ("one.csv", "a table with one column"),
    ],
)
def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a.de", "eins\nzwei\ndrei\n")
    write(tmp_path, "b.en", "one\ntwo\n")
    write(tmp_path, "empty.en", "\n\n")
    write(tmp_path, "one.csv", "text\nein satz\nnoch einer\n")
    (tmp_path / "latin.en").write_bytes("für\n".encode("latin-1"))
    with pytest.raises(DataError, match=says):
        read(names)


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ("eins", ["one"], "one text instead of a list"),
        (["eins"], "one", "one text instead of a list"),
        (["eins", 2], ["one", "two"], r"sentence 2\): got int"),
        (["eins"], ["one", "two"], "X and y differ in number: got 1 and 2"),
        ([], [], "there are no sentences"),
    ],
)
def test_what_is_no_list_of_sentences(X: object, y: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        normal(X, y)


def test_no_whole_pair() -> None:
    with pytest.raises(DataError, match="no pair with both sentences"):
        Pairs(["eins", ""], ["", "two"]).whole()


def test_translations_of_one_sentence_lie_in_one_part() -> None:
    pairs = Pairs([f"s{k // 3}" for k in range(60)], [f"t{k}" for k in range(60)])
    rest, held = pairs.split(0.25, seed=1)
    assert len(rest) + len(held) == 60
    assert len(held) == 15
    assert not set(rest.sources) & set(held.sources)
