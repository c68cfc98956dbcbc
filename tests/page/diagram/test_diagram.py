"""Diagrams of every cell: nothing lies on anything else, every wire leads where the graph says, all is valid SVG."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from xml.etree import ElementTree

import pytest

import cellwright as cw
from cellwright.compiler.graph import Graph
from cellwright.page.diagram import diagram, unrolled
from cellwright.page.diagram.columns import arranged
from cellwright.page.diagram.draw import size_of
from cellwright.page.diagram.heights import heights
from cellwright.page.diagram.picture import Box
from cellwright.page.diagram.routes import Routes, Run
from cellwright.page.diagram.wiring import Wiring, wiring
from cellwright.testing.random_cells import random_cell


@lru_cache
def graphs() -> dict[str, Graph]:
    made = {name: cell.graph for name, cell in cw.cells.all().items()}
    for seed in range(12):
        cell = random_cell(random.Random(seed))
        made[f"random {seed}"] = cell.graph
    return made


NAMES = [*cw.cells.all(), *(f"random {seed}" for seed in range(12))]


@lru_cache
def laid_out(name: str) -> tuple[Wiring, dict[int, Box], list[Run]]:
    found = wiring(graphs()[name])
    sizes = {key: size_of(part) for key, part in found.parts.items()}
    columns = arranged(found)
    y, ports = heights(found, columns, sizes)
    routes = Routes(found, columns, sizes, y, ports)
    return found, routes.boxes(), routes.runs()


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_and_every_value_is_there(name: str) -> None:
    """The weights in the gates and operations are the graph's parameters; named values keep their names."""
    graph, found = graphs()[name], wiring(graphs()[name])
    shown = {w for part in found.parts.values() for w in part.weights}
    shown |= {w.strip() for part in found.parts.values() for w in part.symbol.replace("−", ",").split(",")}
    text = " ".join(shown)
    assert [p.name for p in graph.parameters if p.name not in text] == []
    drawn = {part.name for part in found.parts.values()}
    assert {state.name for state in graph.states} <= drawn


def reads(graph: Graph, k: int, stops: set[int]) -> Iterator[int]:
    """The drawn values that the k-th is made of, by a walk of its own through the graph."""
    for o in graph.nodes[k].operands:
        if o in stops:
            yield o
        else:
            yield from reads(graph, o, stops)


@pytest.mark.parametrize("name", NAMES)
def test_wires_are_the_operands_of_the_graph(name: str) -> None:
    graph, found = graphs()[name], wiring(graphs()[name])
    drawn = set(found.parts)
    for key, part in found.parts.items():
        if key < len(graph.nodes):
            expected = set(reads(graph, key, drawn))
            assert {wire.source for wire in part.inputs} == expected, part


@pytest.mark.parametrize("name", NAMES)
def test_wires_lead_from_part_to_part(name: str) -> None:
    found, boxes, runs = laid_out(name)
    reached = {key: {(round(box.x + box.width / 2, 3), round(box.y, 3))} for key, box in boxes.items()}
    for run in sorted(runs, key=lambda run: run.points[0]):
        first, last = run.points[0], run.points[-1]
        assert (round(first[0], 3), round(first[1], 3)) in reached[run.net]
        if run.part is None:
            reached[run.net].add((round(last[0], 3), round(last[1], 3)))
        if run.part is not None:
            box = boxes[run.part]
            assert (
                abs(last[0] - box.x) <= box.width / 2 + 1e-6 and abs(last[1] - box.y) <= box.height / 2 + 1e-6
            )
        for a, b in pairwise(run.points):
            assert a[0] == b[0] or abs(a[1] - b[1]) < 1e-9
            assert b[0] >= a[0]
    ended = {(run.net, run.part) for run in runs if run.part is not None}
    assert ended == {(wire.source, key) for key, part in found.parts.items() for wire in part.inputs}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_lies_on_anything_else(name: str) -> None:
    found, boxes, runs = laid_out(name)
    keys = list(boxes)
    for n, one in enumerate(keys):
        for other in keys[n + 1 :]:
            a, b = boxes[one], boxes[other]
            apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= (a.height + b.height) / 2
            assert apart, (found.parts[one], found.parts[other])
    for run in runs:
        for key, box in boxes.items():
            if key not in (run.net, run.part):
                assert not any(touches(a, b, box) for a, b in pairwise(run.points)), (
                    found.parts[run.net],
                    found.parts[key],
                )


def touches(a: tuple[float, float], b: tuple[float, float], box: Box) -> bool:
    return (
        min(a[0], b[0]) < box.x + box.width / 2
        and max(a[0], b[0]) > box.x - box.width / 2
        and min(a[1], b[1]) < box.y + box.height / 2
        and max(a[1], b[1]) > box.y - box.height / 2
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_two_wires_run_along_one_line(name: str) -> None:
    """Wires of different values may cross; they never share a stretch."""
    _, _, runs = laid_out(name)
    stretches = [(run.net, a, b) for run in runs for a, b in pairwise(run.points)]
    for n, (net, a, b) in enumerate(stretches):
        for other, c, d in stretches[n + 1 :]:
            if net != other:
                for axis in (0, 1):
                    line = abs(a[axis] - b[axis]) + abs(c[axis] - d[axis]) + abs(a[axis] - c[axis]) < 1.0
                    low, high = sorted((a[1 - axis], b[1 - axis])), sorted((c[1 - axis], d[1 - axis]))
                    shared = min(low[1], high[1]) - max(low[0], high[0])
                    assert not (line and shared > 4), (net, other, a, b, c, d)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 3])
def test_the_picture_is_valid_and_says_what_it_shows(name: str, steps: int) -> None:
    graph = graphs()[name]
    text = diagram(graph) if steps == 1 else unrolled(graph, steps)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    left, top, width, height = map(float, root.get("viewBox").split())
    assert root.find(f"{space}title").text.startswith(graph.name)
    for rect in root.iter(f"{space}rect"):
        x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        assert left - 1 <= x and x + w <= left + width + 1
        assert top - 1 <= y and y + h <= top + height + 1


def test_the_tracks_of_known_cells() -> None:
    def ways(name: str) -> list[list[str]]:
        found = wiring(cw.cells.get(name).graph)
        return [[found.parts[key].symbol for key in way] for way in found.tracks]

    assert ways("lstm") == [["c", "×", "+", "c"]]
    assert ways("gru") == [["h", "×", "+", "h"]]
    assert ways("elman") == []
    assert ways("slstm")[0] == ["c", "×", "+", "c"] and len(ways("slstm")) == 3
    assert len(ways("lem")) == 2


def test_tracks_are_straight() -> None:
    for name in ("lstm", "slstm", "lem", "gru"):
        found, boxes, runs = laid_out(name)
        for way in found.tracks:
            assert len({boxes[key].y for key in way}) == 1
        assert all(len({y for _, y in run.points}) == 1 for run in runs if run.track)


def test_show() -> None:
    assert cw.show(cw.cells.lstm, "diagram").startswith("<svg")
    assert "lstm over 4 steps; h, c carried" in cw.show(cw.cells.lstm, "diagram", steps=4)
    with pytest.raises(cw.SettingError, match="steps do not fit: got 0, expected at least 1"):
        cw.show(cw.cells.lstm, "diagram", steps=0)
    with pytest.raises(cw.SettingError, match="only a diagram has steps"):
        cw.show(cw.cells.lstm, "latex", steps=2)
    with pytest.raises(cw.SettingError, match="got svg, expected equations, .*, cpp, triton, diagram"):
        cw.show(cw.cells.lstm, "svg")
