"""The gradients of everything a kernel was given, from what its way back found. Floor 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cellwright.backends.cpu import launch
from cellwright.backends.cpu.launch import Found, Given, Kept, Kernel, sizes_of


@dataclass(frozen=True)
class Gradients:
    """In the order of `Given`."""

    operands: tuple[Tensor | None, ...]
    matrices: tuple[Tensor | None, ...]
    biases: tuple[Tensor | None, ...]
    inputs: tuple[Tensor | None, ...]
    weights: tuple[Tensor | None, ...]
    starts: tuple[Tensor, ...]


def gradients(
    k: Kernel,
    given: Given,
    saved: Kept,
    seeds: tuple[Tensor, tuple[Tensor, ...]],
    needs: Gradients | None = None,
) -> Gradients:
    """Everything that is wanted, from the gradients of y and of the last states; `needs` holds a truth per
    tensor, None wants all."""
    made, feeds = k.program.recurrence, k.program.hoisted.feeds
    operands = [needs is None or bool(w) for w in (needs.operands if needs else given.operands)]
    found = launch.backward(k, given, saved, seeds, (operands, _wanted_outers(k, needs)))
    sizes = sizes_of(k.program, given)
    matrices = _matrices(k, found, sizes)
    shapes = {f.name: v.shape for f, v in zip(feeds, given.matrices, strict=True)}
    shapes |= {name: v.shape for name, v in zip(k.weights, given.weights, strict=False)}
    by_name = {name: v.reshape(shapes[name]) for name, v in matrices.items()}

    def vector(name: str, like: Tensor) -> Tensor | None:
        if name not in made.sum_of:
            return by_name.get(name)
        start = made.sum_of[name].evaluate(sizes)
        return found.sums[start : start + like.numel()].reshape(like.shape)

    return Gradients(
        found.operands,
        tuple(by_name.get(f.name) for f in feeds),
        tuple(None if b is None else vector(f.name, b) for f, b in zip(feeds, given.biases, strict=True)),
        tuple(found.inputs[name] for name in k.inputs),
        tuple(vector(name, v) for name, v in zip(k.weights, given.weights, strict=False)),
        found.starts,
    )


def _wanted_outers(k: Kernel, needs: Gradients | None) -> Sequence[bool]:
    """A sum of outer products is wanted if one of its matrices is."""
    outers = k.program.recurrence.outers
    if needs is None:
        return [True] * len(outers)
    wanted = {f.name for f, w in zip(k.program.hoisted.feeds, needs.matrices, strict=True) if w}
    wanted |= {name for name, w in zip(k.weights, needs.weights, strict=False) if w}
    return [any(name in wanted for name, _ in outer.targets) for outer in outers]


def _matrices(k: Kernel, found: Found, sizes: dict[str, int]) -> dict[str, Tensor]:
    """The gradients by matrix: rows of the sums of outer products."""
    matrices: dict[str, Tensor] = {}
    for outer, whole in zip(k.program.recurrence.outers, found.outers, strict=True):
        if whole is not None:
            rows = [size.evaluate(sizes) for _, size in outer.targets]
            pieces = torch.split(whole, rows)  # type: ignore[no-untyped-call]
            matrices |= dict(zip((name for name, _ in outer.targets), pieces, strict=True))
    return matrices
