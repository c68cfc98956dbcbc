"""Where the gradients of a recurrence go: of feeds, inputs, vectors and matrices. Floor 1."""

from __future__ import annotations

from typing import Protocol

from cellwright.compiler.dims import ONE, ZERO, Dim
from cellwright.compiler.graph import Node
from cellwright.compiler.hoist import Hoisted
from cellwright.compiler.places import FeedBlock, OuterSum, Place, sum_of_dims, width


class Values(Protocol):
    """What is laid out: the nodes of both ways, the gradient of every leaf by (kind, name), and of every
    matrix the terms outer(d, v)."""

    hoisted: Hoisted
    blocks: tuple[FeedBlock, ...]
    nodes: tuple[Node, ...]
    gradient: dict[tuple[str, str], int]
    outers: dict[str, list[tuple[str, int, int]]]

    def operand_place(self, v: int) -> Place:
        """Where a product's operand lies."""


class GradientLayout:
    """The places of all gradients, worked out once `of_d` has been called."""

    def __init__(self, at: Values) -> None:
        self.at = at
        self.d_at: dict[int, Dim] = {}

    def of_d(self) -> tuple[dict[str, Dim], list[tuple[int, Place]], Dim]:
        """Gradients of feeds first, block by block; then those of other products. Plain inputs have
        arrays."""
        d_of: dict[str, Dim] = {}
        stores: list[tuple[int, Place]] = []
        total = ZERO
        for name in [self.at.hoisted.feeds[k].name for block in self.at.blocks for k in block.feeds]:
            # A feed keeps a column of its own even if it shares its gradient: its block stays one block.
            k = self.at.gradient[("input", name)]
            stores.append((k, Place(".d", "ring", total)))
            self.d_at.setdefault(k, total)
            d_of[name] = total
            total = total + width(self.at.nodes[k])
        for k in dict.fromkeys(d for rows in self.at.outers.values() for _, d, _ in rows):
            if k not in self.d_at:
                stores.append((k, Place(".d", "ring", total)))
                self.d_at[k] = total
                total = total + width(self.at.nodes[k])
        for outside in self.at.hoisted.outside:
            if outside.kind == "input" and ("input", outside.name) in self.at.gradient:
                stores.append(
                    (self.at.gradient[("input", outside.name)], Place(f".d {outside.name}", "step"))
                )
        return d_of, stores, total

    def of_feeds(self, d_of: dict[str, Dim]) -> list[OuterSum]:
        """The gradients of the hoisted products' matrices, block by block."""
        found = []
        for number, block in enumerate(self.at.blocks):
            feeds = [self.at.hoisted.feeds[k] for k in block.feeds]
            rows = [width(self.at.nodes[self.at.gradient[("input", f.name)]]) for f in feeds]
            matrix = self.at.hoisted.graph.nodes[feeds[0].matrix]
            blocks = matrix.shape[0] if len(matrix.shape) == 3 else ONE
            op = "outer" if len(matrix.shape) == 2 else "outer_blocks"
            v = Place(f".operand_{number}", "step")
            operand = self.at.hoisted.graph.nodes[feeds[0].operand]
            targets = tuple((f.name, r) for f, r in zip(feeds, rows, strict=True))
            found.append(OuterSum(op, d_of[feeds[0].name], block.width, v, width(operand), targets, blocks))
        return found

    def of_weights(self) -> list[OuterSum]:
        """Those of the matrices in the loop; matrices of one operand whose d adjoin are one sum."""
        found: list[OuterSum] = []
        runs: dict[Place, dict[Dim, tuple[str, Dim, Dim]]] = {}
        for name, rows in self.at.outers.items():
            for number, (op, d, v) in enumerate(rows):
                size, of, start = width(self.at.nodes[d]), width(self.at.nodes[v]), self.d_at[d]
                place = self.at.operand_place(v)
                run = runs.setdefault(place, {})
                if op == "outer" and len(rows) == 1 and start not in run:
                    run[start] = (name, size, of)
                else:
                    matrix = self._matrix(name)
                    blocks = matrix.shape[0] if op == "outer_blocks" else ONE
                    found.append(OuterSum(op, start, size, place, of, ((name, size),), blocks, number == 0))
        for place, run in runs.items():
            ends = {start + size for start, (_, size, _) in run.items()}
            for start in [s for s in run if s not in ends]:
                members, at = [], start
                while at in run:
                    name, size, of = run[at]
                    members.append((name, size))
                    at = at + size
                whole = sum_of_dims([size for _, size in members])
                found.append(OuterSum("outer", start, whole, place, of, tuple(members)))
        return found

    def _matrix(self, name: str) -> Node:
        return next(n for n in self.at.nodes if n.op == "parameter" and n.name == name)

    def of_sums(self) -> tuple[dict[str, Dim], list[tuple[int, Dim]], Dim]:
        sum_of: dict[str, Dim] = {}
        sums: list[tuple[int, Dim]] = []
        total = ZERO
        wanted = [(n, k) for (kind, n), k in self.at.gradient.items() if kind == "parameter"]
        wanted += [
            (f.name, self.at.gradient[("input", f.name)])
            for f in self.at.hoisted.feeds
            if f.bias is not None and ("input", f.name) in self.at.gradient
        ]
        for name, k in wanted:
            sum_of[name] = total
            sums.append((k, total))
            total = total + width(self.at.nodes[k])
        return sum_of, sums, total
