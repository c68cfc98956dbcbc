"""Where randomness comes from: the three global generators, seeded for a while and then put back. Floor 6."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's generators; on leaving they are as they were before.

    >>> before = torch.get_rng_state()
    >>> with seeded(0, torch.device("cpu")):
    ...     a = torch.rand(3)
    >>> bool((torch.get_rng_state() == before).all())
    True
    """
    numbers, tensors = generators(device)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_generators(numbers, tensors, device)


def generator(seed: int, *stream: int) -> torch.Generator:
    """A generator of its own: the same seed and stream (say, the epoch) always give the same numbers."""
    words = np.random.SeedSequence([seed, *stream]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))


def generators(device: torch.device) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The state of the global generators as JSON-able numbers and named tensors."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    numbers = {
        "python": [version, list(words), gauss],
        "numpy": [name, [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
    }
    tensors = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    return numbers, tensors


def set_generators(numbers: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> None:
    """Put the global generators back to a state that `generators` returned."""
    version, words, gauss = numbers["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = numbers["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(tensors["torch"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
