"""The same cells with `lax.scan` in JAX under one jit: inputs projected before it, gates in one product.

Imported only where JAX is installed. float32; JAX's own threads, as many as there are processors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from benchmarks.kernels.loops import LOOPS
from jax import Array, lax
from torch import Tensor

from cellwright.testing.speed import Contest, Contestant

Weights = dict[str, Array]
Step = Callable[[tuple[Array, ...], Array, Weights], tuple[Array, ...]]


def lstm(state: tuple[Array, ...], feed: Array, w: Weights) -> tuple[Array, ...]:
    """One step; the first state is the output, here and below."""
    h, c = state
    i, f, g, o = jnp.split(feed + h @ w["U"].T, 4, 1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def peephole(state: tuple[Array, ...], feed: Array, w: Weights) -> tuple[Array, ...]:
    """One step."""
    h, c = state
    i, f, g, o = jnp.split(feed + h @ w["U"].T, 4, 1)
    i, f = jax.nn.sigmoid(i + w["p_i"] * c), jax.nn.sigmoid(f + w["p_f"] * c)
    c = f * c + i * jnp.tanh(g)
    return jax.nn.sigmoid(o + w["p_o"] * c) * jnp.tanh(c), c


def slstm(state: tuple[Array, ...], feed: Array, w: Weights) -> tuple[Array, ...]:
    """One step; m starts at minus infinity, as n = 0 asks."""
    h, c, n, m = state
    a, f, z, o = jnp.split(feed + h @ w["U"].T, 4, 1)
    kept = jax.nn.log_sigmoid(f) + m
    m = jnp.maximum(a, kept)
    i, f = jnp.exp(a - m), jnp.exp(kept - m)
    c, n = f * c + i * jnp.tanh(z), f * n + i
    return jax.nn.sigmoid(o) * c / n, c, n, m


def lstm_layer_norm(state: tuple[Array, ...], feed: Array, w: Weights) -> tuple[Array, ...]:
    """One step; the feed is normalised already."""
    h, c = state
    i, f, g, o = jnp.split(feed + normalised(h @ w["U"].T) * w["p_h"], 4, 1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(normalised(c) * w["p_c"] + w["b_c"]), c


def mine(state: tuple[Array, ...], feed: Array, w: Weights) -> tuple[Array, ...]:
    """One step."""
    h, m = state
    width = h.shape[1]
    r, k = jnp.split(feed[:, : 2 * width] + h @ w["U"].T, 2, 1)
    r, k = jax.nn.sigmoid(r), jax.nn.sigmoid(k + w["p_k"] * m)
    n = jnp.tanh(feed[:, 2 * width :] + (r * h) @ w["U_n"].T)
    m = k * m + (1 - k) * n
    return (1 - r) * h + r * jnp.tanh(m), m


def normalised(v: Array) -> Array:
    """Mean 0, variance 1 along the last axis."""
    centred = v - v.mean(-1, keepdims=True)
    whole: Array = centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return whole


STEPS: Mapping[str, Step] = {
    "lstm": lstm, "peephole": peephole, "slstm": slstm, "lstm_layer_norm": lstm_layer_norm, "mine": mine,
}  # fmt: skip
# What the states start from; two zeros where nothing is said.
STARTS: Mapping[str, tuple[float, ...]] = {"slstm": (0.0, 0.0, 0.0, -math.inf)}


def scan(contest: Contest) -> Contestant:
    """A training step: y, and the gradients of x and of every weight, all of them computed."""
    name = contest.cell.name
    step, width = STEPS[name], contest.layer.hidden_size
    own = {k: v.detach() for k, v in contest.layer.weights(0).items()}
    weights = {k: jnp.asarray(v.numpy()) for k, v in LOOPS[name].pack(own).items()}
    x, dy = jnp.asarray(contest.x.numpy()), jnp.asarray(contest.dy.numpy())

    def run(x: Array, w: Weights) -> Array:
        feeds = x @ w["W"].T
        feeds = normalised(feeds) * w["p_x"] + w["b"] if name == "lstm_layer_norm" else feeds + w["b"]
        start = tuple(jnp.full((x.shape[1], width), v, x.dtype) for v in STARTS.get(name, (0.0, 0.0)))

        def body(state: tuple[Array, ...], feed: Array) -> tuple[tuple[Array, ...], Array]:
            new = step(state, feed, w)
            return new, new[0]

        y: Array = lax.scan(body, start, feeds)[1]
        return y

    def train(x: Array, w: Weights, dy: Array) -> tuple[Array, tuple[Array, Weights]]:
        y, back = jax.vjp(run, x, w)
        return y, back(dy)

    jitted: Callable[..., Any] = jax.jit(train)
    ready: Callable[[Any], Any] = jax.block_until_ready

    def values(found: Any) -> tuple[Tensor, Tensor]:
        y, (dx, _) = found
        return torch.from_numpy(np.array(y)), torch.from_numpy(np.array(dx))

    return Contestant("jax scan", lambda: ready(jitted(x, weights, dy)), values)
