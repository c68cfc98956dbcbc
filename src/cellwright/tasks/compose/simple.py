"""What no network is needed for: how often each key sounds, and how often it goes on. Floor 6.

The baselines beside a composer's score, in nats for a step. Refuses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cellwright.tasks.compose.rolls import Roll


def frequency(known: Sequence[Roll], asked: Sequence[Roll]) -> float:
    """Every key by its share of the training part's steps, whatever came before."""
    steps = np.concatenate(list(known))
    share = (steps.sum(0) + 0.5) / (len(steps) + 1)
    after = np.concatenate([piece[1:] for piece in asked])
    return _nats(np.broadcast_to(share, after.shape), after)


def repeat(known: Sequence[Roll], asked: Sequence[Roll]) -> float:
    """Every key by how often it goes on where it sounds, and begins where it does not."""
    before, after = _pairs(known)
    shares = []
    for sounding in (0, 1):
        where = before == sounding
        shares.append(((after * where).sum(0) + 0.5) / (where.sum(0) + 1))
    now, wanted = _pairs(asked)
    return _nats(np.where(now == 1, shares[1], shares[0]), wanted)


def _pairs(pieces: Sequence[Roll]) -> tuple[Any, Any]:
    """All steps but the last, and the steps after them."""
    return (
        np.concatenate([piece[:-1] for piece in pieces]),
        np.concatenate([piece[1:] for piece in pieces]),
    )


def _nats(share: Any, wanted: Any) -> float:
    return float(-(wanted * np.log(share) + (1 - wanted) * np.log(1 - share)).sum(1).mean())
