"""How each operation is written in C++: one row per operation of a vector's elements. Floor 2.

Operands are vectors `V`; a comparison gives a mask `N`. Reductions, whole-row operations and products are
loops, written by `body` and `emit`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`text` with operands in braces; `infix` ones get brackets around compound operands."""

    text: str
    infix: bool = False


def sign(text: str) -> Row:
    """Between two operands; C++ and Python write these alike."""
    return Row(f"{{0}} {text} {{1}}", True)


def _call(name: str, arity: int = 1) -> Row:
    return Row(f"{name}_(" + ", ".join(f"{{{k}}}" for k in range(arity)) + ")")


POINTWISE: dict[str, Row] = {
    "add": sign("+"),
    "sub": sign("-"),
    "mul": sign("*"),
    "div": sign("/"),
    "neg": Row("-{0}", True),
    "less": sign("<"),
    "less_equal": sign("<="),
    "equal": sign("=="),
    "where": Row("{0} ? {1} : {2}", True),
    "copy": Row("{0}"),
    "spread": Row("{0}"),
    "clip_gradient": Row("{0}"),
    "pow": _call("pow", 2),
    "maximum": _call("maximum", 2),
    "minimum": _call("minimum", 2),
    **{
        name: _call(name)
        for name in ("sigmoid", "tanh", "relu", "exp", "log", "softplus", "sqrt", "abs", "sin", "cos")
    },
}


@dataclass(frozen=True)
class Reduction:
    """How a row is folded into one number: the start, one vector's turn, and the end."""

    neutral: str
    turn: str
    end: str


REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction("0", "{0} + {1}", "total({0})"),
    "mean": Reduction("0", "{0} + {1}", "total({0}) / (real)({size})"),
    "max": Reduction("-INFINITY", "maximum_({0}, {1})", "largest({0})"),
}
WHOLE_ROW = ("cumsum", "suffix_sum", "concat", "place", "part", "piece")
PRODUCTS = ("matmul_sum", "blocks")
OUTSIDE = ("transpose", "turn_blocks", "columns", "outer", "outer_blocks", "sum_matrix", "size")
WRITTEN_OUT = ("matmul", "softmax", "layer_norm")
