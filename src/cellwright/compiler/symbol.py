"""What the equations are traced on: a `Symbol` stands for a value and carries the operators. Floor 1.

Every operation on symbols appends one inert node to the `Recorder`. What cannot be taken (a Python `if` on a
value, indexing, a call of another library) is refused at once with the user's file and line; shapes that do
not fit are collected, so that several mistakes are reported together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

from cellwright.compiler.dims import Shape
from cellwright.compiler.graph import Node, Where
from cellwright.compiler.ops import OPS, MisfitError
from cellwright.errors import CellError

_HERE = str(Path(__file__).parent)


class Recorder:
    """The graph while it grows. One per trace."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.names: dict[int, str] = {}
        self.problems: list[CellError] = []

    def leaf(self, op: str, name: str, shape: Shape, where: Where) -> Symbol:
        """A new input, state or parameter."""
        return self._append(Node(op, (), shape, name, (), where))

    def constant(self, value: float) -> Symbol:
        """A number written in the equations."""
        return self._append(Node("constant", (), (), "", (("value", float(value)),), users_line()))

    def apply(self, op: str, operands: tuple[Any, ...], attributes: dict[str, Any]) -> Symbol:
        """One operation on symbols and numbers."""
        symbols = tuple(self._lift(v, op) for v in operands)
        where = users_line()
        shapes = tuple(s.shape for s in symbols)
        try:
            shape = OPS[op].shape(shapes, attributes)
        except MisfitError as fact:
            # Go on with the likeliest shape, so that one mistake is reported once.
            shape = shapes[0][:1] if OPS[op].kind == "product" else max(shapes, key=len)
            self.problems.append(
                CellError(
                    f"the sizes of `{op}` do not fit",
                    where=where,
                    got=fact.got,
                    expected=fact.expected,
                    fix=fact.fix,
                )
            )
        items = tuple(sorted(attributes.items()))
        return self._append(Node(op, tuple(s.index for s in symbols), shape, "", items, where))

    def _lift(self, value: Any, op: str) -> Symbol:
        if isinstance(value, Symbol):
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self.constant(value)
        raise CellError(
            f"`{op}` cannot take this value",
            where=users_line(),
            got=type(value).__name__,
            expected="a value of the cell or a number",
            fix="make it a parameter or a hyper-parameter of the cell",
        )

    def _append(self, node: Node) -> Symbol:
        self.nodes.append(node)
        return Symbol(self, len(self.nodes) - 1)


class Symbol:
    """A value of the cell while its equations are traced."""

    __slots__ = ("index", "recorder")

    def __init__(self, recorder: Recorder, index: int) -> None:
        self.recorder, self.index = recorder, index

    @property
    def shape(self) -> Shape:
        """The value's symbolic shape."""
        return self.recorder.nodes[self.index].shape

    @property
    def T(self) -> Symbol:  # noqa: N802
        """The transpose of a matrix."""
        return self.recorder.apply("transpose", (self,), {})

    def _with(self, op: str, *operands: Any) -> Symbol:
        return self.recorder.apply(op, operands, {})

    def __add__(self, other: Any) -> Symbol:
        return self._with("add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return self._with("add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return self._with("sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self._with("sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self._with("mul", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return self._with("mul", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return self._with("div", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self._with("div", other, self)

    def __pow__(self, other: Any) -> Symbol:
        return self._with("pow", self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return self._with("pow", other, self)

    def __matmul__(self, other: Any) -> Symbol:
        return self._with("matmul", self, other)

    def __neg__(self) -> Symbol:
        return self._with("neg", self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        return self._with("abs", self)

    def __lt__(self, other: Any) -> Symbol:
        return self._with("less", self, other)

    def __gt__(self, other: Any) -> Symbol:
        return self._with("less", other, self)

    def __le__(self, other: Any) -> Symbol:
        return self._with("less_equal", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return self._with("less_equal", other, self)

    def __eq__(self, other: object) -> Symbol:  # type: ignore[override]
        return self._with("equal", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        _refuse("a Python `if`, `while`, `and` or `or` on a value", "write where(condition, a, b)")

    def __float__(self) -> NoReturn:
        _refuse(
            "a value used as a Python number", "use the words of cellwright (cellwright.exp, not math.exp)"
        )

    def __index__(self) -> NoReturn:
        _refuse("a value used as a count or an index", "make it a hyper-parameter: a keyword with a default")

    def __iter__(self) -> NoReturn:
        _refuse("a loop over a value", "cut it with part(v, index, parts) or write it on whole vectors")

    def __len__(self) -> NoReturn:
        _refuse("the length of a value", "use mean() or a hyper-parameter; sizes are known only later")

    def __getitem__(self, key: Any) -> NoReturn:
        _refuse("indexing a value", "cut it with part(v, index, parts), or give each piece its own parameter")

    def __array__(self, *_: Any) -> NoReturn:
        _refuse(
            "a numpy function on a value", "use the words of cellwright (cellwright.tanh, not numpy.tanh)"
        )

    @classmethod
    def __torch_function__(cls, function: Any, *_: Any) -> NoReturn:
        word = getattr(function, "__name__", "it")
        _refuse(f"torch's `{word}` on a value", f"use the words of cellwright (cellwright.{word})")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        _refuse(f"the attribute `.{name}` of a value", f"use the words of cellwright, as in {name}(v)")


def is_compiler(file: str) -> bool:
    """Whether a file is one of this room's, not the user's."""
    return file.startswith(_HERE)


def users_line() -> Where:
    """The nearest frame outside the compiler: the line of the equations."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_compiler(frame.f_code.co_filename):
        frame = frame.f_back
    return Where(frame.f_code.co_filename, frame.f_lineno)


def _refuse(what: str, fix: str) -> NoReturn:
    raise CellError(f"{what} cannot be traced", where=users_line(), fix=fix)
