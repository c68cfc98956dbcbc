"""Names in the emitted C++: the equations' own, made safe and unique. Floor 2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Node

# C++'s own words and macros, then the names in vector.h, product.h and the emitted loops.
_CPP = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t class
    compl const const_cast constexpr continue decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new noexcept
    not not_eq nullptr operator or or_eq private protected public register reinterpret_cast return short
    signed sizeof static static_assert static_cast struct switch template this thread_local throw true
    try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq linux
    unix main EOF NULL NAN INFINITY exp log tanh sin cos sqrt pow abs y0 y1 yn j0 j1 jn gamma
"""
_TEXT = """
    all step row unit count sums share mine live result term real whole V N L H I P T B All Loose Reduced
    Tile Share bits load store collect only total splat product multiply pack tiles_of panel_size
    each_vector wave largest keep ring rows lengths threads forward backward run data part parts to from
    size running n k at BYTES REGISTERS MAGIC BIAS MANTISSA DOUBLE INLINE LN2_HIGH LN2_LOW EXP_TOP
    EXP_BOTTOM TANH_TOP SIGMOID_TOP up deep everywhere plus_product Pairs HALF AMX EMULATED PAIRS TILE_N
    rounded pairs_of round_row tiles rounded_size room_each room_of pile_of mine most Halves side_by_side
    vector_of HEAP_ROWS load_some paired_rows begin_tiles end_tiles numbers first_of MOVE CHOSEN CHOSEN_HALVES
    Places Counted stream end_streams exp_down
    STREAMED WIDEST first_of_tile held_of_tile
"""
_TAKEN = frozenset((_CPP + _TEXT).split())
# Names that the emitted text makes itself.
_OURS = re.compile(
    r"(feed|panel|at|to|fold|a|carry|given|left|widths|d|operand|matrix|bias|outer|seen)_|.*_(0|last|next|prev|fresh|\d)$|v\d+$|d$|dy$|kept$|scratch$|panels$|totals$|piles?$|room$|marks$|chunk$|window$|first$|gate$|resets$|together$|d\w$"
)


def identifier(name: str) -> str:
    """Letters, digits and underscores of ASCII, a letter first, for a name of the equations.

    >>> identifier("_α"), identifier("2x")
    ('u3b1', 'n2x')
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"u{ord(c):x}" for c in name)
    plain = plain.strip("_") if plain.startswith("_") else plain
    return f"n{plain}" if not plain or plain[0].isdigit() else plain


def word(name: str) -> str:
    """A C++ identifier for a name of the equations.

    >>> word("f"), word("new"), word("α")
    ('f', 'new_', 'u3b1')
    """
    plain = identifier(name)
    return f"{plain}_" if plain in _TAKEN or _OURS.match(plain) else plain


def field(array: str) -> str:
    """The member of the struct that holds an array; ours begin with a dot.

    >>> field("U_i"), field(".carry h"), field("scratch")
    ('U_i', 'carry_h', 'scratch_')
    """
    if not array.startswith("."):
        return word(array)
    own, _, name = array[1:].partition(" ")
    return f"{own}_{word(name)}" if name else own


def size_text(dim: Dim, of: str = "all.") -> str:
    """A size as a C++ expression.

    >>> size_text(Dim.parse("2*H + I")), size_text(Dim.parse("H/4"))
    ('2 * all.H + all.I', 'all.H / 4')
    """
    parts = []
    for letter, factor in dim.terms:
        if not letter:
            parts.append(str(int(factor)))
            continue
        text = f"{of}{letter}" if factor.numerator == 1 else f"{factor.numerator} * {of}{letter}"
        parts.append(text if factor.denominator == 1 else f"{text} / {factor.denominator}")
    return " + ".join(sorted(parts, key=str.isdigit)) or "0"


def letters_of(dims: list[Dim]) -> tuple[str, ...]:
    """The letters that some sizes are made of."""
    return tuple(
        sorted({letter for dim in dims for letter, factor in dim.terms if letter and factor != Fraction(0)})
    )


def names_of(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    """The local names of one routine's values, by position."""
    readers: dict[int, list[int]] = {}
    for k, node in enumerate(nodes):
        for o in node.operands:
            readers.setdefault(o, []).append(k)
    return unique(_wish(nodes, k, node, readers.get(k, [])) for k, node in enumerate(nodes))


def _wish(nodes: tuple[Node, ...], k: int, node: Node, readers: list[int]) -> str:
    if node.op == "state":
        return word(node.name) + "_prev"
    if node.op == "gradient":
        return f"d{word(node.name)}_next" if node.name else "dy"
    if node.name:
        return word(node.name.removeprefix("kept "))
    if node.op == "add" and len(readers) == 1 and nodes[readers[0]].name:
        return "a_" + word(nodes[readers[0]].name)
    return f"v{k}"


def unique(wishes: Iterable[str]) -> tuple[str, ...]:
    """Each wish as it is, or with a number where an earlier one has it.

    >>> unique(["f", "v1", "f"])
    ('f', 'v1', 'f_2')
    """
    found: dict[str, None] = {}
    for wish in wishes:
        name, number = wish, 1
        while name in found:
            number += 1
            name = f"{wish}_{number}"
        found[name] = None
    return tuple(found)
