"""A graph under construction: equal values become one node, constants fold, neutral operands vanish. Floor 1.

`simplify`, `derive` and `hoist` all build through this, so that what they write is already plain.
"""

from __future__ import annotations

from typing import Any

from cellwright.compiler.dims import Shape
from cellwright.compiler.graph import NOWHERE, Node, Where
from cellwright.compiler.inner_ops import ALL

_COMMUTE = ("add", "mul", "maximum", "minimum", "equal")


class Builder:
    """Nodes in order of computation."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._seen: dict[Any, int] = {}

    def shape(self, index: int) -> Shape:
        """The shape of a value."""
        return self.nodes[index].shape

    def leaf(self, op: str, name: str, shape: Shape, where: Where = NOWHERE) -> int:
        """An input, state, parameter or gradient; one node per name and kind."""
        return self._once((op, name), Node(op, (), shape, name, (), where))

    def constant(self, value: float) -> int:
        """A number."""
        return self._once(
            ("constant", float(value)), Node("constant", (), (), "", (("value", float(value)),))
        )

    def add(self, op: str, *operands: int, name: str = "", where: Where = NOWHERE, **attributes: Any) -> int:
        """One operation on earlier values; returns the position of its (possibly already known) value."""
        shapes = tuple(self.shape(k) for k in operands)
        shape = ALL[op].shape(shapes, attributes)
        plain = self._plain(op, operands)
        if plain is not None and self.shape(plain) == shape:
            return self._named(plain, name)
        items = tuple(sorted(attributes.items()))
        order = tuple(sorted(operands)) if op in _COMMUTE else operands
        index = self._once((op, order, items), Node(op, operands, shape, name, items, where))
        return self._named(index, name)

    def _once(self, key: Any, node: Node) -> int:
        if key not in self._seen:
            self._seen[key] = len(self.nodes)
            self.nodes.append(node)
        return self._seen[key]

    def _named(self, index: int, name: str) -> int:
        node = self.nodes[index]
        if name and not node.name and node.op != "constant":
            self.nodes[index] = Node(node.op, node.operands, node.shape, name, node.attributes, node.where)
        return index

    def _value(self, index: int) -> float | None:
        node = self.nodes[index]
        return float(node.attribute("value")) if node.op == "constant" else None

    def _plain(self, op: str, operands: tuple[int, ...]) -> int | None:
        """An earlier value that this operation equals, if it is plain to see."""
        values = [self._value(k) for k in operands]
        number = ALL[op].number
        if operands and number is not None and all(v is not None for v in values):
            return self._folded(number, values)
        if op in ("add", "mul"):
            neutral = 0.0 if op == "add" else 1.0
            for k, other in ((0, 1), (1, 0)):
                if values[k] == neutral:
                    return operands[other]
        if (op == "sub" and values[1] == 0.0) or (op in ("div", "pow") and values[1] == 1.0):
            return operands[0]
        if op == "mul" and -1.0 in values:
            return self.add("neg", operands[values.index(-1.0) ^ 1])
        if op == "neg" and self.nodes[operands[0]].op == "neg":
            return self.nodes[operands[0]].operands[0]
        if op == "transpose" and self.nodes[operands[0]].op == "transpose":
            return self.nodes[operands[0]].operands[0]
        return None

    def _folded(self, number: Any, values: list[float | None]) -> int | None:
        try:
            folded = number(*values)
        except (ArithmeticError, ValueError):
            return None
        return (
            self.constant(folded)
            if isinstance(folded, float | int) and not isinstance(folded, bool)
            else None
        )
