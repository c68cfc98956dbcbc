"""What a hoisted step reads, computed by torch with its derivatives: a Call to a kernel's Given. Floor 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from torch import Tensor

from cellwright.backends.call import Call
from cellwright.backends.cpu.emit import Program
from cellwright.backends.cpu.launch import Given
from cellwright.backends.cpu.widths import Source, read_sizes, sources
from cellwright.backends.eager import batched
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Graph, Node


def given_of(program: Program, call: Call) -> Given:
    """The tensors that the kernel is handed. Padding is cleared first: it may hold NaN."""
    mask = call.mask()
    x = call.x if mask is None else call.x.masked_fill(~mask, 0.0)
    hoisted = program.hoisted
    feeds = {hoisted.graph.inputs[0].name: x, **(call.extra or {})}
    values = Values(hoisted.graph, call.weights, partial(sizes_of, program, call), feeds)
    operands = tuple(values[hoisted.feeds[b.feeds[0]].operand] for b in program.recurrence.blocks)
    inputs = tuple(values[o.position] for o in hoisted.outside if o.kind == "input")
    return Given(
        operands,
        tuple(values[f.matrix] for f in hoisted.feeds),
        tuple(None if f.bias is None else values[f.bias] for f in hoisted.feeds),
        tuple(inputs),
        tuple(values[o.position] for o in hoisted.outside if o.kind == "parameter"),
        tuple(call.states[n.name] for n in hoisted.step.states),
        () if call.fresh is None else tuple(call.fresh[n.name] for n in hoisted.step.states),
        call.lengths,
        call.resets,
    )


class Values:
    """Values outside the loop by position, each computed when first asked for; so are the letters' values."""

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Tensor],
        sizes: Callable[[], Mapping[str, int]],
        feeds: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.graph, self.weights, self.sizes, self.feeds = graph, weights, sizes, feeds or {}
        self.known: dict[int, Any] = {}

    def __getitem__(self, k: int) -> Any:
        if k not in self.known:
            self.known[k] = self._compute(self.graph.nodes[k])
        return self.known[k]

    def _compute(self, node: Node) -> Any:
        if node.op == "constant":
            return node.attribute("value")
        if node.op == "parameter":
            return self.weights[node.name]
        if node.op == "input":
            return self.feeds[node.name]
        operands = tuple(self[o] for o in node.operands)
        if node.op == "columns":
            start, size = (Dim.parse(node.attribute(a)).evaluate(self.sizes()) for a in ("start", "size"))
            return operands[0].narrow(1, start, size)
        return batched(node, operands)


def sizes_of(program: Program, call: Call) -> dict[str, int]:
    """The value of every letter, from the shapes of the call's tensors."""
    leaves, found = _sources(program)

    def tensor(k: int) -> Tensor:
        op, name = leaves[k]
        if op == "input":
            return call.x if name == program.hoisted.graph.inputs[0].name else (call.extra or {})[name]
        return (call.states if op == "state" else call.weights)[name]

    return read_sizes(found, program.letters, tensor)


@lru_cache(maxsize=256)
def _sources(program: Program) -> tuple[list[tuple[str, str]], tuple[Source, ...]]:
    leaves = [n for n in program.hoisted.graph.nodes if n.op in ("input", "state", "parameter")]
    return [(n.op, n.name) for n in leaves], sources(n.shape for n in leaves)
