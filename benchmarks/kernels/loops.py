"""The loops over time that a careful person writes in torch today, one per cell.

All inputs are projected at once before the loop, all gates of a step are one product that adds the projection
(`addmm`), and a step has no more operations than it needs. `compiled` hands the same loop to torch.compile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, logsigmoid

from cellwright.testing.speed import Contest, Contestant

Weights = dict[str, Tensor]


def packed(w: Mapping[str, Tensor], letter: str, gates: str) -> Tensor:
    """The weights of several gates, one below the other."""
    return torch.cat([w[f"{letter}_{gate}"] for gate in gates])


def pack_lstm(w: Mapping[str, Tensor]) -> Weights:
    """W [4H, I], U [4H, H], b [4H], in the order i f g o."""
    return {letter: packed(w, letter, "ifgo") for letter in "WUb"}


def pack_peephole(w: Mapping[str, Tensor]) -> Weights:
    """As the LSTM's, and three peepholes [H]."""
    return {**pack_lstm(w), **{name: w[name] for name in ("p_i", "p_f", "p_o")}}


def pack_slstm(w: Mapping[str, Tensor]) -> Weights:
    """W [4H, I], U [4H, H], b [4H], in the order i f z o; one head is one square block."""
    return {
        "W": packed(w, "W", "ifzo"),
        "U": torch.cat([w[f"R_{gate}"].squeeze(0) for gate in "ifzo"]),
        "b": packed(w, "b", "ifzo"),
    }


def pack_layer_norm(w: Mapping[str, Tensor]) -> Weights:
    """The biases of the gates as one; the rest is packed already."""
    return {**{name: w[name] for name in ("W", "p_x", "U", "p_h", "p_c", "b_c")}, "b": packed(w, "b", "ifgo")}


def pack_mine(w: Mapping[str, Tensor]) -> Weights:
    """W [3H, I], b [3H] in the order r k n; U [2H, H] of the gates, U_n of the candidate."""
    joined = {"W": packed(w, "W", "rkn"), "U": packed(w, "U", "rk"), "b": packed(w, "b", "rkn")}
    return {**joined, "p_k": w["p_k"], "U_n": w["U_n"]}


def inputs_of(x: Tensor, w: Weights) -> Tensor:
    """The projections of all inputs, [T, B, G*H]."""
    return torch.addmm(w["b"], x.flatten(0, 1), w["W"].T).view(*x.shape[:2], -1)


def lstm(x: Tensor, w: Weights) -> Tensor:
    """y [T, B, H]."""
    h = c = x.new_zeros(x.shape[1], w["U"].shape[1])
    turned, rows = w["U"].T, []
    for feed in inputs_of(x, w).unbind(0):
        i, f, g, o = torch.addmm(feed, h, turned).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        rows.append(h)
    return torch.stack(rows)


def peephole(x: Tensor, w: Weights) -> Tensor:
    """y [T, B, H]."""
    h = c = x.new_zeros(x.shape[1], w["U"].shape[1])
    turned, rows = w["U"].T, []
    for feed in inputs_of(x, w).unbind(0):
        i, f, g, o = torch.addmm(feed, h, turned).chunk(4, 1)
        i, f = torch.sigmoid(i + w["p_i"] * c), torch.sigmoid(f + w["p_f"] * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + w["p_o"] * c) * torch.tanh(c)
        rows.append(h)
    return torch.stack(rows)


def slstm(x: Tensor, w: Weights) -> Tensor:
    """y [T, B, H]; where n = 0 the stabiliser is the input gate, which from zero states is the first step."""
    h = c = n = x.new_zeros(x.shape[1], w["U"].shape[1])
    m = torch.full_like(h, -torch.inf)
    turned, rows = w["U"].T, []
    for feed in inputs_of(x, w).unbind(0):
        a, f, z, o = torch.addmm(feed, h, turned).chunk(4, 1)
        kept = logsigmoid(f) + m
        m = torch.maximum(a, kept)
        i, f = torch.exp(a - m), torch.exp(kept - m)
        c, n = f * c + i * torch.tanh(z), f * n + i
        h = torch.sigmoid(o) * c / n
        rows.append(h)
    return torch.stack(rows)


def lstm_layer_norm(x: Tensor, w: Weights) -> Tensor:
    """y [T, B, H]; the projections are normalised before the loop."""
    width = w["U"].shape[1]
    h = c = x.new_zeros(x.shape[1], width)
    feeds = (x.flatten(0, 1) @ w["W"].T).view(*x.shape[:2], -1)
    feeds = layer_norm(feeds, (4 * width,), w["p_x"], w["b"])
    turned, rows = w["U"].T, []
    for feed in feeds.unbind(0):
        v = feed + layer_norm(h @ turned, (4 * width,), w["p_h"])
        i, f, g, o = v.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(layer_norm(c, (width,), w["p_c"], w["b_c"]))
        rows.append(h)
    return torch.stack(rows)


def mine(x: Tensor, w: Weights) -> Tensor:
    """y [T, B, H]."""
    width = w["U"].shape[1]
    h = m = x.new_zeros(x.shape[1], width)
    turned, turned_n, rows = w["U"].T, w["U_n"].T, []
    for feed in inputs_of(x, w).unbind(0):
        r, k = torch.addmm(feed[:, : 2 * width], h, turned).chunk(2, 1)
        r, k = torch.sigmoid(r), torch.sigmoid(k + w["p_k"] * m)
        n = torch.tanh(torch.addmm(feed[:, 2 * width :], r * h, turned_n))
        m = k * m + (1 - k) * n
        h = (1 - r) * h + r * torch.tanh(m)
        rows.append(h)
    return torch.stack(rows)


@dataclass(frozen=True)
class Loop:
    """How a cell's weights are packed, and its loop."""

    pack: Callable[[Mapping[str, Tensor]], Weights]
    run: Callable[[Tensor, Weights], Tensor]


LOOPS: Mapping[str, Loop] = {
    "lstm": Loop(pack_lstm, lstm),
    "peephole": Loop(pack_peephole, peephole),
    "slstm": Loop(pack_slstm, slstm),
    "lstm_layer_norm": Loop(pack_layer_norm, lstm_layer_norm),
    "mine": Loop(pack_mine, mine),
}


def loop(contest: Contest) -> Contestant:
    """A training step of the loop as it is written."""
    return _contestant("torch loop", LOOPS[contest.cell.name].run, contest)


def compiled(contest: Contest) -> tuple[Contestant, float]:
    """The same loop through torch.compile, and the seconds until its first step was done."""
    torch._dynamo.reset()
    one = _contestant("torch.compile", torch.compile(LOOPS[contest.cell.name].run), contest)
    begun = time.perf_counter()
    one.step()
    return one, time.perf_counter() - begun


def _contestant(name: str, run: Callable[[Tensor, Weights], Tensor], contest: Contest) -> Contestant:
    own = {k: v.detach() for k, v in contest.layer.weights(0).items()}
    weights = {k: v.clone().requires_grad_() for k, v in LOOPS[contest.cell.name].pack(own).items()}
    x = contest.x.clone().requires_grad_()

    def step() -> tuple[Tensor, Tensor]:
        for leaf in (x, *weights.values()):
            leaf.grad = None
        y = run(x, weights)
        torch.autograd.backward(y, contest.dy)
        assert x.grad is not None
        return y.detach(), x.grad

    return Contestant(name, step)
