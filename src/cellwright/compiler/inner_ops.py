"""The operations that passes write and no equation may use: one row each. Floor 1.

They come in with derivatives (`outer`, `spread`, `piece`, ...) and with the splitting of a joined matrix
(`columns`). `SHAPE_ONLY` says how many of an operation's first operands are read; the others lend shape.
`VALUE_OF_OPERAND`: forward, they compute nothing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from cellwright.compiler.dims import Dim, Shape
from cellwright.compiler.graph import LEAVES
from cellwright.compiler.ops import OPS, Op, vector_to_vector


def _outer(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    return (shapes[0][0], shapes[1][0])


def _outer_blocks(shapes: tuple[Shape, ...], attributes: dict[str, Any]) -> Shape:
    count = int(attributes["count"])
    share = Fraction(1, count)
    return (Dim.of({"": Fraction(count)}), shapes[0][0].scaled(share), shapes[1][0].scaled(share))


def _turned_blocks(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    count, high, wide = shapes[0]
    return (count, wide, high)


def _columns(shapes: tuple[Shape, ...], attributes: dict[str, Any]) -> Shape:
    return (shapes[0][0], Dim.parse(attributes["size"]))


def _place(shapes: tuple[Shape, ...], attributes: dict[str, Any]) -> Shape:
    return (shapes[0][0].scaled(Fraction(int(attributes["parts"]))),)


def _piece(shapes: tuple[Shape, ...], attributes: dict[str, Any]) -> Shape:
    return shapes[1 + int(attributes["index"])]


def _spread(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    return shapes[1]


def _matmul_sum(shapes: tuple[Shape, ...], _: dict[str, Any]) -> Shape:
    return (shapes[0][0],)


def _take_piece(vector: Any, *like: Any, index: int) -> Any:
    return vector.split([v.shape[-1] for v in like], -1)[index]


def _put_place(vector: Any, index: int, parts: int) -> Any:
    size = vector.shape[-1]
    whole = vector.new_zeros((*vector.shape[:-1], parts * size))
    whole[..., index * size : (index + 1) * size] = vector
    return whole


def _suffix_sum(vector: Any) -> Any:
    return vector.flip(-1).cumsum(-1).flip(-1)


def _products(*pairs: Any) -> Any:
    total = pairs[0] @ pairs[1]
    for matrix, vector in zip(pairs[2::2], pairs[3::2], strict=False):
        total = total + matrix @ vector
    return total


ROWS: tuple[Op, ...] = (
    Op("outer", 2, "outer", _outer, lambda d, v: d[..., :, None] * v[..., None, :]),
    Op(
        "outer_blocks", 2, "outer", _outer_blocks,
        lambda d, v, count: d.reshape(count, -1, 1) * v.reshape(count, 1, -1),
    ),
    Op("turn_blocks", 1, "arrange", _turned_blocks, lambda a: a.transpose(1, 2), cost=0),
    Op("columns", 1, "arrange", _columns, lambda a, start, size: a[..., start : start + size], cost=0),
    Op("spread", 2, "pointwise", _spread, lambda a, like: a.expand_as(like), cost=0),
    Op("copy", 1, "pointwise", lambda s, _: s[0], lambda a: a, cost=0),
    Op("size", 1, "reduce", lambda s, _: (), lambda a: a.new_full((), a.shape[-1]), cost=0),
    Op("sum_matrix", 1, "reduce", lambda s, _: (), lambda a: a.sum()),
    Op("piece", -1, "arrange", _piece, _take_piece, cost=0),
    Op("place", 1, "arrange", _place, _put_place, cost=0),
    Op("suffix_sum", 1, "along", vector_to_vector, _suffix_sum),
    Op("matmul_sum", -1, "product", _matmul_sum, _products),
)  # fmt: skip
INNER: dict[str, Op] = {row.name: row for row in ROWS}
ALL: dict[str, Op] = OPS | INNER
SHAPE_ONLY = {"spread": 1, "piece": 1, "size": 0}
VALUE_OF_OPERAND = ("copy", "spread", "clip_gradient")
ANY_LEAF = (*LEAVES, "gradient")


def reads(op: str, operands: tuple[int, ...]) -> tuple[int, ...]:
    """The operands whose values an operation reads; the others only lend their shape."""
    return operands[: SHAPE_ONLY.get(op, len(operands))]
