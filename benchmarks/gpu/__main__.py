"""The GPU kernels and their peers on one card, correctness first.

    python -m benchmarks.gpu [CASE ...] [--out benchmarks/gpu/rows.jsonl] [--quick]

Cases: dense, blocks, scan, stream; all when none is named. Milliseconds by CUDA events, forward and forward
and back, quartiles; a row is printed and appended only after what was computed agreed with the reference.
Peers: torch.nn (cuDNN), the Python loop, torch.compile of the loop. FlashRNN's published figures (H100, B 16,
T 1024, width 768, bfloat16) stand in `PUBLISHED`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from benchmarks.kernels.rows import append, stamped
from torch import Tensor

import cellwright as cw
from cellwright.testing.machine import load

# Forward | forward and back, milliseconds on an H100 (FlashRNN, arXiv 2412.07752, its tables).
PUBLISHED = {
    "12 heads of 64": (3.10, 8.64), "one head of 768": (4.87, 13.61),
    "cuDNN in float16": (2.01, 5.19), "loop": (150.0, 490.0),
}  # fmt: skip
T, B, WIDTH = 1024, 16, 768


def timed(job: Callable[[], object], repetitions: int) -> list[float]:
    """Milliseconds by CUDA events, after one run that is not counted."""
    job()
    found = []
    for _ in range(repetitions):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        job()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end))
    return found


def quartiles(times: list[float]) -> list[float]:
    """Lower quartile, median, upper quartile."""
    return [round(q, 4) for q in statistics.quantiles(times * 2 if len(times) == 1 else times, n=4)]


def both_ways(run: Callable[[Tensor], Tensor], x: Tensor, repetitions: int) -> dict[str, list[float]]:
    """Forward without derivatives, and forward and back to everything."""

    def forward() -> None:
        with torch.no_grad():
            run(x)

    def training() -> None:
        run(x).sum().backward()

    return {
        "forward": quartiles(timed(forward, repetitions)),
        "training": quartiles(timed(training, repetitions)),
    }


def first_call(run: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Seconds of the first training step: compiling, mostly."""
    torch.cuda.synchronize()
    begun = time.perf_counter()
    run(x).sum().backward()
    torch.cuda.synchronize()
    return round(time.perf_counter() - begun, 2)


def agreement(layer: Any, x: Tensor) -> float:
    """How far y is from the reference in float64 on the first steps, relative to its largest value."""
    few = x[:32].detach()
    other = cw.nn.Recurrent(layer.cell, x.shape[-1], layer.hidden_size, backend="eager", dtype=torch.float64)
    other = other.to(x.device)
    other.load_state_dict({k: v.double() for k, v in layer.state_dict().items()})
    with torch.no_grad():
        got, exact = layer(few)[0].double(), other(few.double())[0]
    return float((got - exact).abs().max() / exact.abs().max())


def row_of(
    name: str, cell: Any, sizes: tuple[int, int, int, int], dtype: torch.dtype, reps: int
) -> dict[str, Any]:
    """Our layer, held to float64, then timed."""
    steps, batch, inputs, hidden = sizes
    layer = cw.nn.Recurrent(cell, inputs, hidden).to("cuda", dtype)
    x = torch.randn(steps, batch, inputs, device="cuda", dtype=dtype, requires_grad=True)
    compiling = first_call(lambda v: layer(v)[0], x)
    error = agreement(layer, x)
    allowed = 1e-3 if dtype == torch.float32 else 0.05
    if not error <= allowed:
        raise SystemExit(f"{name}: error {error:.1e}, allowed {allowed:.0e}; not timed")
    found = both_ways(lambda v: layer(v)[0], x, reps)
    runs_on = cw.explain(layer, x).splitlines()
    return {"cell": name, "sizes": sizes, "dtype": str(dtype), "contestant": "cellwright", "error": error,
            "first_call_s": compiling, "explain": runs_on, **found}  # fmt: skip


def peer(name: str, contestant: str, run: Callable[[Tensor], Tensor], x: Tensor, reps: int) -> dict[str, Any]:
    """Somebody else's, timed the same way."""
    compiling = first_call(run, x)
    return {"cell": name, "sizes": list(x.shape), "dtype": str(x.dtype), "contestant": contestant,
            "first_call_s": compiling, **both_ways(run, x, reps)}  # fmt: skip


def dense(reps: int) -> list[dict[str, Any]]:
    """Cells of a user's own with whole matrices, beside cuDNN's LSTM and the loop."""
    rows = []
    for hidden in (64, 128, 512, WIDTH):
        for name in ("peephole", "gru_v1", "lstm_layer_norm"):
            rows.append(row_of(name, name, (T, B, hidden, hidden), torch.bfloat16, reps))
        x = torch.randn(T, B, hidden, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        cudnn = torch.nn.LSTM(hidden, hidden).to("cuda", torch.bfloat16)
        rows.append(peer("lstm", "torch.nn (cuDNN)", lambda v, n=cudnn: n(v)[0], x, reps))
        loop = cw.nn.Recurrent("peephole", hidden, hidden, backend="eager").to("cuda", torch.bfloat16)
        rows.append(peer("peephole", "loop", lambda v, n=loop: n(v)[0], x, 3))
    # torch.compile unrolls the loop: its compiling grows with T, so it gets fewer steps.
    short = torch.randn(64, B, 128, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    loop = cw.nn.Recurrent("peephole", 128, 128, backend="eager").to("cuda", torch.bfloat16)
    unrolled = torch.compile(lambda v: loop(v)[0])
    rows.append(peer("peephole, 64 steps", "torch.compile of the loop", unrolled, short, 5))
    rows.append(row_of("peephole, 64 steps", "peephole", (64, B, 128, 128), torch.bfloat16, reps))
    return rows


def blocks(reps: int) -> list[dict[str, Any]]:
    """Block-diagonal sLSTM at width 768: heads of 32, 64 and 128, FlashRNN's own sizes."""
    return [
        row_of(f"slstm, {WIDTH // head} heads of {head}", cw.cells.slstm.configure(heads=WIDTH // head),
               (T, B, WIDTH, WIDTH), torch.bfloat16, reps)
        for head in (32, 64, 128)
    ]  # fmt: skip


def scan(reps: int) -> list[dict[str, Any]]:
    """minGRU over 65,536 steps: scanned, and step by step through the same kernel."""
    from cellwright.backends.triton import scan as parts

    sizes = (65_536, 1, 64, 256)
    rows = [row_of("mingru", "mingru", sizes, torch.float32, reps)]
    least, parts.LEAST_STEPS = parts.LEAST_STEPS, sizes[0] + 1
    try:
        rows.append(row_of("mingru", "mingru", sizes, torch.float32, 3) | {"contestant": "its own step form"})
    finally:
        parts.LEAST_STEPS = least
    return rows


def stream(reps: int) -> list[dict[str, Any]]:
    """One step of a live stream, B = 1: plain calls, and replays of a captured graph."""
    rows = []
    for hidden in (64, 256):
        layer = cw.nn.Recurrent("peephole", hidden, hidden).cuda()
        x = torch.zeros(1, 1, hidden, device="cuda")
        with torch.no_grad():
            _, state = layer(x)
            layer(x, state)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                _, new = layer(x, state)
                for name, value in state.items():
                    value.copy_(new[name])
            plain = timed(lambda n=layer, v=x, s=state: n(v, s), 20 * reps)
            replayed = timed(graph.replay, 20 * reps)
        for contestant, times in (("call", plain), ("captured", replayed)):
            found = {"contestant": contestant, "step": quartiles(times)}
            rows.append({"cell": "peephole", "hidden": hidden, **found})
    return rows


CASES: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "blocks": blocks, "dense": dense, "scan": scan, "stream": stream,
}  # fmt: skip


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", choices=(*CASES, []), metavar="CASE")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("no NVIDIA GPU that torch can use: there is nothing to measure here", file=sys.stderr)
        return 2
    card = {"card": torch.cuda.get_device_name(0), "cuda": torch.version.cuda}
    before = load()
    for name in given.cases or CASES:
        for row in CASES[name](3 if given.quick else 15):
            whole = stamped(name, row | card, before)
            print(json.dumps(whole, ensure_ascii=False), flush=True)
            if given.out is not None:
                append(given.out, whole)
    return 0


if __name__ == "__main__":
    sys.exit(main())
