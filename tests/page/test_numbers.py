"""Numbers as text, and the round numbers of an axis."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.page.numbers import log_ticks, number, ticks

FINITE = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (12345.678, "12,346"),
        (1234567, "1,234,567"),
        (-0.5, "−0.5"),
        (-3.2e-7, "−3.2e-7"),
        (2.5e12 + 0.5, "2.5e12"),
        (0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (100.0, "100"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


@given(FINITE)
def test_a_number_reads_back_to_its_digits(value: float) -> None:
    read = float(number(value).replace(",", "").replace("−", "-"))
    assert math.isclose(read, value, rel_tol=6e-4, abs_tol=1e-300)


@given(FINITE, st.floats(min_value=1e-6, max_value=1e9))
def test_ticks_are_few_round_and_inside(low: float, span: float) -> None:
    high = low + span
    if high - low < 1e-9 * abs(low):
        return
    found = ticks(low, high)
    assert 1 <= len(found) <= 11
    slack = 1e-6 * (high - low)
    assert all(low - slack <= v <= high + slack for v in found)
    steps = {round((b - a) / (high - low), 6) for a, b in pairwise(found)}
    assert len(steps) <= 1


@given(st.floats(min_value=1e-9, max_value=1e6), st.floats(min_value=1.4, max_value=1e9))
def test_log_ticks_are_inside_and_few(low: float, ratio: float) -> None:
    found = log_ticks(low, low * ratio)
    assert len(found) <= 8
    assert all(low * 0.99 <= v <= low * ratio * 1.01 for v in found)


def test_ticks_of_nothing() -> None:
    assert ticks(3.0, 3.0) == [3.0]
