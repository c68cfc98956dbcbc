"""The gradients of everything a kernel was given, from what its way back found. Floor 2.

Products over all T*B rows at once, the tensor library's: a matrix's gradient is one, an operand's another.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cellwright.backends.cpu.epilogue import Gradients
from cellwright.backends.cpu.launch import Given
from cellwright.backends.eager import batched
from cellwright.backends.triton.launch import Found, How, Kernel, Ran
from cellwright.compiler.dims import Dim
from cellwright.compiler.graph import Node
from cellwright.compiler.places import OuterSum


def gradients(k: Kernel, given: Given, how: How, ran: Ran, found: Found, needs: Gradients) -> Gradients:
    """In the order of `Given`; `needs` holds a truth per tensor."""
    return _Epilogue(k, given, how, ran, found).all(needs)


class _Epilogue:
    def __init__(self, k: Kernel, given: Given, how: How, ran: Ran, found: Found) -> None:
        self.k, self.given, self.how, self.ran, self.found = k, given, how, ran, found
        self.made = k.program.made

    def all(self, needs: Gradients) -> Gradients:
        k, given = self.k, self.given
        wanted = {name for name, w in zip(k.feeds, needs.matrices, strict=True) if w}
        wanted |= {name for name, w in zip(k.weights, needs.weights, strict=True) if w}
        matrices = self._matrices(wanted)
        return Gradients(
            tuple(self._operand(n) if w else None for n, w in enumerate(needs.operands)),
            tuple(matrices.get(name) for name in k.feeds),
            tuple(
                self._vector(name, b) if b is not None and w else None
                for name, b, w in zip(k.feeds, given.biases, needs.biases, strict=True)
            ),
            tuple(self.found.inputs[name] for name in k.inputs),
            tuple(
                matrices.get(name) if v.dim() > 1 else self._vector(name, v)
                for name, v in zip(k.weights, given.weights, strict=True)
            ),
            self.found.starts,
            self.found.fresh,
        )

    def _held(self, v: Tensor) -> Tensor:
        """An operand of a product in the products' type."""
        return v.to(self.how.held)

    def _size(self, dim: Dim) -> int:
        return dim.evaluate(self.how.sizes)

    def _vector(self, name: str, like: Tensor) -> Tensor | None:
        """The gradient of a bias or vector: added up here from the gradients' array, or by the kernel."""
        program = self.k.program
        if name in program.totals:
            start, size = (self._size(d) for d in program.totals[name])
            return self.found.sums[start : start + size].to(like.dtype).view(like.shape)
        if name not in program.from_d:
            return None
        start, size = (self._size(d) for d in program.from_d[name])
        rows = self.found.d[..., start : start + size]
        return rows.sum((0, 1), dtype=self.how.real).to(like.dtype).view(like.shape)

    def _operand(self, number: int) -> Tensor:
        """dx of one block: its gradients times its matrices."""
        block = self.made.blocks[number]
        matrices = [self._held(self.given.matrices[f]) for f in block.feeds]
        start = self._size(self.made.d_of[self.k.feeds[block.feeds[0]]])
        d = self._held(self.found.d[..., start : start + self._size(block.width)])
        if matrices[0].dim() == 3:
            turned: Tensor = batched(Node("blocks", (), ()), (matrices[0].transpose(1, 2), d))
            return turned.to(self.how.dtype)
        return (d @ torch.cat(matrices)).to(self.how.dtype)

    def _matrices(self, wanted: set[str]) -> dict[str, Tensor]:
        by_name: dict[str, Tensor] = {}
        shapes = dict(zip(self.k.feeds, self.given.matrices, strict=True))
        shapes |= dict(zip(self.k.weights, self.given.weights, strict=True))
        for outer in self.made.outers:
            names = [name for name, _ in outer.targets]
            if not wanted.intersection(names):
                continue
            pieces = self._outer(outer).split([self._size(r) for _, r in outer.targets])  # type: ignore[no-untyped-call]
            for name, piece in zip(names, pieces, strict=True):
                piece = piece.reshape(shapes[name].shape)
                by_name[name] = by_name[name] + piece if name in by_name else piece
        return by_name

    def _outer(self, outer: OuterSum) -> Tensor:
        """The sum over all rows of outer(d, v), [rows, columns]."""
        start = self._size(outer.d)
        d = self._held(self.found.d[..., start : start + self._size(outer.size)])
        total: Tensor | None = None
        for rows, v in self._pairs(outer, d):
            part = self._product(rows.flatten(0, 1), self._held(v.flatten(0, 1)), outer)
            total = part if total is None else total + part
        assert total is not None
        return total.to(self.how.dtype)

    def _product(self, d: Tensor, v: Tensor, outer: OuterSum) -> Tensor:
        if outer.op == "outer":
            return d.T @ v
        count = self._size(outer.blocks)
        pieces = [r.reshape(r.shape[0], count, -1) for r in (d, v)]
        return torch.einsum("rnp,rnq->npq", *pieces).flatten(0, 1)

    def _pairs(self, outer: OuterSum, d: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The rows of d with what they were multiplied by; a state lies one step earlier."""
        array, kind = outer.v.array, outer.v.kind
        width = self._size(outer.width)
        if kind == "previous":
            return self._before(array, d)
        if array.startswith(".operand"):
            return [(d, self.given.operands[int(array.removeprefix(".operand_"))])]
        feeds = {b.array: f for b, f in zip(self.made.blocks, self.ran.kept.feeds, strict=True)}
        arrays = feeds | {".kept": self.ran.kept.kept}
        arrays |= dict(zip(self.k.states, self.ran.kept.histories, strict=True))
        arrays |= dict(zip(self.k.inputs, self.given.inputs, strict=True))
        start = self._size(outer.v.offset)
        return [(d, arrays[array][..., start : start + width])]

    def _before(self, state: str, d: Tensor) -> list[tuple[Tensor, Tensor]]:
        number = self.k.states.index(state)
        history, start = self.ran.kept.histories[number], self.given.starts[number]
        if self.given.resets is None:
            return [(d[:1], start[None]), (d[1:], history[:-1])]
        fresh = self.given.fresh[number]
        before = torch.cat([start[None].to(history.dtype), history[:-1]])
        anew = self.given.resets.unsqueeze(-1)
        return [(d, torch.where(anew, fresh.to(history.dtype), before))]
