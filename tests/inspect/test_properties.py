"""Properties of texts and signals, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

import cellwright as cw


def test_a_text_by_characters() -> None:
    found = cw.inspect.text_properties('Ab "c(d" 1)\n“x”《y》')
    #                                      A b _ " c ( d " _ 1 ) \n“ x ” 《 y 》
    assert found["in quotes"].tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert found["bracket depth"].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0]
    assert found["line length"].tolist() == [*range(1, 12), 0, 1, 2, 3, 4, 5, 6]
    assert found["word length"].tolist() == [1, 2, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0]
    assert found["capital"].tolist() == [1] + [0] * 17
    assert np.flatnonzero(found["digit"]).tolist() == [9]
    assert np.flatnonzero(found["space"]).tolist() == [2, 8, 11]


def test_tokens_count_after_their_last_character() -> None:
    found = cw.inspect.text_properties(["(a", "b)", "\n", "cd"])
    assert found["bracket depth"].tolist() == [1, 0, 0, 0]
    assert found["line length"].tolist() == [2, 4, 0, 2]
    assert cw.inspect.text_properties("")["space"].shape == (0,)


def test_a_signal() -> None:
    x = np.array([1.0, 2.0, 4.0, 4.0, 3.0, 2.0, 1.0])
    found = cw.inspect.signal_properties(x)
    assert list(found) == ["level", "change", "trend", "spread", "time"]
    assert found["change"].tolist() == [0, 1, 2, 0, -1, -1, -1]
    for t in range(4, 7):
        assert np.isclose(found["trend"][t], np.polyfit(range(5), x[t - 4 : t + 1], 1)[0])
        assert np.isclose(found["spread"][t], x[t - 4 : t + 1].std())
    two = cw.inspect.signal_properties(np.stack([x, -x], 1), ["up", "down"])
    assert list(two)[:2] == ["up: level", "up: change"]
    np.testing.assert_allclose(two["down: trend"], -found["trend"])


def test_refusal() -> None:
    with pytest.raises(cw.ShapeError, match=r"got shape \[0, 1\], expected \[T\] or \[T, C\]"):
        cw.inspect.signal_properties([])
