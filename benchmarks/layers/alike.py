"""That contestants compute the same, before any of them is timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

CLOSE = 1e-3


def distance(found: Mapping[str, Sequence[Tensor]], wanted: str) -> float:
    """The largest distance of anybody's tensors from those of `wanted`, as a part of its largest number.

    Raises:
        SystemExit: somebody computes something else.
    """
    others = [tensors for name, tensors in found.items() if name != wanted]
    distances = [
        float((a - b).abs().max() / b.abs().max())
        for tensors in others
        for a, b in zip(tensors, found[wanted], strict=True)
    ]
    if not max(distances) < CLOSE:
        raise SystemExit(f"the contestants compute different things: {distances}; nothing was timed")
    return float(f"{max(distances):.2g}")
