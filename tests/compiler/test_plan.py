"""What leaves the loop over time, and which products lie side by side."""

import cellwright as cw
from cellwright.compiler.plan import make_plan


def test_input_products_leave_the_loop_and_are_one_product() -> None:
    graph = cw.cells.lstm.graph
    plan = make_plan(graph)
    operands = {graph.nodes[p.operand].name: len(p.products) for p in plan.packs}
    assert operands == {"x": 4, "h": 4}
    hoisted = [graph.nodes[k] for k in plan.nodes("input")]
    assert [n.op for n in hoisted] == ["matmul"] * 4
    assert all(graph.nodes[n.operands[1]].name == "x" for n in hoisted)


def test_a_second_product_in_the_step_stays_in_the_step() -> None:
    graph = cw.cells.gru_v1.graph
    plan = make_plan(graph)
    packs = {(graph.nodes[p.operand].name or graph.nodes[p.operand].op): len(p.products) for p in plan.packs}
    assert packs == {"x": 3, "h": 2, "mul": 1}


def test_what_depends_on_weights_alone_is_computed_once() -> None:
    @cw.cell
    def decay(x, h, *, W, U, b, a):
        k = cw.sigmoid(a)
        return k * h + cw.tanh(W @ x + U @ h + b)

    plan = make_plan(decay.graph)
    assert [decay.graph.nodes[k].name for k in plan.nodes("parameter")] == ["k"]


def test_dead_values_are_dropped_unless_they_are_recorded() -> None:
    @cw.cell
    def seen(x, h, *, W, U, b):
        shadow = cw.exp(h)
        return cw.tanh(W @ x + U @ h + b)

    place = seen.graph.named["shadow"]
    assert place not in make_plan(seen.graph).nodes("step")
    assert place in make_plan(seen.graph, ("shadow",)).nodes("step")
