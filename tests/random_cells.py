# ruff: noqa: B023
"""A Hypothesis strategy of legal cells: a few random equations over one or two states."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import cellwright as cw
from cellwright.compiler.trace import Cell

SMOOTH = ("sigmoid", "tanh", "softplus", "sin", "cos", "exp_small", "abs", "relu", "sqrt_of", "log_of")


def _unary(word: str, v: Any) -> Any:
    if word == "exp_small":
        return cw.exp(-cw.abs(v))
    if word == "sqrt_of":
        return cw.sqrt(cw.abs(v) + 0.5)
    if word == "log_of":
        return cw.log(cw.abs(v) + 1.5)
    return getattr(cw, word)(v)


def _binary(word: str, a: Any, b: Any) -> Any:
    return {
        "add": lambda: a + b,
        "sub": lambda: a - b,
        "mul": lambda: cw.tanh(a) * b,
        "div": lambda: a / (1.0 + cw.abs(b)),
        "maximum": lambda: cw.maximum(a, b),
        "minimum": lambda: cw.minimum(a, b),
        "where": lambda: cw.where(a < b, 0.5 * a, b),
        "pow": lambda: (cw.abs(a) + 0.5) ** cw.tanh(b),
    }[word]()


def _row(word: str, v: Any) -> Any:
    return {
        "layer_norm": lambda: cw.layer_norm(v, eps=0.1),
        "softmax": lambda: cw.softmax(v),
        "cumsum": lambda: 0.3 * cw.cumsum(v),
        "mean": lambda: v - cw.mean(v),
        "max": lambda: v - cw.max(v),
        "sum": lambda: v * cw.tanh(cw.sum(v)),
        "parts": lambda: cw.concat(cw.part(v, 1, 2), cw.sigmoid(cw.part(v, 0, 2))),
        "blocks": lambda: v,
    }[word]()


UNARY = st.sampled_from(SMOOTH)
BINARY = st.sampled_from(("add", "sub", "mul", "div", "maximum", "minimum", "where", "pow"))
ROW = st.sampled_from(("layer_norm", "softmax", "cumsum", "mean", "max", "sum", "parts"))
CHOICE = st.integers(0, 1000)
STEP = st.one_of(
    st.tuples(st.just("unary"), UNARY, CHOICE, CHOICE),
    st.tuples(st.just("binary"), BINARY, CHOICE, CHOICE),
    st.tuples(st.just("row"), ROW, CHOICE, CHOICE),
    st.tuples(st.just("product"), st.sampled_from(("U_1", "U_2", "R", "low")), CHOICE, CHOICE),
    st.tuples(st.just("weight"), st.sampled_from(("p", "q", "s")), CHOICE, CHOICE),
)


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """A cell `(x, h, c, n)` of 3 to 12 random equations; it reads both input matrices and every weight."""
    steps = draw(st.lists(STEP, min_size=3, max_size=12))
    ends = draw(st.tuples(CHOICE, CHOICE))
    return random_cell(steps, ends)


def random_cell(steps: list[Any], ends: tuple[int, int]) -> Cell:
    """The cell that these choices make; its values are kept small so that rounding does not drown the check."""

    def made(
        x, h, c, n: [], *, W_1, W_2: [H, I], b, U_1, U_2, R: [2, H/2, H/2], A: [H, 3], B: [3, H],
        p, q, s: [],
    ):  # fmt: skip
        pool: list[Any] = [h, c, W_1 @ x + b, W_2 @ x]
        for kind, word, first, second in steps:
            a, b_ = pool[first % len(pool)], pool[second % len(pool)]
            if kind == "unary":
                new = _unary(word, a)
            elif kind == "binary":
                new = _binary(word, a, b_)
            elif kind == "row":
                new = _row(word, a)
            elif kind == "product":
                new = cw.tanh(
                    {"U_1": lambda: U_1 @ a, "U_2": lambda: U_2 @ a + U_1 @ b_, "R": lambda: cw.blocks(R, a),
                     "low": lambda: A @ (B @ a)}[word]()
                )  # fmt: skip
            else:
                new = {"p": lambda: p * a, "q": lambda: cw.sigmoid(q) * a + b_, "s": lambda: s * a}[word]()
            pool.append(new)
        rest = cw.tanh(p + q) * s + U_1 @ c + U_2 @ h + cw.blocks(R, h) + A @ (B @ c)
        last = pool[-1] + 0.1 * rest + 0.1 * (pool[2] + pool[3])
        new_h = cw.tanh(last) + 0.1 * cw.tanh(pool[ends[0] % len(pool)])
        new_c = cw.sin(pool[ends[1] % len(pool)] + 0.5 * c)
        return new_h, new_c, 0.5 * n + cw.mean(new_h)

    return cw.cell(made)
