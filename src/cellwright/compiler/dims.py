"""Sizes of a cell's values: linear forms over letters such as `H`, `I`, `4*H`, `H + I`, `H/4`. Floor 1.

Refuses products of two letters: a recurrent cell's sizes never need them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from cellwright.errors import SettingError

_TERM = re.compile(r"^(?:(\d+)\s*\*\s*)?([A-Za-z_]\w*|\d+)(?:\s*/\s*([A-Za-z_]\w*|\d+))?(?:\s*\*\s*(\d+))?$")


@dataclass(frozen=True)
class Dim:
    """A size: the sum of coefficient x letter; the letter "" stands for 1.

    >>> Dim.parse("4*H") == Dim.parse("H*4")
    True
    >>> str(Dim.parse("H + I")), Dim.parse("H/heads", {"heads": 4}).evaluate({"H": 64})
    ('H + I', 16)
    """

    terms: tuple[tuple[str, Fraction], ...]

    @staticmethod
    def of(terms: Mapping[str, Fraction]) -> Dim:
        """The canonical form: zero terms dropped, letters in order."""
        return Dim(tuple(sorted((k, v) for k, v in terms.items() if v)))

    @staticmethod
    def parse(text: str, values: Mapping[str, int] | None = None) -> Dim:
        """Read `4*H`, `H + I`, `H/heads`, `rank`, `16`; `values` are the integer hyper-parameters.

        Raises:
            ValueError: the text is not a sum of such terms.
        """
        total: dict[str, Fraction] = {}
        for part in text.split("+"):
            letter, factor = _term(part.strip(), values or {})
            total[letter] = total.get(letter, Fraction(0)) + factor
        return Dim.of(total)

    def __add__(self, other: Dim) -> Dim:
        return Dim.of({k: self._get(k) + other._get(k) for k, _ in self.terms + other.terms})

    def __sub__(self, other: Dim) -> Dim:
        return self + other.scaled(Fraction(-1))

    def scaled(self, factor: Fraction) -> Dim:
        """This size times a number."""
        return Dim.of({k: v * factor for k, v in self.terms})

    def _get(self, letter: str) -> Fraction:
        return dict(self.terms).get(letter, Fraction(0))

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The size as a number.

        Raises:
            ValueError: a letter has no size.
            SettingError: the size is not a whole number from 0 up (`H/4` at H = 6).
        """
        missing = [k for k, _ in self.terms if k and k not in sizes]
        if missing:
            raise ValueError(f"the size {self} needs a value for {', '.join(missing)}")
        total = sum((v * (sizes[k] if k else 1) for k, v in self.terms), Fraction(0))
        if total.denominator != 1 or total < 0:
            raise SettingError(
                f"the size {self} of the cell is not a whole number",
                got=", ".join(f"{k} = {sizes[k]}" for k, _ in self.terms if k) or None,
                fix="choose sizes or hyper-parameters for which it is",
            )
        return int(total)

    def __str__(self) -> str:
        return " + ".join(_show(k, v) for k, v in self.terms) or "0"


Shape = tuple[Dim, ...]
ONE = Dim.of({"": Fraction(1)})
ZERO = Dim(())
H = Dim.of({"H": Fraction(1)})
I = Dim.of({"I": Fraction(1)})


def parse_shape(text: str, values: Mapping[str, int] | None = None) -> Shape:
    """Read an annotation such as `[H, I]`, `[4*H]` or `[]`.

    >>> show_shape(parse_shape("[rank, H + I]", {"rank": 8}))
    '[8, H + I]'
    """
    body = text.strip()
    if not (body.startswith("[") and body.endswith("]")):
        raise ValueError(f"a shape is written like [H, I], not {text!r}")
    inner = body[1:-1].strip()
    return tuple(Dim.parse(part, values) for part in inner.split(",")) if inner else ()


def show_shape(shape: Shape) -> str:
    """The annotation that parses back to this shape."""
    return "[" + ", ".join(map(str, shape)) + "]"


def _term(text: str, values: Mapping[str, int]) -> tuple[str, Fraction]:
    match = _TERM.match(text)
    if match is None:
        raise ValueError(f"a size is a sum of terms such as H, 4*H, H/2 or 16, not {text!r}")
    before, base, under, after = match.groups()
    divisor = _number(under or "1", values)
    if not divisor:
        raise ValueError(f"{text!r} divides by 0")
    factor = Fraction(int(before or 1) * int(after or 1)) / divisor
    if base.isdigit() or base in values:
        return "", factor * _number(base, values)
    return base, factor


def _number(text: str, values: Mapping[str, int]) -> Fraction:
    if text.isdigit():
        return Fraction(int(text))
    if text not in values:
        raise ValueError(f"{text!r} is not a number nor a hyper-parameter of the cell")
    return Fraction(values[text])


def _show(letter: str, factor: Fraction) -> str:
    if not letter:
        return str(factor)
    over = letter if factor.numerator == 1 else f"{factor.numerator}*{letter}"
    return over if factor.denominator == 1 else f"{over}/{factor.denominator}"
