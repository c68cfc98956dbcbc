"""A cell travels as JSON; a tampered one is refused and nothing of it is run."""

import json
from typing import Any

import pytest
import torch

import cellwright as cw
from cellwright.compiler.save import cell_from_json, graph_from_json, graph_to_json

LIBRARY = cw.cells.all()


@pytest.mark.parametrize("name", LIBRARY)
def test_round_trip_through_text(name: str) -> None:
    graph = LIBRARY[name].graph
    back = graph_from_json(json.loads(json.dumps(graph_to_json(graph))))
    assert back == graph
    assert back.facts == graph.facts
    assert back.doc == graph.doc


def test_a_loaded_cell_computes_the_same_without_its_source() -> None:
    original, generator = cw.cells.peephole, torch.Generator().manual_seed(3)
    weights = {
        n.name: torch.randn([4] if len(n.shape) == 1 else [4, 4], generator=generator, dtype=torch.float64)
        for n in original.graph.parameters
    }
    x, h, c = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    loaded = cell_from_json(graph_to_json(original.graph))
    assert loaded.function is None
    for got, expected in zip(loaded(x, h, c, **weights), original(x, h, c, **weights), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=0)
    with pytest.raises(cw.CellError, match="loaded as a graph"):
        loaded.configure(eps=1.0)


def alter(**changes: Any) -> dict[str, Any]:
    return graph_to_json(cw.cells.elman.graph) | changes


def nodes(index: int, place: int, value: Any) -> dict[str, Any]:
    data = graph_to_json(cw.cells.elman.graph)
    data["nodes"][index][place] = value
    return data


TAMPERED = [
    ("another version", alter(version=99), "another version.*got 99"),
    ("not an object", ["lstm"], "another version.*got list"),
    ("no nodes", alter(nodes=[]), "one result per state"),
    ("nodes are numbers", alter(nodes=[1, 2]), "cannot be read"),
    ("results out of range", alter(returns=[77]), "not a value of the graph"),
    ("an operation that is none", nodes(5, 0, "os.system"), "unknown operation `os.system`"),
    ("reads the future", nodes(5, 1, [8, 0]), "reads a value that comes later"),
    ("too few operands", nodes(5, 1, [2]), "wrong number of operands"),
    ("a false shape", nodes(5, 2, "[I]"), "wrong shape|do not fit"),
    ("a shape that is none", nodes(5, 2, "__import__('os')"), "cannot be read"),
]


@pytest.mark.parametrize(("data", "message"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED])
def test_tampered_graphs_are_refused(data: Any, message: str) -> None:
    with pytest.raises(cw.CellError, match=message):
        cell_from_json(data)


def test_altered_attributes_are_refused() -> None:
    @cw.cell
    def halves(x, h, *, W, U, b):
        v = W @ x + U @ h + b
        return cw.concat(cw.part(v, 1, 2), cw.part(v, 0, 2))

    data = graph_to_json(halves.graph)
    for row in data["nodes"]:
        if row[0] == "part":
            row[4]["parts"] = 0
    with pytest.raises(cw.CellError, match="attributes of `part` are wrong"):
        cell_from_json(data)
