"""The operations an equation may use: one row each. Floor 1.

A row holds what defines the operation: how many operands, its shape rule, its value on numbers (the living
definition that `interpret` runs) and on anything with a tensor's methods (so that a cell's own text runs on
tensors without this floor importing torch). How it is written is a row of `show`; how it is differentiated,
a row of `derive`; its C++ and Triton texts are rows of those backends' tables.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from cellwright.compiler.dims import Dim, Shape, show_shape

ShapeRule = Callable[[tuple[Shape, ...], dict[str, Any]], Shape]


class MisfitError(Exception):
    """A bare fact (got, expected, cure); whoever knows the user's line turns it into a CellError."""

    def __init__(self, got: str, expected: str, fix: str) -> None:
        super().__init__(got)
        self.got, self.expected, self.fix = got, expected, fix


@dataclass(frozen=True)
class Op:
    """One row. `kind` is pointwise | product | reduce | along (the last axis, size kept) | arrange."""

    name: str
    arity: int
    kind: str
    shape: ShapeRule
    tensor: Callable[..., Any]
    number: Callable[..., float] | None = None
    cost: int = 1


def same_or_scalar(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    """Operands of one shape; a scalar goes with anything."""
    wide = [s for s in shapes if s]
    if any(s != wide[0] for s in wide):
        got = " and ".join(show_shape(s) for s in shapes)
        raise MisfitError(
            got, "operands of one shape, or a scalar", "annotate the sizes or use a product W @ v"
        )
    return wide[0] if wide else ()


def matrix_times_vector(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    """[a, b] @ [b] -> [a]."""
    left, right = shapes
    if len(left) != 2 or len(right) != 1 or left[1] != right[0]:
        got = f"{show_shape(left)} @ {show_shape(right)}"
        raise MisfitError(
            got, "matrix [a, b] @ vector [b]", "annotate the matrix with its shape, e.g. W: '[H, 2*H]'"
        )
    return (left[0],)


def blocks_times_vector(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    """[n, p, q] (n square blocks on the diagonal) times [n*q] -> [n*p]."""
    blocks, vector = shapes
    fits = len(blocks) == 3 and len(vector) == 1 and set(dict(blocks[0].terms)) == {""}
    if fits and blocks[2].scaled(_count(blocks[0])) == vector[0]:
        return (blocks[1].scaled(_count(blocks[0])),)
    got = f"{show_shape(blocks)} and {show_shape(vector)}"
    raise MisfitError(
        got, "blocks [n, p, q] and a vector [n*q]", "annotate, e.g. R: '[heads, H/heads, H/heads]'"
    )


def vector_to_scalar(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    """[a] -> []."""
    _need_vector(shapes[0])
    return ()


def vector_to_vector(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    """[a] -> [a]."""
    _need_vector(shapes[0])
    return shapes[0]


def join(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    """[a], [b], ... -> [a + b + ...]."""
    for shape in shapes:
        _need_vector(shape)
    total = shapes[0][0]
    for shape in shapes[1:]:
        total = total + shape[0]
    return (total,)


def part(shapes: tuple[Shape, ...], attributes: dict[str, Any]) -> Shape:
    """[a] -> the `index`-th of `parts` equal pieces, [a / parts]."""
    _need_vector(shapes[0])
    return (shapes[0][0].scaled(Fraction(1, int(attributes["parts"]))),)


def turned(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    """[a, b] -> [b, a]."""
    if len(shapes[0]) != 2:
        raise MisfitError(show_shape(shapes[0]), "a matrix", "only matrices have a transpose")
    return shapes[0][::-1]


def _need_vector(shape: Shape) -> None:
    if len(shape) != 1:
        raise MisfitError(show_shape(shape), "a vector", "reductions run over a vector such as [H]")


def _count(dim: Dim) -> Fraction:
    return dict(dim.terms).get("", Fraction(0))


def _sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))


def _blocks(blocks: Any, vector: Any) -> Any:
    count, _, width = blocks.shape
    return (blocks @ vector.reshape(count, width, 1)).reshape(-1)


def _concat(*vectors: Any) -> Any:
    # The one operation that tensors have only as a function: taken from the library the tensors came with.
    library = sys.modules[type(vectors[0]).__module__.partition(".")[0]]
    return library.cat(vectors, -1)


def _layer_norm(vector: Any, eps: float) -> Any:
    centred = vector - vector.mean(-1, keepdim=True)
    return centred / ((centred * centred).mean(-1, keepdim=True) + eps).sqrt()


def _part(vector: Any, index: int, parts: int) -> Any:
    return vector.chunk(parts, -1)[index]


def bounded(shapes: tuple[Shape, ...], attributes: dict[str, Any]) -> Shape:
    """Any shape -> the same; `limit` is a number above 0."""
    limit = attributes.get("limit")
    number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    if not (number and 0 < float(limit or 0) < math.inf):
        raise MisfitError(f"limit={limit}", "a number above 0", "write clip_gradient(v, 1.0)")
    return shapes[0]


def _clip_gradient(v: Any, limit: float = math.inf) -> Any:
    # A view: a hook on the value itself would act on all its other uses too.
    if not v.requires_grad:
        return v
    held = v.view_as(v)
    held.register_hook(lambda d: d.clamp(-limit, limit))
    return held


def _pointwise(
    name: str, tensor: Callable[..., Any], number: Callable[..., float], arity: int = 1, cost: int = 1
) -> Op:
    return Op(name, arity, "pointwise", same_or_scalar, tensor, number, cost)


ROWS: tuple[Op, ...] = (
    _pointwise("add", lambda a, b: a + b, lambda a, b: a + b, 2),
    _pointwise("sub", lambda a, b: a - b, lambda a, b: a - b, 2),
    _pointwise("mul", lambda a, b: a * b, lambda a, b: a * b, 2),
    _pointwise("div", lambda a, b: a / b, lambda a, b: a / b, 2),
    _pointwise("pow", lambda a, b: a**b, lambda a, b: a**b, 2, cost=8),
    _pointwise("neg", lambda a: -a, lambda a: -a),
    _pointwise("sigmoid", lambda a: a.sigmoid(), _sigmoid, cost=8),
    _pointwise("tanh", lambda a: a.tanh(), math.tanh, cost=8),
    _pointwise("relu", lambda a: a.relu(), lambda a: max(a, 0.0)),
    _pointwise("exp", lambda a: a.exp(), math.exp, cost=6),
    _pointwise("log", lambda a: a.log(), math.log, cost=6),
    _pointwise(
        "softplus",
        lambda a: a.logaddexp(a.new_full((), 0.0)),
        lambda a: max(a, 0.0) + math.log1p(math.exp(-abs(a))),
        cost=10,
    ),
    _pointwise("sqrt", lambda a: a.sqrt(), math.sqrt, cost=2),
    _pointwise("abs", lambda a: a.abs(), abs),
    _pointwise("sin", lambda a: a.sin(), math.sin, cost=8),
    _pointwise("cos", lambda a: a.cos(), math.cos, cost=8),
    _pointwise("maximum", lambda a, b: a.maximum(b), max, 2),
    _pointwise("minimum", lambda a, b: a.minimum(b), min, 2),
    _pointwise("less", lambda a, b: a < b, lambda a, b: a < b, 2),
    _pointwise("less_equal", lambda a, b: a <= b, lambda a, b: a <= b, 2),
    _pointwise("equal", lambda a, b: a == b, lambda a, b: a == b, 2),
    _pointwise("where", lambda c, a, b: a.where(c, b), lambda c, a, b: a if c else b, 3),
    Op("clip_gradient", 1, "pointwise", bounded, _clip_gradient, lambda a: a, cost=0),
    Op("matmul", 2, "product", matrix_times_vector, lambda a, b: a @ b),
    Op("blocks", 2, "product", blocks_times_vector, _blocks),
    Op("sum", 1, "reduce", vector_to_scalar, lambda a: a.sum(-1)),
    Op("mean", 1, "reduce", vector_to_scalar, lambda a: a.mean(-1)),
    Op("max", 1, "reduce", vector_to_scalar, lambda a: a.amax(-1)),
    Op("softmax", 1, "along", vector_to_vector, lambda a: a.softmax(-1), cost=8),
    Op("layer_norm", 1, "along", vector_to_vector, _layer_norm, cost=6),
    Op("cumsum", 1, "along", vector_to_vector, lambda a: a.cumsum(-1)),
    Op("concat", -1, "arrange", join, _concat, cost=0),
    Op("part", 1, "arrange", part, _part, cost=0),
    Op("transpose", 1, "arrange", turned, lambda a: a.T, cost=0),
)
OPS: dict[str, Op] = {row.name: row for row in ROWS}
COMPARISONS = ("less", "less_equal", "equal")
