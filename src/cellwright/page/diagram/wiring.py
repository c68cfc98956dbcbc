"""What a cell's diagram shows: its graph, with the weights gathered into gates. Floor 4.

A gate is an activation of weighted inputs, such as σ(W x + U h + b); all else are operations on values.
A state whose new value is made of its old one by operations alone rides on a track.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.ops import OPS

ACTIVATIONS = {"sigmoid": "σ", "sqrt": "√", "abs": "|·|"}
SYMBOLS = {
    "mul": "×", "add": "+", "sub": "−", "div": "÷", "neg": "−", "pow": "^",
    "maximum": "max", "minimum": "min", "where": "if", "layer_norm": "LN", "concat": "[ , ]", "sum": "Σ",
    "less": "<", "less_equal": "≤", "equal": "=",
}  # fmt: skip
MARKS = {"sub": ("", "−"), "div": ("", "÷"), "pow": ("", "^"), "where": ("if", "then", "else")}
JOINED = ("add", "mul")


@dataclass(frozen=True)
class Wire:
    """An input: the key of the part it comes from, and what is written where it enters."""

    source: int
    mark: str = ""


@dataclass(frozen=True)
class Part:
    """Something drawn.

    Attributes:
        kind: "input", "before" (a state of the step before), "gate", "op" or "after" (a new state).
        symbol: what stands in it.
        name: of its value in the equations, or "".
        weights: the parameters gathered in a gate.
        inputs: what flows into it.
    """

    kind: str
    symbol: str
    name: str = ""
    weights: tuple[str, ...] = ()
    inputs: tuple[Wire, ...] = ()


@dataclass(frozen=True)
class Wiring:
    """Parts by key, each after those it reads; tracks, each the keys from a state to its new value."""

    parts: dict[int, Part]
    tracks: tuple[tuple[int, ...], ...]


def wiring(graph: Graph) -> Wiring:
    """The parts of one step of a cell, and how they are connected.

    >>> from cellwright import cells
    >>> found = wiring(cells.lstm.graph)
    >>> [(part.symbol, part.name) for part in found.parts.values() if part.kind == "gate"]
    [('σ', 'f'), ('σ', 'i'), ('tanh', 'g'), ('σ', 'o')]
    """
    reader, after = _Reader(graph), len(graph.nodes)
    # The states that are carried come first, the output last: so the gates stand in the order of use.
    order = [*range(1, len(graph.states)), 0]
    for place in order:
        wire = Wire(reader.value(graph.returns[place]))
        name = graph.states[place].name
        reader.parts[after + place] = Part("after", name, name, inputs=(wire,))
    for k, node in graph.leaves("state"):
        reader.parts.setdefault(k, Part("before", node.name, node.name))
    return Wiring(reader.parts, tuple(_tracks(graph, reader.parts, order)))


class _Reader:
    """From nodes to parts; a part is made when something first reads it."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.nodes = graph, graph.nodes
        self.parts: dict[int, Part] = {}
        self.readers = [0] * len(graph.nodes)
        self.fixed: list[bool] = []
        for node in graph.nodes:
            for operand in node.operands:
                self.readers[operand] += 1
            moves = node.op in ("input", "state") or not all(self.fixed[o] for o in node.operands)
            self.fixed.append(not moves)

    def value(self, k: int) -> int:
        """The key of the part that makes the k-th value."""
        k = self.scaled(k)
        if k not in self.parts:
            part = self._made(k)
            self.parts[k] = part
        return k

    def scaled(self, k: int) -> int:
        """Past a product with 1, unless the product has the name."""
        node = self.nodes[k]
        if node.op == "mul" and not node.name:
            a, b = node.operands
            for one, other in ((a, b), (b, a)):
                if self.nodes[one].op == "constant" and self.nodes[one].attribute("value") == 1:
                    return self.scaled(other)
        return k

    def inner(self, k: int) -> Node | None:
        """The node, if it is a piece of one expression: without a name, read once."""
        node = self.nodes[k]
        return node if node.operands and not node.name and self.readers[k] == 1 else None

    def text(self, k: int) -> list[str]:
        """The numbers and parameters that a fixed value is made of."""
        node = self.nodes[k]
        if node.op == "constant":
            return [f"{node.attribute('value'):g}".replace("-", "−")]
        return [node.name] if not node.operands else [t for o in node.operands for t in self.text(o)]

    def _made(self, k: int) -> Part:
        node = self.nodes[k]
        if not node.operands:
            return Part("before" if node.op == "state" else "input", node.name, node.name)
        symbol, of = self._activation(k)
        gathered = _Gathered(self)
        gathered.take(of, top=of == k)
        if gathered.weighted or (symbol and gathered.biased):
            wires = tuple(Wire(self.value(o), mark) for o, mark in gathered.terms)
            return Part("gate", symbol, node.name, tuple(gathered.weights), wires)
        return self._operation(k, node)

    def _activation(self, k: int) -> tuple[str, int]:
        """The activation that gives the k-th value, and what it is of; "" and k where there is none."""
        node = self.nodes[k]
        if node.op == "mul" and node.name:  # dt * sigmoid(...) with dt = 1
            k = next((o for o in node.operands if self._is_one(o, node)), k)
            node = self.nodes[k]
        if len(node.operands) != 1:
            return "", k
        below = self.inner(node.operands[0])
        if node.op == "neg" and below is not None and below.op == "softplus":
            deepest = self.inner(below.operands[0])
            if deepest is not None and deepest.op == "neg":
                return "log σ", deepest.operands[0]
        if OPS[node.op].kind != "pointwise" or node.op == "neg":
            return "", k
        return ACTIVATIONS.get(node.op, node.op), node.operands[0]

    def _is_one(self, k: int, product: Node) -> bool:
        others = [self.nodes[o] for o in product.operands if o != k]
        return (
            all(o.op == "constant" and o.attribute("value") == 1 for o in others)
            and self.inner(k) is not None
        )

    def _operation(self, k: int, node: Node) -> Part:
        symbol = SYMBOLS.get(node.op, ACTIVATIONS.get(node.op, node.op))
        operands = self._joined(k) if node.op in JOINED else list(node.operands)
        if node.op == "part":
            symbol = piece(node)
        if node.op != "where" and any(self.fixed[o] for o in operands):
            texts = [", ".join(self.text(o)) if self.fixed[o] else "" for o in operands]
            wires = tuple(Wire(self.value(o)) for o in operands if not self.fixed[o])
            return Part("op", symbol.join(texts), node.name, inputs=wires)
        marks = MARKS.get(node.op, ("",) * len(operands))
        pairs = [(o, mark) for o, mark in zip(operands, marks, strict=True) if not self.fixed[o]]
        wires = tuple(Wire(self.value(o), mark) for o, mark in pairs)
        return Part("op", symbol, node.name, inputs=wires)

    def _joined(self, k: int) -> list[int]:
        """The terms of a sum, the factors of a product: three of them where an operand is one as well."""
        node = self.nodes[k]
        for place, o in enumerate(node.operands):
            below = self.inner(o)
            if below is not None and below.op == node.op and not any(self.fixed[p] for p in below.operands):
                return [*node.operands[:place], *below.operands, *node.operands[place + 1 :]]
        return list(node.operands)


class _Gathered:
    """An expression that is linear but for norms: its terms, each with a mark, and the weights on the way."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self.weights: list[str] = []
        self.terms: list[tuple[int, str]] = []
        self.weighted = self.biased = False

    def take(self, k: int, top: bool = False, mark: str = "") -> None:
        """Go down from the k-th value to what is no longer linear."""
        reader, k = self.reader, k if top else self.reader.scaled(k)
        node = reader.nodes[k] if top else reader.inner(k)
        if reader.fixed[k]:
            self.biased |= reader.nodes[k].op != "constant"
            self.weights += reader.text(k)
        elif node is None or not node.operands:
            self.terms.append((k, mark))
        elif node.op in ("matmul", "blocks") and reader.fixed[node.operands[0]]:
            self.weighted = True
            self.weights += reader.text(node.operands[0])
            self.terms.append((node.operands[1], ""))
        elif node.op in ("add", "sub", "neg"):
            *before, last = node.operands
            for o in before:
                self.take(o, mark=mark)
            self.take(last, mark=mark if node.op == "add" else "−")
        elif node.op == "mul" and any(reader.fixed[o] for o in node.operands):
            scale, other = sorted(node.operands, key=lambda o: not reader.fixed[o])
            self.weighted |= reader.nodes[scale].op != "constant"
            self.weights += reader.text(scale)
            self.take(other)
        elif node.op == "layer_norm" and self._norm_of_product(node.operands[0]):
            self.weights.append("LN")
            self.take(node.operands[0])
        elif node.op == "part":
            self.terms.append((node.operands[0], piece(node)))
        else:
            self.terms.append((k, mark))

    def _norm_of_product(self, k: int) -> bool:
        below = self.reader.inner(k)
        return below is not None and below.op in ("matmul", "blocks")


def piece(node: Node) -> str:
    """Which part of a vector is taken, as a fraction."""
    return f"{node.attribute('index') + 1}/{node.attribute('parts')}"


def has_ports(part: Part) -> bool:
    """Whether wires enter on the left, side by side: all but small rings, which they enter from around."""
    return part.kind == "gate" or len(part.inputs) > 3


def _tracks(graph: Graph, parts: dict[int, Part], order: list[int]) -> Iterator[tuple[int, ...]]:
    """For each state in turn the shortest way to its new value through operations that no other track has."""
    after, taken = len(graph.nodes), set[int]()
    before = {node.name: k for k, node in graph.leaves("state")}
    for place in order:
        start, end = before[graph.states[place].name], after + place
        way = _shortest(parts, start, end, taken)
        if way is not None:
            taken |= set(way)
            yield way


def _shortest(parts: dict[int, Part], start: int, end: int, taken: set[int]) -> tuple[int, ...] | None:
    ways: list[tuple[int, ...]] = [(start,)]
    seen = {start}
    for way in ways:
        if way[-1] == end:
            return way
        for key, part in parts.items():
            reads = any(wire.source == way[-1] for wire in part.inputs)
            if (
                reads
                and key not in seen | taken
                and (key == end or (part.kind == "op" and not has_ports(part)))
            ):
                seen.add(key)
                ways.append((*way, key))
    return None
