"""The pictures of what goes in and comes out: every text in its place, the way back only where it is due."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from cellwright.page.diagram import shape

SVG = "{http://www.w3.org/2000/svg}"


def places(picture: str) -> dict[str, tuple[float, float]]:
    """Each text with where it stands."""
    root = ElementTree.fromstring(picture)
    return {t.text or "": (float(t.get("x", "0")), float(t.get("y", "0"))) for t in root.iter(f"{SVG}text")}


def wires(picture: str) -> int:
    root = ElementTree.fromstring(picture)
    return sum("cw-wire" in path.get("class", "") for path in root.iter(f"{SVG}path"))


def test_what_is_read_below_and_what_is_said_above() -> None:
    found = places(shape("in step", ["a", "b"], ["X", ""], cell="gru"))
    assert set(found) == {"a", "b", "X", "gru"}
    assert found["X"][0] == found["a"][0] < found["b"][0] == found["gru"][0]
    assert found["X"][1] < found["gru"][1] < found["a"][1] == found["b"][1]


def test_the_way_back() -> None:
    """Two words are fed back; the step that reads something of its own, and the last word, are not."""
    reads, says = ["a", "", "", "b"], ["x", "y", "z", "w"]
    open_ = wires(shape("open", reads, says))
    assert open_ == 3 + 2 + 4
    assert wires(shape("fed back", reads, says, fed_back=True)) == open_ + 2


def test_texts_are_escaped_and_lengths_checked() -> None:
    assert "<b>" not in shape("<b>", ["<b>"], ["&"])
    with pytest.raises(ValueError, match="2 inputs and 1 outputs"):
        shape("no", ["a", "b"], ["c"])
