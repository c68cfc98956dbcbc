"""Series as they might as well have been measured: louder, noisier, cut, faster here than there. Floor 6.

Training with such variants helps where examples are few (Um et al. 2017; window warping and slicing: Le
Guennec et al. 2016). Lengths stay; what lies after the end of a series is neither read nor changed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def varied(x: Tensor, lengths: Tensor, *, noise: float, warp: float) -> Tensor:
    """Each series of a batch a little different, by torch's generator.

    Args:
        x: standardised series [T, B, C].
        lengths: [B].
        noise: the spread of what is added to every value, and of the factor of every channel.
        warp: the share of a series that may be cut off, and by which its pace may change.
    """
    if warp:
        x = warped(x, lengths, warp)
    if noise:
        sizes = 1 + noise * torch.randn(1, *x.shape[1:], dtype=x.dtype, device=x.device)
        x = x * sizes + noise * torch.randn_like(x)
    return x


def warped(x: Tensor, lengths: Tensor, warp: float) -> Tensor:
    """A stretch of each series [T, B, C], drawn out to the whole length at a pace that rises and falls once.

    With u from 0 to 1 over a series, what stands at u was at

        start + share (u + depth (sin(2 pi u + phase) - sin phase))

    where the share is at least 1 - warp and the pace between 1 - warp and 1 + warp times the even one;
    between two steps it is interpolated.
    """
    (steps, count, _), last = x.shape, (lengths - 1).clamp_min(1).to(x)
    share, start, phase, depth = torch.rand(4, count, dtype=x.dtype, device=x.device)
    share = 1 - warp * share
    start, phase = start * (1 - share), 2 * math.pi * phase
    depth = warp * depth / (2 * math.pi)
    u = (torch.arange(steps, device=x.device)[:, None] / last).clamp_max(1.0)
    pace = u + depth * (torch.sin(2 * math.pi * u + phase) - torch.sin(phase))
    at = ((start + share * pace) * last).clamp(torch.zeros_like(last), lengths.to(x) - 1)
    before = at.floor().long()
    after = torch.minimum(before + 1, (lengths - 1).to(before))
    between = (at - before).unsqueeze(-1)
    every = torch.arange(count, device=x.device)
    found: Tensor = (1 - between) * x[before, every] + between * x[after, every]
    inside = torch.arange(steps, device=x.device)[:, None] < lengths
    return torch.where(inside.unsqueeze(-1), found, x)
