"""The cell on the page: its equations, and what each of them costs in this run's network. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from cellwright.compiler.count import count
from cellwright.compiler.show import mathml
from cellwright.compiler.trace import Cell
from cellwright.nn.layer import Layer
from cellwright.page.markup import Markup, el
from cellwright.page.numbers import number
from cellwright.page.shell import scroll, section


def cell_section(cell: Cell | None, network: nn.Module, settings: Mapping[str, Any]) -> Markup:
    """Equations, parameters and operations of one step of the first layer; then the network by part."""
    parts = _parts(network)
    if cell is None:
        name = settings.get("cell", "?")
        text = el("p", f"This network ({name}) has no recurrent cell, so there are no equations to show.")
        return section("Network", text, parts, name="cell")
    graph = cell.graph
    paper = graph.facts.paper
    return section(
        f"The cell: {graph.name}",
        el("p", _doc(graph.doc), class_="muted") if _doc(graph.doc) else None,
        _table(cell, network),
        el("p", "Source: ", paper, class_="muted") if paper else None,
        el("p", "σ is the logistic function, ⊙ the product by elements.", class_="muted note"),
        el("h3", "The whole network"),
        parts,
        name="cell",
    )


def _doc(doc: str) -> str:
    """The first paragraph of a cell's docstring: the rest is its equations."""
    return " ".join(doc.strip().partition("\n\n")[0].split())


def _table(cell: Cell, network: nn.Module) -> Markup:
    layer = next((module for module in network.modules() if isinstance(module, Layer)), None)
    elements = [Markup(text) for text in mathml(cell.graph)]
    if layer is None:
        rows = [el("tr", el("td", element)) for element in elements]
        return scroll(el("table", el("tbody", rows), class_="equations"), "Equations")
    sizes = layer.sizes(0)
    terms = count(cell.graph, sizes)
    rows = [
        el("tr", el("td", element), _figures(term.parameters, term.multiply_adds, term.pointwise))
        for element, term in zip(elements, terms, strict=True)
    ]
    totals = (
        sum(getattr(term, key) for term in terms) for key in ("parameters", "multiply_adds", "pointwise")
    )
    rows.append(el("tr", el("th", "one step of one layer", scope="row"), _figures(*totals), class_="total"))
    head = el(
        "tr",
        el("th", "equation", scope="col"),
        [el("th", text, scope="col", class_="n") for text in ("parameters", "multiply-adds", "pointwise")],
    )
    caption = (
        f"First layer, input size {sizes['I']}, {sizes['H']} hidden units; cost of one step for one sequence."
    )
    table = el("table", el("caption", caption), el("thead", head), el("tbody", rows), class_="equations wide")
    return scroll(table, "Equations and their cost")


def _figures(*values: int) -> list[Markup]:
    return [el("td", number(value), class_="n") for value in values]


def _parts(network: nn.Module) -> Markup:
    """The network's direct parts with their parameters; a part without any is left out."""
    found = [
        (name, type(part).__name__, sum(p.numel() for p in part.parameters()))
        for name, part in network.named_children()
    ]
    total = sum(p.numel() for p in network.parameters())
    rows = [
        el("tr", el("th", name, scope="row"), el("td", kind), el("td", number(size), class_="n"))
        for name, kind, size in found
        if size
    ]
    rows.append(
        el("tr", el("th", "all", scope="row"), el("td"), el("td", number(total), class_="n"), class_="total")
    )
    head = el(
        "tr",
        el("th", "part", scope="col"),
        el("th", "kind", scope="col"),
        el("th", "parameters", scope="col", class_="n"),
    )
    return scroll(el("table", el("thead", head), el("tbody", rows)), "Parameters by part")
