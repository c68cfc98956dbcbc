"""A graph as plain JSON and back: how a cell travels in a run folder. Floor 1.

Reading builds inert nodes and verifies them; nothing of the file is ever executed.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from cellwright.compiler.dims import parse_shape, show_shape
from cellwright.compiler.graph import Facts, Graph, Node, Where
from cellwright.compiler.trace import Cell
from cellwright.compiler.verify import verify
from cellwright.errors import CellError

VERSION = 1


def graph_to_json(graph: Graph) -> dict[str, Any]:
    """The graph as JSON-able values; file names are kept without their folders.

    >>> from cellwright import cells
    >>> graph_from_json(graph_to_json(cells.lstm.graph)) == cells.lstm.graph
    True
    """
    return {
        "version": VERSION,
        "name": graph.name,
        "doc": graph.doc,
        "file": PurePath(graph.nodes[0].where.file).name,
        "hyper": dict(graph.hyper),
        "facts": {
            "paper": graph.facts.paper,
            "year": graph.facts.year,
            "init": dict(graph.facts.init),
            "start": dict(graph.facts.start),
        },
        "nodes": [_node_to_json(node) for node in graph.nodes],
        "returns": list(graph.returns),
    }


def graph_from_json(data: Any) -> Graph:
    """The graph back.

    Raises:
        CellError: the data is not such a graph, is of another version, or does not verify.
    """
    if not isinstance(data, dict) or data.get("version") != VERSION:
        got = data.get("version") if isinstance(data, dict) else type(data).__name__
        raise CellError(
            "the cell's graph is of another version", got=got, expected=VERSION, fix="train again"
        )
    try:
        facts = data["facts"]
        graph = Graph(
            str(data["name"]),
            tuple(_node_from_json(row, str(data["file"])) for row in data["nodes"]),
            tuple(int(k) for k in data["returns"]),
            tuple(data["hyper"].items()),
            Facts(
                str(facts["paper"]),
                int(facts["year"]),
                tuple(facts["init"].items()),
                tuple(facts["start"].items()),
            ),
            str(data["doc"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as fact:
        raise CellError("the cell's graph cannot be read", got=repr(fact), fix="restore the file") from None
    verify(graph)
    return graph


def cell_from_json(data: Any) -> Cell:
    """A cell without its source: it runs from its graph.

    Raises:
        CellError: see `graph_from_json`.
    """
    return Cell(graph_from_json(data))


def _node_to_json(node: Node) -> list[Any]:
    attributes = dict(node.attributes)
    return [node.op, list(node.operands), show_shape(node.shape), node.name, attributes, node.where.line]


def _node_from_json(row: Any, file: str) -> Node:
    op, operands, shape, name, attributes, line = row
    items = tuple(sorted(attributes.items()))
    return Node(
        str(op), tuple(int(k) for k in operands), parse_shape(shape), str(name), items, Where(file, int(line))
    )
