"""FASTA: records over several lines, packed, with any line ends; what is refused, with file and line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cellwright.errors import DataError
from cellwright.tasks.data.fasta import read_fasta

TEXT = "; made by hand\n>a first one\nACGT\n\n  ACG\n>b\nTT\n"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.fa", "a.FASTA.gz"])
def test_records(name: str, ends: str, tmp_path: Path) -> None:
    raw = TEXT.replace("\n", ends).encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    first, second = read_fasta(tmp_path / name)
    assert (first.name, first.header, first.letters) == ("a", "a first one", "ACGTACG")
    assert (second.name, second.letters) == ("b", "TT")
    file = str(tmp_path / name)
    lines = raw.decode().split(ends)
    for k, letter in enumerate(first.letters):
        path, _, place = first.where(k).rpartition(", line ")
        line, column = (int(part) for part in place.split(", column "))
        assert path == file and lines[line - 1][column - 1] == letter


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (">a\nAC\n>b\n>c\nAC\n", "a record without letters (a.fa, line 3): got >b"),
        (">a\n", "a record without letters (a.fa, line 1): got >a"),
        ("ACGT\n", "letters before the first header (a.fa, line 1): got ACGT"),
        ("@read1\nACGT\n+\nIIII\n", "FASTQ, not FASTA (a.fa, line 1): got @read1"),
        ("", "the file is empty"),
    ],
)
def test_refusals(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.fa").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_fasta("a.fa")
    assert said in str(caught.value)
