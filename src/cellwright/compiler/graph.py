"""The inert graph of one step of a cell: what every later stage reads. Floor 1.

    Graph = nodes in order of computation; leaves (input, state, parameter, constant) are nodes too.
    Node  = operation, operands (positions in the graph), attributes, shape, name, where it was written.

Nodes carry no operators (those are on `symbol.Symbol`) and no behaviour: a graph is a value that can be
compared, hashed, printed and saved. One graph is one step for one sample: no time, no batch, no device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cellwright.compiler.dims import Shape, show_shape

LEAVES = ("input", "state", "parameter", "constant")


@dataclass(frozen=True)
class Where:
    """The user's file and line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Where("", 0)


@dataclass(frozen=True)
class Node:
    """One value of the step: `name` is its name in the equations, or "" for an unnamed intermediate."""

    op: str
    operands: tuple[int, ...]
    shape: Shape
    name: str = ""
    attributes: tuple[tuple[str, Any], ...] = ()
    where: Where = field(default=NOWHERE, compare=False)

    def attribute(self, key: str) -> Any:
        """The value of one attribute."""
        return dict(self.attributes)[key]


@dataclass(frozen=True)
class Facts:
    """What is declared beside the equations: the publication, and how the weights start.

    `init` pairs a parameter name or pattern (`b_f`, `U_*`) with a number or the name of a rule
    (see `cellwright.nn.initialise`); `start` pairs a state with the number it starts from (0 otherwise).
    """

    paper: str = ""
    year: int = 0
    init: tuple[tuple[str, float | str], ...] = ()
    start: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Graph:
    """One step of a cell. `returns[k]` is the node that becomes the k-th state; the first is the output."""

    name: str
    nodes: tuple[Node, ...]
    returns: tuple[int, ...]
    hyper: tuple[tuple[str, Any], ...] = ()
    facts: Facts = field(default=Facts(), compare=False)
    doc: str = field(default="", compare=False)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.nodes, self.returns, self.hyper))

    def leaves(self, op: str) -> Iterator[tuple[int, Node]]:
        """Positions and nodes of one kind of leaf, in the order of the signature."""
        return ((k, node) for k, node in enumerate(self.nodes) if node.op == op)

    @cached_property
    def flow(self) -> tuple[Node, ...]:
        """Inputs and states in the order of the signature: what a step is called with."""
        return tuple(node for node in self.nodes if node.op in ("input", "state"))

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """What arrives at every step; the first is `x`."""
        return tuple(node for _, node in self.leaves("input"))

    @cached_property
    def states(self) -> tuple[Node, ...]:
        """What is carried from step to step."""
        return tuple(node for _, node in self.leaves("state"))

    @cached_property
    def parameters(self) -> tuple[Node, ...]:
        """The weights."""
        return tuple(node for _, node in self.leaves("parameter"))

    @cached_property
    def named(self) -> dict[str, int]:
        """Every value the equations name (gates, candidates, new states) and its position."""
        return {n.name: k for k, n in enumerate(self.nodes) if n.name and n.op not in LEAVES}

    def find(self, name: str, op: str | None = None) -> int:
        """The position of a name: the computed value, or the leaf of kind `op`.

        Raises:
            KeyError: the graph has no such name.
        """
        table = self.named if op is None else {n.name: k for k, n in self.leaves(op)}
        return table[name]

    @cached_property
    def fingerprint(self) -> str:
        """Equal for graphs that compute the same thing in the same words, whatever their file and name."""
        rows = [(n.op, n.operands, show_shape(n.shape), n.name, _plain(n.attributes)) for n in self.nodes]
        return hashlib.sha256(repr((rows, self.returns)).encode()).hexdigest()[:16]


def _plain(attributes: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((key, str(value)) for key, value in attributes)
