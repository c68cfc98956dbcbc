"""From a plain function to a graph: what is kept, and what is refused with which words."""

import math
from typing import Any

import numpy as np
import pytest
import torch

import cellwright as cw
from cellwright import CellError, cell, sigmoid, tanh
from cellwright.compiler.dims import show_shape


def shapes(made: cw.Cell) -> dict[str, str]:
    return {n.name: show_shape(n.shape) for n in made.graph.nodes if n.name}


def test_leaves_and_names_come_from_the_function() -> None:
    @cell(paper="ours", year=2026, init={"b": 1.0})
    def plain(x, h, *, W, U, b, scale=2.0):
        """One line."""
        z = sigmoid(W @ x + U @ h + b)
        h = scale * z + (1 - z) * h
        return h

    graph = plain.graph
    assert [n.name for n in graph.inputs + graph.states + graph.parameters] == ["x", "h", "W", "U", "b"]
    assert list(graph.named) == ["z", "h"]
    assert (graph.name, graph.doc, graph.facts.year, dict(graph.hyper)) == (
        "plain",
        "One line.",
        2026,
        {"scale": 2.0},
    )
    assert shapes(plain) == {"x": "[I]", "h": "[H]", "W": "[H, I]", "U": "[H, H]", "b": "[H]", "z": "[H]"}


def test_every_node_knows_its_line() -> None:
    @cell
    def plain(x, h, *, W, U, b):
        a = W @ x + b
        h = tanh(a + U @ h)
        return h

    where = {n.name: n.where for n in plain.graph.nodes if n.name in ("a",)}["a"]
    assert where.file == __file__
    first = plain.function.__code__.co_firstlineno
    assert where.line == first + 2
    assert plain.graph.nodes[plain.graph.returns[0]].where.line == first + 3


def test_annotations_give_shapes() -> None:
    @cell
    def low_rank(x, h, n: "[]", *, W, A: "[H, r]", B: "[r, H]", b, r=3):
        a = tanh(W @ x + A @ (B @ h) + b)
        return a, n + cw.mean(a)

    assert shapes(low_rank)["A"] == "[H, 3]"
    assert show_shape(low_rank.graph.states[1].shape) == "[]"
    assert shapes(low_rank.configure(r=5))["B"] == "[5, H]"


def test_a_second_input() -> None:
    @cell
    def gap(x, h, dt: "input []", *, W, U, b):
        return tanh(W @ x + U @ (h * cw.exp(-dt)) + b)

    assert [n.name for n in gap.graph.inputs] == ["x", "dt"]
    assert [n.name for n in gap.graph.states] == ["h"]


def test_a_name_used_twice_stays_unique_and_the_state_wins() -> None:
    @cell
    def twice(x, h, *, W, U, b, V: "[H, H]"):
        h = tanh(W @ x + U @ h + b)
        a = V @ h
        a = a * a
        h = h + a
        return h

    assert list(twice.graph.named) == ["h_1", "a", "a_1", "h"]


def test_the_tracer_of_a_debugger_is_put_back() -> None:
    import sys

    def mine(*_: Any) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(mine)
    try:
        cell(lambda x, h, *, W, U, b: tanh(W @ x + U @ h + b))
        assert sys.gettrace() is mine
    finally:
        sys.settrace(before)


def test_the_cell_itself_runs_on_tensors_of_any_float_dtype() -> None:
    generator = torch.Generator().manual_seed(1)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        w = {
            n.name: torch.randn([4 if str(d) == "H" else 3 for d in n.shape], generator=generator).to(dtype)
            for n in cw.cells.lstm.graph.parameters
        }
        x, h, c = torch.ones(3, dtype=dtype), torch.zeros(4, dtype=dtype), torch.ones(4, dtype=dtype)
        new_h, new_c = cw.cells.lstm(x, h, c, **w)
        gate = {k: torch.sigmoid(w[f"W_{k}"] @ x + w[f"U_{k}"] @ h + w[f"b_{k}"]) for k in "ifo"}
        g = torch.tanh(w["W_g"] @ x + w["U_g"] @ h + w["b_g"])
        assert new_h.dtype == dtype
        torch.testing.assert_close(new_c, gate["f"] * c + gate["i"] * g)
        torch.testing.assert_close(new_h, gate["o"] * torch.tanh(new_c))


REFUSALS = [
    (lambda x, h, *, W, U, b: h if (W @ x + U @ h + b) > 0 else x, "Python `if`", "where(condition, a, b)"),
    (lambda x, h, *, W, U, b: tanh(W @ h + U @ h + b), "sizes of `matmul` do not fit", "[H, I] @ [H]"),
    (lambda x, h, *, W, U, b: tanh(W @ x + x + U @ h + b), "sizes of `add` do not fit", "[H] and [I]"),
    (
        lambda x, h, *, W, U, b: tanh(W @ x + U @ h),
        "parameter `b` is not used",
        "take it out of the signature",
    ),
    (lambda x, h, *, W, U, b: (h, tanh(W @ x + U @ h + b)), "returns every state once", "return h"),
    (lambda x, h, *, W, U, b: None, "returns every state once", "expected return h"),
    (lambda x, h, *, W, U, b: W @ x + U @ h + sum(b), "loop over a value", "part("),
    (lambda x, h, *, W, U, b: sigmod(W @ x + U @ h + b), "unknown word `sigmod`", "did you mean `sigmoid`?"),
    (lambda x, h, *, W, U, b: torch.tanh(W @ x + U @ h + b), "torch's `tanh`", "cellwright.tanh"),
    (lambda x, h, *, W, U, b: np.tanh(W @ x + U @ h + b), "numpy function", "cellwright.tanh"),
    (lambda x, h, *, W, U, b: math.tanh(W @ x + U @ h + b), "Python number", "words of cellwright"),
    (lambda x, h, *, W, U, b: (W @ x + U @ h + b)[0] * h, "indexing a value", "part("),
    (lambda x, h, *, W, U, b: (W @ x + U @ h + b).tanh(), "attribute `.tanh`", "tanh(v)"),
    (
        lambda x, h, *, W, U, b: [tanh(W @ x + U @ h + b) for _ in range(b)][0],
        "a count or an index",
        "keyword",
    ),
    (lambda x, h, *, W, U, b: tanh(W @ x + U @ h + b) + "a", "cannot take this value", "got str"),
    (lambda x, h, *, W, U, b: cw.mean(W @ x + U @ h + b), "the new `h` is a scalar", "h: '[]'"),
    (lambda x, h, *, W, U, b: (h * W) @ x + U @ h + b, "sizes of `mul` do not fit", "[H] and [H, I]"),
    (lambda x, h, *, W, U, b: (cw.mean(h) * W) @ x + U @ h + b, "a matrix cannot change", "a * (W @ x)"),
    (lambda x, h, *, W, U, b: cw.where(W @ x, U @ h, b), "not a comparison", "where(a < b, x, y)"),
    (lambda x, h, *, W, U, b: W @ x + U @ h + b * (h > 0), "cannot take a comparison", "1.0, 0.0"),
    (lambda x, h, *, W, U, b: W @ x + U @ h + cw.cumsum(U) @ b, "sizes of `cumsum` do not fit", "a vector"),
    (lambda x, *, W, b: W @ x + b, "needs an input and at least one state", "(x, h, *, W, U, b)"),
    (lambda x, h, *W: h, "no *args", "name every argument"),
    (lambda x, h, b=1.0: h, "must be keyword-only", "lone *"),
]


@pytest.mark.parametrize(("function", "what", "part"), REFUSALS, ids=[row[1] for row in REFUSALS])
def test_refusals_name_the_line_and_the_cure(function: Any, what: str, part: str) -> None:
    with pytest.raises(CellError) as caught:
        cell(function)
    message = str(caught.value)
    assert what in message
    assert part in message
    assert "\n" not in message
    assert f"{__file__}:{function.__code__.co_firstlineno}" in message


def test_several_mistakes_are_reported_together() -> None:
    with pytest.raises(CellError, match=r"mistakes: .*\[H, I\] @ \[H\].* | .*\[H\] and \[H, I\]"):

        @cell
        def wrong(x, h, *, W, U, b):
            a = W @ h
            return tanh(U @ a + b * W)


def test_a_bad_annotation() -> None:
    with pytest.raises(
        CellError, match=r"annotation of `A` is not a shape.*not a number nor a hyper-parameter"
    ):

        @cell
        def wrong(x, h, *, W, A: "[H/heads, H]"):
            return W @ x + A @ h


def test_configure_refuses_what_is_not_there() -> None:
    with pytest.raises(CellError, match=r"no such hyper-parameter.*got relu.*expected nonlinearity"):
        cw.cells.elman.configure(relu=True)
