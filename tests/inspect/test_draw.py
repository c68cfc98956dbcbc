"""Pictures of frames: every value stands where it belongs, and what cannot be drawn is refused."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import polars as pl
import pytest

import cellwright as cw

NAME = "{http://www.w3.org/2000/svg}"


def points(picture: str) -> list[list[tuple[float, float]]]:
    ways = re.findall(r'd="([^"]+)" class="cw-plot', picture)
    return [[(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", way)] for way in ways]


def test_lines_lie_on_their_values() -> None:
    frame = pl.DataFrame({"t": [0, 1, 3], "a": [1.0, 10.0, 1000.0], "b": [None, 1.0, 100.0]})
    picture = cw.inspect.draw(frame, title="<&>", log=True)
    ElementTree.fromstring(picture)
    a, b = points(picture)[:2]
    assert (a[1][0] - a[0][0]) * 2 == pytest.approx(a[2][0] - a[1][0], abs=0.2)
    assert (a[0][1] - a[1][1]) * 2 == pytest.approx(a[1][1] - a[2][1], abs=0.2)
    assert len(b) == 2 and b[0][1] == pytest.approx(a[0][1], abs=0.1)


def test_nothing_below_zero_on_a_log_axis() -> None:
    frame = pl.DataFrame({"t": [0, 1, 2], "a": [1.0, 0.0, 4.0]})
    assert len(points(cw.inspect.draw(frame, log=True))[0]) == 2
    assert cw.inspect.draw(frame.with_columns(a=pl.lit(None, pl.Float64))).count("<svg") == 1


def test_boxes_under_words() -> None:
    frame = pl.DataFrame(
        {"word": ["so", "it", "是"], "f_t": [0.25, 1.0, None], "c": [-2.0, 0.0, float("nan")]}
    )
    root = ElementTree.fromstring(cw.inspect.draw(frame, title="unit 3"))
    words = ["".join(text.itertext()).replace("\u200b", "") for text in root.iter(NAME + "text")]
    assert words == ["unit 3", "so", "it", "是", "ft", "0.25", "1", "c", "−2", "0"]
    deep = {r.get("class"): float(r.get("fill-opacity", 0)) for r in root.iter(NAME + "rect")}
    assert deep["cw-minus"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"t": [1, 2]}, r"got columns \['t'\]"),
        ({"t": [1, 2], "a": ["x", "y"]}, "got column a of String"),
        ({"word": ["a"] * 61, "f": [0.5] * 61}, "too many texts side by side: got 61"),
        ({}, "this frame cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn(columns: dict, words: str) -> None:
    with pytest.raises(cw.SettingError, match=words):
        cw.inspect.draw(pl.DataFrame(columns))
