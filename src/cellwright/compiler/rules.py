"""How each operation is differentiated: one row per operation. Floor 1.

A row takes the builder, the operation's own position `n`, its operands and the gradient `d` of its value, and
gives the gradient of each operand (None where there is none). Sizes are mended by `derive`: a gradient
of a scalar is summed, a gradient that is one number for a whole vector is spread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cellwright.compiler.build import Builder

Gradients = tuple["int | None", ...]


@dataclass(frozen=True)
class At:
    """One operation to differentiate: `n` its value, `of` its operands, `d` the gradient of its value."""

    builder: Builder
    n: int
    of: tuple[int, ...]
    d: int

    def __call__(self, op: str, *operands: int | float, **attributes: Any) -> int:
        """A new value; numbers become constants."""
        b = self.builder
        return b.add(op, *(k if isinstance(k, int) else b.constant(k) for k in operands), **attributes)

    def attribute(self, key: str) -> Any:
        """An attribute of the operation."""
        return self.builder.nodes[self.n].attribute(key)


def _mul(at: At) -> Gradients:
    a, b = at.of
    return at("mul", at.d, b), at("mul", at.d, a)


def _div(at: At) -> Gradients:
    part = at("div", at.d, at.of[1])
    return part, at("neg", at("mul", part, at.n))


def _pow(at: At) -> Gradients:
    """As torch: a base whose exponent is 0 gets 0; log 0 counts as 0 where 0 to the b is 0."""
    a, b = at.of
    slope = at("mul", b, at("pow", a, at("sub", b, 1.0)))
    da = at("mul", at.d, slope)
    constant = at.builder.nodes[b].op == "constant"
    if constant:
        return (None if at.builder.nodes[b].attribute("value") == 0 else da), None
    da = at("where", at("equal", b, 0.0), 0.0, da)
    rate = at("mul", at.n, at("log", a))
    return da, at("mul", at.d, at("where", at("equal", at.n, 0.0), 0.0, rate))


def _sigmoid(at: At) -> Gradients:
    return (at("mul", at.d, at("mul", at.n, at("sub", 1.0, at.n))),)


def _tanh(at: At) -> Gradients:
    return (at("mul", at.d, at("sub", 1.0, at("mul", at.n, at.n))),)


def _abs(at: At) -> Gradients:
    v = at.of[0]
    below = at("where", at("less", v, 0.0), at("neg", at.d), 0.0)
    return (at("where", at("less", 0.0, v), at.d, below),)


def _extreme(at: At, chosen: Callable[[int, int], tuple[int, int]]) -> Gradients:
    a, b = at.of
    half = at("where", at("equal", a, b), at("mul", at.d, 0.5), 0.0)
    first, second = (at("where", at("less", *chosen(*pair)), at.d, half) for pair in ((a, b), (b, a)))
    return first, second


def _where(at: At) -> Gradients:
    condition = at.of[0]
    return None, at("where", condition, at.d, 0.0), at("where", condition, 0.0, at.d)


def _clip_gradient(at: At) -> Gradients:
    limit = float(at.attribute("limit"))
    return (at("minimum", at("maximum", at.d, -limit), limit),)


def _mean(at: At) -> Gradients:
    return (at("div", at.d, at("size", at.of[0])),)


def _max(at: At) -> Gradients:
    """The largest elements share."""
    tie = at("where", at("equal", at.of[0], at.n), 1.0, 0.0)
    return (at("mul", at("div", at.d, at("sum", tie)), tie),)


def _softmax(at: At) -> Gradients:
    weighted = at("mul", at.d, at.n)
    return (at("sub", weighted, at("mul", at.n, at("sum", weighted))),)


def _layer_norm(at: At) -> Gradients:
    deviation = layer_norm_deviation(at, at.of[0], at.attribute("eps"))
    along = at("mul", at.n, at("mean", at("mul", at.d, at.n)))
    return (at("div", at("sub", at("sub", at.d, at("mean", at.d)), along), deviation),)


def layer_norm_deviation(at: At, v: int, eps: float) -> int:
    """sqrt(variance + eps) of a vector; the same nodes as `lower` writes, so that they are computed once."""
    centred = at("sub", v, at("mean", v))
    return at("sqrt", at("add", at("mean", at("mul", centred, centred)), eps))


def _matmul(at: At) -> Gradients:
    matrix, vector = at.of
    return at("outer", at.d, vector), at("matmul", at("transpose", matrix), at.d)


def _blocks(at: At) -> Gradients:
    matrices, vector = at.of
    count = int(dict(at.builder.shape(matrices)[0].terms)[""])
    return at("outer_blocks", at.d, vector, count=count), at("blocks", at("turn_blocks", matrices), at.d)


def _concat(at: At) -> Gradients:
    return tuple(at("piece", at.d, *at.of, index=k) for k in range(len(at.of)))


def _none(at: At) -> Gradients:
    return (None,) * len(at.of)


RULES: dict[str, Callable[[At], Gradients]] = {
    "add": lambda at: (at.d, at.d),
    "sub": lambda at: (at.d, at("neg", at.d)),
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "neg": lambda at: (at("neg", at.d),),
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": lambda at: (at("where", at("less", 0.0, at.of[0]), at.d, 0.0),),
    "exp": lambda at: (at("mul", at.d, at.n),),
    "log": lambda at: (at("div", at.d, at.of[0]),),
    "softplus": lambda at: (at("mul", at.d, at("sigmoid", at.of[0])),),
    "sqrt": lambda at: (at("div", at("mul", at.d, 0.5), at.n),),
    "abs": _abs,
    "sin": lambda at: (at("mul", at.d, at("cos", at.of[0])),),
    "cos": lambda at: (at("neg", at("mul", at.d, at("sin", at.of[0]))),),
    "maximum": lambda at: _extreme(at, lambda a, b: (b, a)),
    "minimum": lambda at: _extreme(at, lambda a, b: (a, b)),
    "less": _none,
    "less_equal": _none,
    "equal": _none,
    "where": _where,
    "clip_gradient": _clip_gradient,
    "matmul": _matmul,
    "blocks": _blocks,
    "sum": lambda at: (at.d,),
    "mean": _mean,
    "max": _max,
    "softmax": _softmax,
    "layer_norm": _layer_norm,
    "cumsum": lambda at: (at("suffix_sum", at.d),),
    "concat": _concat,
    "part": lambda at: (at("place", at.d, index=at.attribute("index"), parts=at.attribute("parts")),),
    "transpose": lambda at: (at("transpose", at.d),),
}
