"""Names in the emitted Triton: the equations' own, made safe and unique. Floor 2."""

from __future__ import annotations

import keyword
import re

from cellwright.backends.cpu.names import identifier, unique
from cellwright.backends.cpu.names import size_text as size_in_c
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Node

# What the emitted text calls its own.
_TEXT = """
    T B STEPS ROWS SHARE REAL HELD DOT PRECISION RAGGED RESETS KEEP ENDS SCANNED DEPTH
    tl triton rows here group part begin end step at real length anew ends slot slot_of factor n dy
    deep along piece tile first inside shifted range
    FIRST COUNT BLOCK SHARES APART WIDE AHEAD block turn other met meet there others PARTS batch
"""
_OWN = frozenset(_TEXT.split())
_OURS = re.compile(
    r"(cols|in|deep|along|at|now|carry|sum|own|count|part|parts|off|P|S|W|DO|keep|end)_"
    r"|.*_(ptr|held|piece|now|T|\d|at_\d+|last|fresh|next|prev|given|left)$|v\d+$|[A-Z]$"
)


def word(name: str) -> str:
    """A Python identifier for a name of the equations.

    >>> word("f"), word("lambda"), word("α"), word("rows")
    ('f', 'lambda_', 'u3b1', 'rows_')
    """
    plain = identifier(name)
    taken = keyword.iskeyword(plain) or plain in _OWN or _OURS.match(plain)
    return f"{plain}_" if taken else plain


def field(array: str) -> str:
    """What an array is called; ours begin with a dot.

    >>> field("U_i"), field(".feed_0"), field(".d x")
    ('U_i', 'feed_0', 'd_x')
    """
    if not array.startswith("."):
        return word(array)
    own, _, name = array[1:].partition(" ")
    return f"{own}_{word(name)}" if name else own


def size_text(dim: Dim) -> str:
    """A size as a Python expression.

    >>> size_text(Dim.parse("2*H + I")), size_text(Dim.parse("H/4"))
    ('2 * H + I', 'H // 4')
    """
    return size_in_c(dim, "").replace("/", "//")


def dim_word(dim: Dim) -> str:
    """A size within a name.

    >>> dim_word(Dim.parse("2*H")), dim_word(Dim.parse("H/4")), dim_word(Dim.parse("H + I"))
    ('2H', 'H_4', 'H_I')
    """
    return re.sub(r"\W+", "_", str(dim).replace("*", ""))


def names_of(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    """The local names of one routine's values, by position."""
    return unique(_wish(k, node) for k, node in enumerate(nodes))


def _wish(k: int, node: Node) -> str:
    if node.op == "state":
        return f"{word(node.name)}_prev"
    if node.op == "gradient":
        return f"d{word(node.name)}_next" if node.name else "dy"
    return word(node.name.removeprefix("kept ")) if node.name else f"v{k}"
