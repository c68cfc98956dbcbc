"""Trainings at earlier times: what a short validation part cannot say of a network, its past can. Floor 6.

A network is trained on what was known at each of a few times and forecasts the rows up to the next one
(rolling origin). What comes of it is for `intervals.calibrate`; the test part is not touched.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from cellwright.compiler.trace import Cell
from cellwright.tasks.facts import plain
from cellwright.tasks.forecast import facts as learnt
from cellwright.tasks.forecast.intervals import Unseen, unseen
from cellwright.tasks.forecast.series import Part
from cellwright.tasks.forecast.simple import Extent
from cellwright.tasks.training import loop

if TYPE_CHECKING:
    from cellwright.tasks.forecast.task import Forecaster

TIMES = 4
LEAST = 8  # windows before the first time
PLACES = 4096  # windows that judge, at most


def rehearsed(
    estimator: Forecaster, part: Part, cell: Cell | None, facts: learnt.Facts, device: torch.device
) -> list[Unseen]:
    """What networks trained at earlier times said of the rows that followed; [] if there is no room.

    Args:
        estimator: whose settings are used.
        part: all rows before the test part.
        cell: of the network.
        facts: of the whole part: its extent, and the units of the result.
        device: to train on.
    """
    extent = learnt.extent_of(facts)
    times = times_of(part.rows, extent)
    return [
        _one(estimator, part, cell, facts, stretch, device)
        for stretch in pairwise([*times, part.rows - extent.horizon + 1])
    ]


def times_of(rows: int, extent: Extent) -> list[int]:
    """The rows before which a network is trained: from the middle on, evenly spaced; [] if there are too few.

    >>> times_of(120, Extent(24, 12, 12)), times_of(60, Extent(24, 24, 12))
    ([60, 72, 84, 96], [])
    """
    first = max(rows // 2, extent.reach + extent.horizon + LEAST)
    ahead = rows - extent.horizon - first
    return [first + ahead * k // TIMES for k in range(TIMES)] if ahead >= TIMES else []


def _one(
    estimator: Forecaster,
    part: Part,
    cell: Cell | None,
    whole: learnt.Facts,
    times: tuple[int, int],
    device: torch.device,
) -> Unseen:
    """Of the windows that begin between two times, by a network trained on the rows before the first."""
    extent = learnt.extent_of(whole)
    before, after = part.cut(part.rows - times[0])
    beyond = part.rows - (times[1] + extent.horizon - 1)
    after = after.cut(beyond)[0] if beyond else after
    facts = plain(estimator.facts_of(before, extent))
    network = estimator.build(cell, facts).to(device)
    feed = estimator.feed(estimator.encode(before, facts))
    loop.train(network, feed, estimator.loss, estimator._plan(device))
    windows = estimator.encode(after, facts)
    pairs = zip(learnt.bases(facts), learnt.bases(whole), strict=True)
    sizes = [then.error / now.error if then.transform == now.transform else 1.0 for then, now in pairs]
    return unseen(network, windows, windows.some(PLACES), np.array(sizes))
