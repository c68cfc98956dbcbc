"""The proof that a recurrence is linear: a state's update is affine in it, unit by unit. Floor 1.

    s_t = a_t ⊙ s_{t-1} + b_t      a_t and b_t read no state

Such steps compose, (a2, b2) after (a1, b1) = (a2 a1, a2 b1 + b2), so all of them can be computed at once.
States whose old value nobody reads are outputs: they may be anything. The proof walks the graph; what it
cannot show it refuses in one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellwright.compiler.build import Builder
from cellwright.compiler.graph import Graph, Node
from cellwright.compiler.inner_ops import ALL, ANY_LEAF, reads
from cellwright.compiler.notation import ATOM, PYTHON, Form
from cellwright.compiler.places import Place, Routine
from cellwright.compiler.simplify import copy_node, read_by


@dataclass(frozen=True)
class Linear:
    """What was shown: each carried state and its factor, as text; and the states that are outputs only."""

    carried: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        each = ", ".join(f"{name} by {factor}" for name, factor in self.carried)
        return f"linear: every step multiplies {each} and adds what reads no state"


class NotAffineError(Exception):
    """A bare fact: why the proof fails."""


def linear_states(step: Graph) -> Linear | str:
    """Prove a step linear, or say in one sentence why it is not.

    Args:
        step: a verified graph; hoisted or not.

    >>> from cellwright import cells
    >>> print(linear_states(cells.mingru.graph))
    linear: every step multiplies h by 1 - z and adds what reads no state
    >>> print(linear_states(cells.gru.graph))
    not linear: the new h reads U_z @ h, which mixes the units of h
    """
    builder, place = _copied(step.nodes)
    leaves = {n.name: place[k] for k, n in enumerate(step.nodes) if n.op == "state"}
    # A step may return more than its states: values to look at.
    new = {s.name: place[k] for s, k in zip(step.states, step.returns, strict=False)}
    carried = _read(builder, leaves, new)
    if not carried:
        return "not linear: no state is read, so nothing is carried from step to step"
    try:
        factors = {name: _Walk(builder, leaves, name).factor(new[name]) for name in carried}
    except NotAffineError as fact:
        return f"not linear: {fact}"
    texts = tuple((name, _text(builder.nodes, k)) for name, k in factors.items())
    return Linear(texts, tuple(name for name in leaves if name not in carried))


def with_factors(forward: Routine, states: tuple[Node, ...]) -> Routine:
    """The step forward of a linear recurrence that also gives the factor of every carried state."""
    builder, place = _copied(forward.nodes)
    leaves = {n.name: place[k] for k, n in enumerate(forward.nodes) if n.op == "state"}
    names = {s.name for s in states}
    new = {p.array: place[k] for k, p in forward.stores if p.array in names}
    factors = {name: _Walk(builder, leaves, name).factor(new[name]) for name in _read(builder, leaves, new)}
    stores = [(place[k], p) for k, p in forward.stores]
    stores += [(k, Place(f".factor {name}", "factor")) for name, k in factors.items()]
    loads = {place[k]: p for k, p in forward.loads.items()}
    return Routine(forward.name, tuple(builder.nodes), loads, tuple(stores), forward.sums)


def _copied(nodes: tuple[Node, ...]) -> tuple[Builder, dict[int, int]]:
    builder = Builder()
    place: dict[int, int] = {}
    for k, node in enumerate(nodes):
        place[k] = copy_node(builder, node, tuple(place[o] for o in node.operands))
    return builder, place


def _read(builder: Builder, leaves: dict[str, int], new: dict[str, int]) -> list[str]:
    """The states whose old value some update reads."""
    alive = read_by(tuple(builder.nodes), new.values())
    return [name for name, k in leaves.items() if k in alive]


class _Walk:
    """The factor of one state in every value that reads it, from the leaf up."""

    def __init__(self, builder: Builder, leaves: dict[str, int], state: str) -> None:
        self.builder, self.state, self.leaf = builder, state, leaves[state]
        self.others = {k: name for name, k in leaves.items() if name != state}
        self.found: dict[int, int | None] = {}

    def factor(self, k: int) -> int:
        """The factor of the state in its update; 0 where it does not read it."""
        found = self._of(k)
        return self.builder.constant(0.0) if found is None else found

    def _of(self, k: int) -> int | None:
        """None: the value reads no state."""
        if k not in self.found:
            self.found[k] = self._work_out(k)
        return self.found[k]

    def _work_out(self, k: int) -> int | None:
        node = self.builder.nodes[k]
        if k == self.leaf:
            return self.builder.constant(1.0)
        if k in self.others:
            raise NotAffineError(f"the new {self.state} reads {self.others[k]}, another state")
        operands = reads(node.op, node.operands)
        if node.op in ANY_LEAF or not operands:
            return None
        each = [self._of(o) for o in operands]
        if all(a is None for a in each):
            return None
        rule = getattr(self, f"_{node.op}", None)
        if rule is None:
            raise NotAffineError(self._refusal(k))
        result: int = rule(operands, each)
        return result

    def _refusal(self, k: int) -> str:
        node, text = self.builder.nodes[k], _text(self.builder.nodes, k, named=False)
        if ALL[node.op].kind == "pointwise":
            return f"the new {self.state} reads {text}, which is not affine in {self.state}"
        return f"the new {self.state} reads {text}, which mixes the units of {self.state}"

    def _zero(self, factor: int | None) -> int:
        return self.builder.constant(0.0) if factor is None else factor

    def _add(self, _: tuple[int, ...], each: list[int | None]) -> int:
        return self.builder.add("add", self._zero(each[0]), self._zero(each[1]))

    def _sub(self, _: tuple[int, ...], each: list[int | None]) -> int:
        return self.builder.add("sub", self._zero(each[0]), self._zero(each[1]))

    def _neg(self, _: tuple[int, ...], each: list[int | None]) -> int:
        return self.builder.add("neg", self._zero(each[0]))

    def _copy(self, _: tuple[int, ...], each: list[int | None]) -> int:
        return self._zero(each[0])

    _spread = _copy

    def _mul(self, operands: tuple[int, ...], each: list[int | None]) -> int:
        a, b = each
        if a is not None and b is not None:
            raise NotAffineError(f"the new {self.state} multiplies two values that read {self.state}")
        return self.builder.add("mul", *((operands[1], self._zero(a)) if b is None else (operands[0], b)))

    def _div(self, operands: tuple[int, ...], each: list[int | None]) -> int:
        if each[1] is not None:
            raise NotAffineError(f"the new {self.state} divides by a value that reads {self.state}")
        return self.builder.add("div", self._zero(each[0]), operands[1])

    def _where(self, operands: tuple[int, ...], each: list[int | None]) -> int:
        if each[0] is not None:
            raise NotAffineError(f"the new {self.state} chooses by a condition that reads {self.state}")
        return self.builder.add("where", operands[0], self._zero(each[1]), self._zero(each[2]))


def _text(nodes: list[Node], k: int, named: bool = True) -> str:
    """A value in the equations' words."""
    return _written(nodes, k, named)[0]


def _written(nodes: list[Node], k: int, named: bool = True) -> tuple[str, int]:
    """Its text, and how strongly it binds."""
    node = nodes[k]
    if node.op == "constant":
        return f"{node.attribute('value'):g}", ATOM
    if node.name and (named or not node.operands):
        return node.name, ATOM
    form = PYTHON.get(node.op, Form(f"{node.op}({{all}})"))
    each = [_written(nodes, o) for o in node.operands]
    needs = (*form.needs, *[0] * len(each))
    texts = [
        f"({text})" if strength < need else text for (text, strength), need in zip(each, needs, strict=False)
    ]
    return form.template.format(*texts, all=", ".join(texts), **dict(node.attributes)), form.strength
