"""What a hoisted step reads, computed by torch with its derivatives: a Call to a kernel's Given. Floor 2."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from cellwright.backends.call import Call
from cellwright.backends.cpu.emit import Program
from cellwright.backends.cpu.launch import Given
from cellwright.backends.eager import batched
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Node


def given_of(program: Program, call: Call, sizes: dict[str, int]) -> Given:
    """The tensors that the kernel is handed. Padding is cleared first: it may hold NaN."""
    mask = call.mask()
    x = call.x if mask is None else call.x.masked_fill(~mask, 0.0)
    values = _Values(program, call, x, sizes)
    hoisted = program.hoisted
    operands = tuple(values[hoisted.feeds[b.feeds[0]].operand] for b in program.recurrence.blocks)
    inputs = tuple(values[o.position] for o in hoisted.outside if o.kind == "input")
    return Given(
        operands,
        tuple(values[f.matrix] for f in hoisted.feeds),
        tuple(None if f.bias is None else values[f.bias] for f in hoisted.feeds),
        tuple(inputs),
        tuple(values[o.position] for o in hoisted.outside if o.kind == "parameter"),
        tuple(call.states[n.name] for n in hoisted.step.states),
        call.lengths,
    )


class _Values:
    """Values outside the loop, each computed when first asked for."""

    def __init__(self, program: Program, call: Call, x: Tensor, sizes: dict[str, int]) -> None:
        self.graph, self.call, self.sizes = program.hoisted.graph, call, sizes
        self.feeds = {self.graph.inputs[0].name: x, **(call.extra or {})}
        self.known: dict[int, Any] = {}

    def __getitem__(self, k: int) -> Any:
        if k not in self.known:
            self.known[k] = self._compute(self.graph.nodes[k])
        return self.known[k]

    def _compute(self, node: Node) -> Any:
        if node.op == "constant":
            return node.attribute("value")
        if node.op == "parameter":
            return self.call.weights[node.name]
        if node.op == "input":
            return self.feeds[node.name]
        operands = tuple(self[o] for o in node.operands)
        if node.op == "columns":
            start, size = (Dim.parse(node.attribute(a)).evaluate(self.sizes) for a in ("start", "size"))
            return operands[0].narrow(1, start, size)
        return batched(node, operands)


def sizes_of(program: Program, call: Call) -> dict[str, int]:
    """The value of every letter, from the shapes of the call's tensors."""
    sizes: dict[str, int] = {}
    graph = program.hoisted.graph
    given = {("input", graph.inputs[0].name): call.x}
    given |= {("input", n): v for n, v in (call.extra or {}).items()}
    given |= {("state", n): v for n, v in call.states.items()} | {
        ("parameter", n): v for n, v in call.weights.items()
    }
    for node in graph.nodes:
        value = given.get((node.op, node.name))
        if value is None:
            continue
        for dim, size in zip(reversed(node.shape), reversed(value.shape), strict=False):
            if len(dim.terms) == 1 and dim.terms[0][0]:
                letter, factor = dim.terms[0]
                sizes.setdefault(letter, int(size / factor))
    return sizes | {letter: 0 for letter in program.letters if letter not in sizes}
