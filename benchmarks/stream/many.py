"""Many streams in one process: a step of all of them, beside the same step within a call of the layer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from benchmarks.kernels.rows import Row

import cellwright as cw
from cellwright.testing.timing import in_turns

STREAMS, STEPS = 10_000, 8
CASES = (("lstm", 16), ("lstm", 64), ("lstm", 256), ("gru", 64))


def rows(
    repetitions: int, cases: tuple[tuple[str, int], ...] = CASES, streams: int = STREAMS
) -> Iterator[Row]:
    """A row for each cell and H = I: microseconds per stream and step."""
    for name, H in cases:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layer, x = cw.nn.Recurrent(name, H, H).eval(), torch.randn(STEPS, streams, H)
        stream, out = cw.Stream(layer, streams=streams), torch.empty(streams, H)

        def pushes(stream: cw.Stream = stream, x: torch.Tensor = x, out: torch.Tensor = out) -> torch.Tensor:
            for x_t in x:
                stream.push(x_t, out)
            return out

        def call(layer: cw.nn.Recurrent = layer, x: torch.Tensor = x) -> torch.Tensor:
            with torch.no_grad():
                y: torch.Tensor = layer(x)[0][-1]
                return y

        error = float((pushes() - call()).abs().max())
        if not error < 1e-4:
            raise SystemExit(f"a stream of {name} is not its layer: {error}; nothing was timed")
        timed = in_turns({"pushes": pushes, "layer": call}, max(3, repetitions // 6))
        us = {k: float(f"{1e3 * t.median / STEPS / streams:.4g}") for k, t in timed.items()}
        ratio = round(timed["pushes"].median / timed["layer"].median, 3)
        yield {"cell": name, "H": H, "streams": streams, "us": us, "times_as_long": ratio}
