"""After the loop back: every matrix's gradient as one product over all rows, and the operands'. Floor 2."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.backends.cpu.launch import Given, Kept, Kernel, extent, joined, sizes_of
from cellwright.compiler.dims import Dim
from cellwright.compiler.places import FeedBlock, Pair, Place

# Below this width the tensor library multiplies many rows faster the other way round (6 times at 7).
SKINNY = 32


@dataclass(frozen=True)
class Gradients:
    """In the order of `Given`."""

    operands: tuple[Tensor | None, ...]
    matrices: tuple[Tensor | None, ...]
    biases: tuple[Tensor | None, ...]
    inputs: tuple[Tensor | None, ...]
    weights: tuple[Tensor | None, ...]
    starts: tuple[Tensor, ...]


@dataclass(frozen=True)
class After:
    """What the products after the loop read. `d` [T*B, width]: gradients of the feeds and other products."""

    k: Kernel
    given: Given
    saved: Kept
    d: Tensor
    sums: Tensor
    sizes: dict[str, int]

    def columns(self, offset: Dim, width: int) -> Tensor:
        """Some columns of d."""
        start = offset.evaluate(self.sizes)
        return self.d[:, start : start + width]

    def sum_of(self, name: str, like: Tensor) -> Tensor:
        """A weight's gradient that the loop has summed."""
        start = self.k.program.recurrence.sum_of[name].evaluate(self.sizes)
        return self.sums[start : start + like.numel()].reshape(like.shape)


def gradients(
    k: Kernel,
    given: Given,
    saved: Kept,
    found: tuple[Tensor, Tensor, tuple[Tensor, ...]],
    needs: Gradients | None = None,
) -> Gradients:
    """Everything that is wanted; `needs` holds a truth per tensor, None wants all."""
    d, sums, left = found
    steps, batch = extent(given)
    after = After(k, given, saved, d.view(steps * batch, -1), sums, sizes_of(k.program, given))
    feeds = k.program.hoisted.feeds
    operands: list[Tensor | None] = []
    matrices: list[Tensor | None] = [None] * len(feeds)
    for place, block in enumerate(k.program.recurrence.blocks):
        wants_operand = needs is None or bool(needs.operands[place])
        wants_matrices = needs is None or any(needs.matrices[f] for f in block.feeds)
        dx, rows = _of_block(after, block, given.operands[place], wants_operand, wants_matrices)
        operands.append(dx)
        for f, dw in zip(block.feeds, rows, strict=False):
            matrices[f] = dw
    biases = tuple(
        None if b is None else after.sum_of(f.name, b) for f, b in zip(feeds, given.biases, strict=True)
    )
    inputs = tuple(_of_input(after, d, name, v) for name, v in zip(k.inputs, given.inputs, strict=False))
    weights = _of_weights(after, needs)
    return Gradients(tuple(operands), tuple(matrices), biases, inputs, weights, left)


def _of_input(after: After, d: Tensor, name: str, value: Tensor) -> Tensor:
    made = after.k.program.recurrence
    if name not in made.d_of:
        return torch.zeros_like(value)
    start = made.d_of[name].evaluate(after.sizes)
    return d[..., start : start + value.shape[-1]]


def _summed_outer(d: Tensor, v: Tensor) -> Tensor:
    """The sum over rows of outer(d, v): [a, b] from [rows, a] and [rows, b]."""
    return (v.T @ d).T if v.shape[1] < SKINNY else d.T @ v


def _summed_blocks(d: Tensor, v: Tensor, shape: torch.Size) -> Tensor:
    count, high, wide = shape
    return torch.einsum("rnp,rnq->npq", d.reshape(-1, count, high), v.reshape(-1, count, wide))


def _of_block(
    after: After, block: FeedBlock, operand: Tensor, wants_operand: bool, wants_matrices: bool
) -> tuple[Tensor | None, list[Tensor]]:
    feeds, given = after.k.program.hoisted.feeds, after.given
    start = after.k.program.recurrence.d_of[feeds[block.feeds[0]].name]
    d = after.columns(start, block.width.evaluate(after.sizes))
    rows = operand.reshape(d.shape[0], -1)
    matrices = [given.matrices[f] for f in block.feeds]
    if matrices[0].dim() == 3:
        count, high, _ = matrices[0].shape
        dx = torch.einsum("npq,rnp->rnq", matrices[0], d.reshape(-1, count, high)).reshape(operand.shape)
        return dx, [_summed_blocks(d, rows, matrices[0].shape)]
    dw = _summed_outer(d, rows).split([m.shape[0] for m in matrices]) if wants_matrices else ()  # type: ignore[no-untyped-call]
    back = (d @ joined(matrices)).view(operand.shape) if wants_operand else None
    return back, list(dw)


def _of_weights(after: After, needs: Gradients | None) -> tuple[Tensor | None, ...]:
    """Vectors were summed in the loop; matrices of one operand and adjoining d are one product."""
    made = after.k.program.recurrence
    found: dict[str, Tensor] = {}
    together: dict[Place, list[tuple[int, str]]] = {}
    for place, (name, value) in enumerate(zip(after.k.weights, after.given.weights, strict=False)):
        if needs is not None and not needs.weights[place]:
            continue
        pairs = made.pairs.get(name, ())
        if name in made.sum_of:
            found[name] = after.sum_of(name, value)
        elif len(pairs) == 1 and pairs[0].op == "outer":
            together.setdefault(pairs[0].v, []).append((pairs[0].d.evaluate(after.sizes), name))
        else:
            found[name] = torch.zeros_like(value, memory_format=torch.contiguous_format)
            for pair in pairs:
                found[name] += _of_pair(after, pair, value.shape)
    shapes = {name: value.shape for name, value in zip(after.k.weights, after.given.weights, strict=False)}
    for operand, members in together.items():
        found |= _of_runs(after, operand, sorted(members), shapes)
    return tuple(found.get(name) for name in after.k.weights)


def _of_runs(
    after: After, operand: Place, members: list[tuple[int, str]], shapes: dict[str, torch.Size]
) -> dict[str, Tensor]:
    """One product for every run of adjoining columns of d."""
    found: dict[str, Tensor] = {}
    while members:
        start = end = members[0][0]
        run = []
        while members and members[0][0] == end:
            run.append(members.pop(0)[1])
            end += shapes[run[-1]][0]
        whole = _times_operand(after, after.d[:, start:end], operand, shapes[run[0]][1])
        found |= dict(zip(run, whole.split([shapes[name][0] for name in run]), strict=False))  # type: ignore[no-untyped-call]
    return found


def _times_operand(after: After, d: Tensor, operand: Place, width: int) -> Tensor:
    """The sum over all rows of outer(d, operand). A state's first rows are the initial ones."""
    _, batch = extent(after.given)
    if operand.kind != "previous":
        return _summed_outer(d, _rows_of(after, operand, width))
    place = after.k.states.index(operand.array)
    first = _summed_outer(d[:batch], after.given.starts[place])
    if len(d) == batch:
        return first
    history = after.saved.histories[place]
    return torch.addmm(first, d[batch:].T, history[:-1].flatten(0, 1))


def _of_pair(after: After, pair: Pair, shape: torch.Size) -> Tensor:
    """One term of a gradient that has several, or is block-diagonal."""
    d = after.columns(pair.d, pair.size.evaluate(after.sizes))
    width = shape[1] if len(shape) == 2 else shape[0] * shape[2]
    if pair.op == "outer":
        return _times_operand(after, d, pair.v, width)
    if pair.v.kind != "previous":
        return _summed_blocks(d, _rows_of(after, pair.v, width), shape)
    place = after.k.states.index(pair.v.array)
    history = after.saved.histories[place][:-1].flatten(0, 1)
    return _summed_blocks(d, torch.cat([after.given.starts[place], history]), shape)


def _rows_of(after: After, operand: Place, width: int) -> Tensor:
    """The rows of a product's operand that is no state: a kept value or an input."""
    blocks = after.k.program.recurrence.blocks
    arrays = {b.array: v for b, v in zip(blocks, after.saved.feeds, strict=False)}
    arrays |= dict(zip(after.k.inputs, after.given.inputs, strict=False)) | {".kept": after.saved.kept}
    start = operand.offset.evaluate(after.sizes)
    return arrays[operand.array][..., start : start + width].reshape(len(after.d), width)
