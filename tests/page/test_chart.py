"""Line charts: where the points land, gaps, logarithms, hostile names, many points."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from cellwright.page.chart import MOST_POINTS, SIZE, Chart, Line, line_chart


def drawn(figure: str, look: str = "model") -> list[tuple[float, float]]:
    """The points of the first path of a look, in drawing units."""
    path = re.search(rf'<path d="([^"]*)" class="line {look}"', figure)
    assert path is not None
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+?) ([\d.-]+)", path[1])]


def labels(figure: str, axis: str) -> list[tuple[str, float]]:
    """Each label of an axis with its place, 0 to 1."""
    found = re.findall(rf'class="{axis}(?: minor)?" style="\w+:([\d.-]+)%">([^<]*)<', figure)
    return [(text, float(place) / 100) for place, text in found]


def test_a_point_stands_where_the_labels_of_both_axes_say() -> None:
    values = [2.0, 4.0, 3.0, 10.0]
    figure = line_chart(Chart("t", [Line("a", values)], "step"))
    y = labels(figure, "y")
    (text0, place0), (text1, place1) = y[0], y[-1]
    slope = (float(text1) - float(text0)) / (place1 - place0)
    for (x, height), value, step in zip(drawn(figure), values, range(4), strict=True):
        assert float(text0) + slope * ((1 - height / SIZE) - place0) == pytest.approx(value, abs=0.02)
        assert x / SIZE == pytest.approx(step / 3, abs=1e-3)
    assert labels(figure, "x")[0] == ("0", 0.0)
    assert labels(figure, "x")[-1] == ("3", 1.0)


def test_given_ticks_stand_where_they_are_said() -> None:
    figure = line_chart(Chart("t", [Line("a", [1.0, 2.0, 3.0])], "step", x_ticks=[(0, "1959"), (1, "1960")]))
    assert labels(figure, "x") == [("1959", 0.0), ("1960", 0.5)]


def test_a_log_axis_is_logarithmic() -> None:
    figure = line_chart(Chart("t", [Line("a", [0.01, 0.1, 1.0, 10.0])], "step", log=True))
    heights = [y for _, y in drawn(figure)]
    steps = {round(a - b, 0) for a, b in pairwise(heights)}
    assert len(steps) == 1
    assert [text for text, _ in labels(figure, "y")] == ["0.01", "0.1", "1", "10"]


def test_gaps_break_the_line_and_a_lone_point_is_a_dot() -> None:
    figure = line_chart(Chart("t", [Line("a", [1.0, None, 2.0, math.nan, 3.0, 4.0])], "step"))
    path = re.search(r'<path d="([^"]*)"', figure)
    assert path is not None
    assert path[1].count("M") == 3
    assert path[1].count("L") == 1
    assert "h0" in path[1]


def test_a_log_axis_leaves_out_what_has_no_logarithm() -> None:
    figure = line_chart(Chart("t", [Line("a", [0.0, -1.0, 1.0, 10.0])], "step", log=True))
    assert len(drawn(figure)) == 2


@pytest.mark.parametrize("values", [[], [None], [math.nan, math.inf]])
def test_nothing_to_draw_is_a_sentence(values: list[float | None]) -> None:
    assert "nothing was recorded" in line_chart(Chart("Loss", [Line("a", values)], "epoch"))


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [1e-30, 1e-30], [-3.0, -3.0], [1e300, -1e300]])
def test_constant_and_extreme_values_are_drawn(values: list[float]) -> None:
    ElementTree.fromstring(line_chart(Chart("t", [Line("a", values)], "step")))


def test_the_tip_of_a_step_holds_its_numbers() -> None:
    lines = [Line("a", [1.0, 2.5]), Line("b", [7.0], "base", x=[1])]
    figure = ElementTree.fromstring(line_chart(Chart("t", lines, "epoch")))
    tips = ["".join(e.itertext()) for e in figure.iter("span") if e.get("class") == "tip"]
    assert tips == ["epoch 0a 1", "epoch 1a 2.5b 7"]


def test_many_points_keep_their_extremes() -> None:
    values = [math.sin(k / 50) for k in range(100_000)]
    values[54_321] = 9.0
    figure = line_chart(Chart("t", [Line("a", values)], "step"))
    points = drawn(figure)
    assert len(points) <= MOST_POINTS + 2
    assert min(y for _, y in points) < 100
    assert "strip" not in figure
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_hostile_names_are_text() -> None:
    bad = "<script>alert(1)</script>"
    chart = Chart(bad, [Line(bad, [1.0, 2.0])], bad, bad, x_text=lambda _: bad, marks=[(0, bad)], note=bad)
    figure = line_chart(chart)
    assert "<script" not in figure
    ElementTree.fromstring(figure)
