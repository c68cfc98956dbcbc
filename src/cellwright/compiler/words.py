"""The words of the equations: `sigmoid`, `tanh`, `where`, `layer_norm`, ... Floor 1.

A word means the same on a symbol (it records a node), on a tensor (it computes) and on a Python number.
On tensors it uses only methods that tensors have, so this floor never imports torch.
"""

from __future__ import annotations

import builtins
from typing import Any

from cellwright.compiler.inner_ops import ALL
from cellwright.compiler.symbol import Symbol


def apply(op: str, *operands: Any, **attributes: Any) -> Any:
    """Record, compute on tensors, or compute on numbers, whatever the operands are."""
    for value in operands:
        if isinstance(value, Symbol):
            return value.recorder.apply(op, operands, attributes)
    row = ALL[op]
    tensors = [v for v in operands if hasattr(v, "new_full")]
    if tensors:
        like = next((t for t in tensors if t.is_floating_point()), tensors[0] * 1.0)
        return row.tensor(*(_as_tensor(v, like) for v in operands), **attributes)
    if row.number is None:
        raise TypeError(f"{op} needs a vector, not {', '.join(type(v).__name__ for v in operands)}")
    return row.number(*operands)


def sigmoid(v: Any) -> Any:
    """1 / (1 + exp(-v)), elementwise."""
    return apply("sigmoid", v)


def tanh(v: Any) -> Any:
    """The hyperbolic tangent, elementwise."""
    return apply("tanh", v)


def relu(v: Any) -> Any:
    """max(v, 0), elementwise; its derivative at 0 is 0."""
    return apply("relu", v)


def exp(v: Any) -> Any:
    """e to the v, elementwise."""
    return apply("exp", v)


def log(v: Any) -> Any:
    """The natural logarithm, elementwise."""
    return apply("log", v)


def softplus(v: Any) -> Any:
    """log(1 + exp(v)), elementwise, without overflow."""
    return apply("softplus", v)


def log_sigmoid(v: Any) -> Any:
    """log(sigmoid(v)), elementwise, without underflow: -softplus(-v)."""
    return -softplus(-v)


def sqrt(v: Any) -> Any:
    """The square root, elementwise."""
    return apply("sqrt", v)


def abs(v: Any) -> Any:
    """The absolute value, elementwise; its derivative at 0 is 0."""
    return apply("abs", v)


def sin(v: Any) -> Any:
    """The sine, elementwise."""
    return apply("sin", v)


def cos(v: Any) -> Any:
    """The cosine, elementwise."""
    return apply("cos", v)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two values, elementwise; at a tie each gets half the derivative."""
    return apply("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two values, elementwise; at a tie each gets half the derivative."""
    return apply("minimum", a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, b elsewhere: `where(x > 0, x, 0.1 * x)`."""
    return apply("where", condition, a, b)


def clip_gradient(v: Any, limit: float) -> Any:
    """v itself; on the way back its gradient is kept within +-limit, elementwise.

    Where the bound is reached, what comes out is no derivative any more, and a gradient check says so.
    Source: Graves 2013 (arXiv 1308.0850), section 2.1.
    """
    return apply("clip_gradient", v, limit=limit)


def sum(v: Any) -> Any:
    """The sum over a vector, a scalar."""
    return apply("sum", v)


def mean(v: Any) -> Any:
    """The mean over a vector, a scalar."""
    return apply("mean", v)


def max(v: Any) -> Any:
    """The largest element of a vector, a scalar; ties share the derivative."""
    return apply("max", v)


def softmax(v: Any) -> Any:
    """exp(v) / sum(exp(v)) over a vector, without overflow."""
    return apply("softmax", v)


def cumsum(v: Any) -> Any:
    """The running sum along a vector."""
    return apply("cumsum", v)


def layer_norm(v: Any, gain: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(v - mean) / sqrt(variance + eps) over a vector, then times `gain`, plus `bias` where given.

    Source: Ba, Kiros & Hinton 2016, equations 3 and 4; the variance is the mean square deviation.
    """
    normal = apply("layer_norm", v, eps=eps)
    scaled = normal if gain is None else gain * normal
    return scaled if bias is None else scaled + bias


def concat(*vectors: Any) -> Any:
    """[a], [b], ... joined end to end: the `[h, x]` of the one-matrix notation."""
    return apply("concat", *vectors)


def part(v: Any, index: int, parts: int) -> Any:
    """The `index`-th of `parts` equal pieces of a vector, counted from 0."""
    return apply("part", v, index=index, parts=parts)


def blocks(matrices: Any, v: Any) -> Any:
    """A block-diagonal product: [n, p, q] blocks times [n*q] -> [n*p] (a recurrent head per block)."""
    return apply("blocks", matrices, v)


WORDS = (
    "sigmoid", "tanh", "relu", "exp", "log", "softplus", "log_sigmoid", "sqrt", "abs", "sin", "cos",
    "maximum", "minimum", "where", "sum", "mean", "max", "softmax", "cumsum", "layer_norm", "concat", "part",
    "blocks", "clip_gradient",
)  # fmt: skip


def _as_tensor(value: Any, like: Any) -> Any:
    return like.new_full((), value) if isinstance(value, (builtins.float, builtins.int)) else value
