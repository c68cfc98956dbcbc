"""Plain text: one string with plain line ends, from a file, a packed one, or a folder."""

from __future__ import annotations

import gzip

from cellwright.tasks.data import read_text


def test_line_ends_and_byte_order_mark(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\ntwo\rthree\n".encode())
    assert read_text(tmp_path / "a.txt") == "one\ntwo\nthree\n"


def test_any_extension_and_gzip(tmp_path):
    (tmp_path / "a.md").write_text("诗\n", encoding="utf-8")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("诗\n".encode()))
    assert read_text(tmp_path / "a.md") == read_text(tmp_path / "a.txt.gz") == "诗\n"


def test_folders_are_joined_in_sorted_order(tmp_path):
    for name, text in (("b.txt", "second"), ("a.txt", "first\n"), ("c.csv", "no,text")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "z.txt.gz").write_bytes(gzip.compress(b"last"))
    assert read_text(tmp_path) == "first\n\nsecond\nlast"


def test_tinyshakespeare(shared_data):
    text = read_text(shared_data / "tinyshakespeare" / "input.txt")
    assert len(text) == 1_115_394
    assert len(set(text)) == 65
