"""Sizes as linear forms."""

import pytest

from cellwright.compiler.dims import Dim, parse_shape, show_shape
from cellwright.errors import SettingError


@pytest.mark.parametrize(
    ("text", "value"),
    [("H", 12), ("4*H", 48), ("H*4", 48), ("H + I", 17), ("H/heads", 3), ("rank", 7), ("16", 16)],
)
def test_evaluate(text: str, value: int) -> None:
    assert Dim.parse(text, {"heads": 4, "rank": 7}).evaluate({"H": 12, "I": 5}) == value


def test_equal_sizes_are_equal() -> None:
    assert Dim.parse("H + I") == Dim.parse("I + H")
    assert Dim.parse("H/2 + H/2") == Dim.parse("H")
    assert Dim.parse("H") != Dim.parse("I")


@pytest.mark.parametrize("text", ["H I", "H - I", "H*I", "", "H/unknown", "H/0", "a b"])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|number|divides"):
        Dim.parse(text)


@pytest.mark.parametrize(("text", "size"), [("H/4", 6), ("H + heads", 6)])
def test_not_a_whole_number(text: str, size: int) -> None:
    with pytest.raises(SettingError, match=f"not a whole number: got H = {size}; choose sizes"):
        Dim.parse(text, {"heads": -8}).evaluate({"H": size})


@pytest.mark.parametrize("text", ["[]", "[H]", "[H, I]", "[4*H, H + I]", "[4, H/4, H/4]"])
def test_shapes_print_as_they_parse(text: str) -> None:
    assert show_shape(parse_shape(text)) == text
