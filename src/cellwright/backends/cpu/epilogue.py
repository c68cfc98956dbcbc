"""The gradients of everything a kernel was given, from what its way back found. Floor 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from cellwright.backends.cpu import launch
from cellwright.backends.cpu.launch import Given, Kept, Kernel


@dataclass(frozen=True)
class Gradients:
    """In the order of `Given`."""

    operands: tuple[Tensor | None, ...]
    matrices: tuple[Tensor | None, ...]
    biases: tuple[Tensor | None, ...]
    inputs: tuple[Tensor | None, ...]
    weights: tuple[Tensor | None, ...]
    starts: tuple[Tensor, ...]
    fresh: tuple[Tensor, ...]


def gradients(
    k: Kernel,
    given: Given,
    saved: Kept,
    seeds: tuple[Tensor, tuple[Tensor, ...]],
    needs: Gradients | None = None,
) -> Gradients:
    """Everything that is wanted, from the gradients of y and of the last states; `needs` holds a truth per
    tensor, None wants all."""
    operands = [needs is None or bool(w) for w in (needs.operands if needs else given.operands)]
    w = k.widths(given)
    found = launch.backward(k, given, w, saved, seeds, (operands, _wanted_outers(k, needs)))
    shapes = dict(zip(k.feeds, given.matrices, strict=True)) | dict(
        zip(k.weights, given.weights, strict=True)
    )
    by_name: dict[str, Tensor] = {}
    for outer, whole in zip(w.outers, found.outers, strict=True):
        if whole is not None:
            pieces = whole.split_with_sizes(outer.pieces)
            for name, piece in zip(outer.names, pieces, strict=True):
                by_name[name] = piece if piece.shape == shapes[name].shape else piece.view(shapes[name].shape)
    names, sizes = w.sums
    summed = dict(zip(names, found.sums.split_with_sizes(sizes), strict=True))

    def vector(name: str, like: Tensor) -> Tensor | None:
        piece = summed.get(name)
        if piece is None:
            return by_name.get(name)
        return piece if like.dim() == 1 else piece.view(like.shape)

    return Gradients(
        found.operands,
        tuple(by_name.get(name) for name in k.feeds),
        tuple(None if b is None else vector(name, b) for name, b in zip(k.feeds, given.biases, strict=True)),
        found.inputs,
        tuple(vector(name, v) for name, v in zip(k.weights, given.weights, strict=True)),
        found.starts,
        found.fresh,
    )


def _wanted_outers(k: Kernel, needs: Gradients | None) -> Sequence[bool]:
    """A sum of outer products is wanted if one of its matrices is."""
    outers = k.program.recurrence.outers
    if needs is None:
        return [True] * len(outers)
    wanted = {name for name, w in zip(k.feeds, needs.matrices, strict=True) if w}
    wanted |= {name for name, w in zip(k.weights, needs.weights, strict=False) if w}
    return [any(name in wanted for name, _ in outer.targets) for outer in outers]
