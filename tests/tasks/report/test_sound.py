"""A recording in the report: the picture holds the bands, letters stand at their times, everything is escaped."""

from __future__ import annotations

import base64
import re
import struct
import zlib

from cellwright.tasks.report.sound import heard, worst_heard

ONE = {
    "file": "a<b.wav",
    "wanted": "so",
    "said": "s",
    "seconds": 2.0,
    "bands": ["00ff10", "807f00"],
    "letters": [{"letter": "s", "second": 0.5, "share": 1.0}, {"letter": " ", "second": 0.51, "share": 0.0}],
}


def test_the_picture_is_the_bands_with_loud_dark() -> None:
    shown = heard([ONE])
    data = base64.b64decode(re.findall(r"base64,([^\"]+)", shown)[0])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (size,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (3, 2, 8, 0, 0, 0, 0)
    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 255, 0, 239, 0, 127, 128, 255])


def test_letters_stand_at_their_times_and_close_ones_one_below_the_other() -> None:
    shown = heard([ONE])
    letters = re.findall(r'<text x="([\d.]+)" y="(\d+)" style="[^"]*opacity:([\d.]+)">([^<]+)<title>', shown)
    wide = float(re.findall(r'viewBox="0 0 (\d+)', shown)[0])
    assert [(name, y, o) for _, y, o, name in letters] == [("s", "12", "1.00"), ("␣", "26", "0.35")]
    assert abs(float(letters[0][0]) - 1 - wide / 4) < 0.1
    assert "(said was: so)" in shown
    assert "a&lt;b.wav" in shown
    assert "a<b.wav" not in shown


def test_what_was_misheard_is_a_table() -> None:
    shown = worst_heard([{"file": "a.wav", "wanted": "so", "said": "", "errors": 1}])
    assert "(nothing)" in shown
    assert "a.wav" in shown
