"""The single step of a cell: products of the input stay in it, what depends on weights alone does not."""

from __future__ import annotations

import pytest

import cellwright as cw
from cellwright.compiler.single import single_step

LIBRARY = cw.cells.all()


@pytest.mark.parametrize("name", LIBRARY)
def test_every_state_is_left_beside_the_one_it_was_given(name: str) -> None:
    graph = cw.cells.get(name).graph
    routine = single_step(graph).routine
    assert [place.array for _, place in routine.stores] == [f".left {s.name}" for s in graph.states]
    loads = {place.array for place in routine.loads.values()}
    assert not loads & {place.array for _, place in routine.stores}
    assert (
        {"x"}
        <= loads
        <= {n.name for n in graph.inputs}
        | {f".given {s.name}" for s in graph.states}
        | {o.name for o in single_step(graph).hoisted.outside}
    )


def test_the_products_of_the_input_are_part_of_it() -> None:
    """x and h are two terms of one product: one pass over the weights."""
    nodes = single_step(cw.cells.lstm.graph).routine.nodes
    products = [n for n in nodes if n.op == "matmul_sum"]
    assert len(products) == 4 and all(len(n.operands) == 4 for n in products)
    assert not single_step(cw.cells.lstm.graph).hoisted.feeds


def test_what_depends_on_weights_alone_is_done_before() -> None:
    @cw.cell
    def decaying(x, h, *, W, A):
        d = cw.exp(-cw.softplus(A))
        h = d * h + W @ x
        return h

    nodes = single_step(decaying.graph).routine.nodes
    assert not {"exp", "softplus", "neg"} & {n.op for n in nodes}


def test_a_state_that_is_handed_on_is_copied() -> None:
    """Old states are read while new ones are written: no result may be a leaf itself."""

    @cw.cell
    def delayed(x, h, c, *, W):
        h, c = cw.tanh(W @ x + c), h
        return h, c

    routine = single_step(delayed.graph).routine
    assert [routine.nodes[k].op for k, _ in routine.stores] == ["tanh", "copy"]
