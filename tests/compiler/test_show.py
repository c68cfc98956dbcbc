"""Equations, LaTeX and runnable Python of every cell."""

from pathlib import Path
from typing import Any

import pytest

import cellwright as cw
from cellwright.compiler.notation import LATEX, MATHML, PYTHON, TEXT
from cellwright.compiler.ops import OPS

LIBRARY = cw.cells.all()


@pytest.mark.parametrize("table", [PYTHON, TEXT, LATEX, MATHML], ids=["python", "text", "latex", "mathml"])
def test_every_table_has_every_row(table: dict[str, Any]) -> None:
    assert set(table) == set(OPS)


@pytest.mark.parametrize("name", LIBRARY)
def test_the_docstring_is_the_equations(name: str) -> None:
    written = [line.strip() for line in (LIBRARY[name].__doc__ or "").splitlines() if "_t = " in line]
    assert [
        line.rpartition(": ")[2].removesuffix(", or relu in the place of tanh.") for line in written
    ] == cw.show(LIBRARY[name]).splitlines()


@pytest.mark.parametrize("name", LIBRARY)
def test_a_cell_file_is_short_and_says_where_it_comes_from(name: str) -> None:
    made = LIBRARY[name]
    source = Path(made.function.__code__.co_filename).read_text().splitlines()
    assert len(source) <= 60
    assert made.graph.facts.paper
    assert 1990 <= made.graph.facts.year <= 2026


@pytest.mark.parametrize("name", LIBRARY)
def test_the_graph_prints_as_python_that_traces_to_the_same_graph(name: str) -> None:
    text = cw.show(LIBRARY[name], "graph")
    scope: dict[str, Any] = {}
    exec(compile(text, "printed", "exec"), scope)
    assert scope[name].graph.fingerprint == LIBRARY[name].graph.fingerprint


def test_every_operation_prints_in_every_notation() -> None:
    @cw.cell
    def zoo(x, h, n: "[]", *, W, U, b, R: "[2, H/2, H/2]", J: "[H, H + I]"):
        a = cw.relu(W @ x) + cw.softplus(U.T @ h) / (1 + cw.exp(-b)) - cw.abs(h) ** 2
        d = cw.where(a <= 0, cw.minimum(a, b), cw.maximum(a, -b)) + cw.where(a < b, cw.sin(a), cw.cos(a))
        e = cw.layer_norm(cw.blocks(R, d), b) * cw.softmax(d) + cw.cumsum(d) * cw.sqrt(cw.sum(d * d))
        f = (
            cw.concat(cw.part(e, 0, 2), cw.part(e, 1, 2))
            + J @ cw.concat(h, x) * cw.max(d)
            + cw.log(cw.exp(e))
        )
        g = cw.where(f == 0, 1.0, f) - (a - (b - d)) * (-n)
        return cw.tanh(g) * cw.clip_gradient(cw.sigmoid(g), 0.5), n + cw.mean(g)

    used = {n.op for n in zoo.graph.nodes} - {"input", "state", "parameter", "constant"}
    assert used == set(OPS)
    scope: dict[str, Any] = {}
    exec(compile(cw.show(zoo, "graph"), "printed", "exec"), scope)
    assert scope["zoo"].graph.fingerprint == zoo.graph.fingerprint
    text = cw.show(zoo)
    assert "g_t = where(f_t = 0, 1, f_t) - (a_t - (b - d_t)) · (-n_{t-1})" in text
    latex = cw.show(zoo, "latex")
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")


def test_latex_of_the_plain_cell() -> None:
    assert cw.show(cw.cells.elman, "latex") == (
        "\\begin{aligned}\nh_{t} &= \\tanh\\left(W\\, x_{t} + U\\, h_{t-1} + b\\right)\n\\end{aligned}"
    )


def test_no_such_view() -> None:
    with pytest.raises(cw.SettingError, match=r"got poem, expected equations, latex, mathml, graph"):
        cw.show(cw.cells.lstm, "poem")
