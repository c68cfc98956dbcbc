"""How each operation is written in Triton: one row per operation, and the functions that rows call. Floor 2.

Values are [ROWS, P] (a vector of every sequence of a program), [ROWS, 1] (a number of each), [1, P] (a
weight), or numbers. Sums of rows, rearrangements and products are written by `body`.
"""

from __future__ import annotations

from cellwright.backends.cpu.table import Row, sign


def _call(name: str, arity: int = 1, more: str = "") -> Row:
    return Row(f"{name}(" + ", ".join(f"{{{k}}}" for k in range(arity)) + f"{more})")


_NAN = ", propagate_nan=tl.PropagateNan.ALL"
POINTWISE: dict[str, Row] = {
    "add": sign("+"),
    "sub": sign("-"),
    "mul": sign("*"),
    "div": sign("/"),
    "neg": Row("-{0}", True),
    "less": sign("<"),
    "less_equal": sign("<="),
    "equal": sign("=="),
    "where": _call("tl.where", 3),
    "copy": Row("{0}"),
    "spread": Row("{0}"),
    "clip_gradient": Row("{0}"),
    "pow": _call("pow_", 2),
    "maximum": _call("tl.maximum", 2, _NAN),
    "minimum": _call("tl.minimum", 2, _NAN),
    "relu": Row(f"tl.maximum({{0}}, 0.0{_NAN})"),
    "sigmoid": _call("sigmoid_"),
    "tanh": _call("tanh_"),
    "softplus": _call("softplus_"),
    **{name: _call(f"tl.{name}") for name in ("exp", "log", "sqrt", "abs", "sin", "cos")},
}

# A row of units folded into one number; what stands past the row's end is the neutral one.
REDUCTIONS: dict[str, tuple[str, str]] = {
    "sum": ("0.0", "tl.sum({0}, axis=1, keep_dims=True)"),
    "mean": ("0.0", "tl.sum({0}, axis=1, keep_dims=True) / ({1})"),
    "max": ('float("-inf")', "tl.max({0}, axis=1, keep_dims=True)"),
}
ALONG = {
    "cumsum": "tl.cumsum({0}, axis=1)",
    "suffix_sum": "tl.cumsum({0}, axis=1, reverse=True)",
}
ARRANGE = ("concat", "part", "piece", "place")
PRODUCTS = ("matmul_sum", "blocks")
TURNED = ("transpose", "turn_blocks")

# Written into the text of a kernel that calls them, in this order. Odd functions keep their relative error
# near 0: tanh by an odd polynomial there (fitted to tanh(x)/x in x^2 on [0, 0.4]), elsewhere through exp.
FUNCTIONS: dict[str, str] = {
    "inside": '''\
@triton.jit
def inside(v, within, size: tl.constexpr, padded: tl.constexpr, neutral: tl.constexpr):
    """A row with `neutral` past its end."""
    if size == padded:
        return v
    else:
        return tl.where(within, v, neutral)
''',
    "shifted": '''\
@triton.jit
def shifted(v, cols, start: tl.constexpr, padded: tl.constexpr, ROWS: tl.constexpr, wide: tl.constexpr):
    """v at the columns `cols + start`; past its ends its first and last."""
    index = tl.minimum(tl.maximum(cols + start, 0), padded - 1)
    return tl.gather(v, tl.broadcast_to(index, [ROWS, wide]), 1)
''',
    "meet": '''\
@triton.jit
def meet(count_ptr, target):
    """Wait until all programs that share these rows are here; then each sees what the others stored."""
    tl.debug_barrier()
    count = tl.atomic_add(count_ptr, 1, sem="acq_rel", scope="gpu") + 1
    while count < target:
        count = tl.atomic_add(count_ptr, 0, sem="acquire", scope="gpu")
    tl.debug_barrier()
''',
    "sigmoid_": """\
@triton.jit
def sigmoid_(v):
    return 1 / (1 + tl.exp(-v))
""",
    "tanh_": """\
@triton.jit
def tanh_(v):
    small = tl.exp(-2 * tl.abs(v))
    far = (1 - small) / (1 + small)
    far = tl.where(v < 0, -far, far)
    if v.dtype == tl.float64:
        return far
    else:
        s = v * v
        near = 1.0 + s * (-0.33333285 + s * (0.13330908 + s * (-0.05353617 + s * 0.01867216)))
        return tl.where(s < 0.16, v * near, far)
""",
    "softplus_": """\
@triton.jit
def softplus_(v):
    small = tl.exp(-tl.abs(v))
    rest = tl.where(small < 1e-4, small * (1 - small * (0.5 - small / 3)), tl.log(1 + small))
    return tl.where(v > 0, v, 0.0) + rest
""",
    "pow_": """\
@triton.jit
def pow_(base, exponent):
    size = tl.exp(exponent * tl.log(tl.where(base == 0, 1.0, tl.abs(base))))
    whole = exponent == tl.floor(exponent)
    odd = exponent != 2 * tl.floor(exponent / 2)
    signed = tl.where(base < 0, tl.where(whole, tl.where(odd, -size, size), float("nan")), size)
    at_zero = tl.where(exponent > 0, 0.0, float("inf"))
    return tl.where(exponent == 0, 1.0, tl.where(base == 0, at_zero, signed))
""",
}

# The second pass of a scan (see `scan`).
JOINED = '''\
@triton.jit(do_not_specialize=["PARTS", "N"])
def joined(
    own_ptr, through_ptr, start_ptr, found_ptr, PARTS, N, LAST_FIRST: tl.constexpr, LANES: tl.constexpr,
):
    """What stands before every part: one after the other, s <- through * s + own."""
    lane = tl.program_id(0).to(tl.int64) * LANES + tl.arange(0, LANES)
    there = lane < N
    now = tl.load(start_ptr + lane, there, 0)
    for n in range(0, PARTS):
        at = (PARTS - 1 - n if LAST_FIRST else n) * N + lane
        tl.store(found_ptr + at, now, there)
        now = tl.load(through_ptr + at, there, 0) * now + tl.load(own_ptr + at, there, 0)
'''
