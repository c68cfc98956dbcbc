"""What is measured, case by case: each a generator of rows. Peers: cuDNN, the Python loop, torch.compile.

Milliseconds forward, without derivatives, and forward and back to everything, as quartiles.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from benchmarks.gpu.blocks import block_gru, block_lstm
from torch import Tensor

import cellwright as cw
from cellwright.backends.triton import scan as parts

Row = dict[str, Any]
Run = Callable[[Tensor], Tensor]
Make = Callable[[], torch.nn.Module | Run]


@dataclass(frozen=True)
class Place:
    """Where and how large: the device, its name, repetitions, and the sizes of the work's bars.

    `steps`, `batch`, `width`: FlashRNN's; `wide`, `dense`: of dense user cells; `heads`: units of one;
    `long`: steps of the scan.
    """

    device: str
    name: str
    reps: int
    steps: int = 1024
    batch: int = 16
    width: int = 768
    wide: tuple[int, ...] = (512, 768)
    dense: tuple[int, ...] = (64, 128)
    heads: tuple[int, ...] = (32, 64, 128)
    long: int = 65_536
    scan_width: int = 256
    dtype: torch.dtype = torch.bfloat16


def card(reps: int) -> Place:
    """The card that is here."""
    return Place("cuda", torch.cuda.get_device_name(0), reps)


def dry() -> Place:
    """Nothing of account, on the CPU."""
    sizes = {"steps": 2, "batch": 2, "width": 8, "wide": (8,), "dense": (4,), "heads": (4,), "long": 130}
    return Place("cpu", "none (dry)", 1, **sizes, scan_width=4, dtype=torch.float32)  # type: ignore[arg-type]


def timed(job: Callable[[], object], place: Place) -> list[float]:
    """Milliseconds by CUDA events, after one run that is not counted."""
    job()
    return [_once(job, place) for _ in range(place.reps)]


def _once(job: Callable[[], object], place: Place) -> float:
    if place.device == "cpu":
        begun = time.perf_counter()
        job()
        return 1e3 * (time.perf_counter() - begun)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    begin.record()
    job()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end))


def quartiles(times: list[float]) -> list[float]:
    """Lower quartile, median, upper quartile."""
    return [round(q, 4) for q in statistics.quantiles(times * 2 if len(times) == 1 else times, n=4)]


def both_ways(run: Run, x: Tensor, place: Place) -> dict[str, list[float]]:
    """Forward without derivatives, and forward and back to everything."""

    def forward() -> None:
        with torch.no_grad():
            run(x)

    def training() -> None:
        run(x).sum().backward()  # type: ignore[no-untyped-call]

    return {"forward": quartiles(timed(forward, place)), "training": quartiles(timed(training, place))}


def first_call(run: Run, x: Tensor) -> float:
    """Seconds of the first training step: compiling, mostly."""
    begun = time.perf_counter()
    run(x).sum().backward()  # type: ignore[no-untyped-call]
    if x.is_cuda:
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


def guarded(name: str, contestant: str, measure: Callable[[], Row]) -> Row:
    """A row, or what it failed with: the next is measured all the same."""
    about = {"cell": name, "contestant": contestant}
    try:
        return {**about, **measure()}
    except Exception as fact:
        said = str(fact).strip().splitlines() or [type(fact).__name__]
        return {**about, "failed": f"{type(fact).__name__}: {said[0]}"}
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def ours(name: str, cell: Any, sizes: tuple[int, int, int, int], place: Place, dtype: torch.dtype) -> Row:
    """Our layer, held to float64, then timed."""

    def measure() -> Row:
        steps, batch, inputs, hidden = sizes
        layer = cw.nn.Recurrent(cell, inputs, hidden, backend="triton").to(place.device, dtype)
        x = torch.randn(steps, batch, inputs, device=place.device, dtype=dtype, requires_grad=True)
        compiling = first_call(lambda v: layer(v)[0], x)
        error, allowed = agreement(layer, x), 1e-3 if dtype == torch.float32 else 0.05
        if not error <= allowed:
            raise ValueError(f"error {error:.1e}, allowed {allowed:.0e}: not timed")
        found = both_ways(lambda v: layer(v)[0], x, place)
        return {"error": error, "multiplies": multiplies(layer), "first_call_s": compiling,
                "explain": cw.explain(layer, x).splitlines(), **found}  # fmt: skip

    return {**guarded(name, "cellwright", measure), "sizes": list(sizes), "dtype": str(dtype)}


def multiplies(layer: torch.nn.Module) -> int:
    """Multiply-adds of a step of one sequence: the elements of all matrices."""
    return sum(v.numel() for v in layer.parameters() if v.dim() > 1)


def peer(name: str, contestant: str, make: Make, x: Tensor, place: Place) -> Row:
    """Somebody else's, timed the same way."""

    def measure() -> Row:
        made: Any = make()
        compiling = first_call(lambda v: _y(made(v)), x)
        count = multiplies(made) if isinstance(made, torch.nn.Module) else None
        return {"multiplies": count, "first_call_s": compiling, **both_ways(lambda v: _y(made(v)), x, place)}

    sizes = [*x.shape, x.shape[-1]]
    return {**guarded(name, contestant, measure), "sizes": sizes, "dtype": str(x.dtype)}


def _y(found: Any) -> Tensor:
    y: Tensor = found[0] if isinstance(found, tuple) else found
    return y


def _fewer(place: Place) -> Place:
    """Of what is slow a few times are enough."""
    return replace(place, reps=min(3, place.reps))


def _input(place: Place, hidden: int, steps: int | None = None) -> Tensor:
    shape = (steps or place.steps, place.batch, hidden)
    return torch.randn(shape, device=place.device, dtype=place.dtype, requires_grad=True)


def _cudnn(place: Place, hidden: int) -> Row:
    x = _input(place, hidden)

    def made() -> torch.nn.Module:
        return torch.nn.LSTM(hidden, hidden).to(place.device, place.dtype)

    return peer("lstm", "torch.nn (cuDNN)", made, x, place)


def _loop(place: Place, cell: str, hidden: int) -> Row:
    """The Python loop."""
    x = _input(place, hidden)

    def made() -> torch.nn.Module:
        return cw.nn.Recurrent(cell, hidden, hidden, backend="eager").to(place.device, place.dtype)

    return peer(cell, "loop", made, x, _fewer(place))


def blocks(place: Place) -> Iterator[Row]:
    """Block-diagonal cells at FlashRNN's width: heads of 32, 64 and 128 units."""
    sizes = (place.steps, place.batch, place.width, place.width)
    for units in place.heads:
        heads = place.width // units
        for cell in (cw.cells.slstm, block_lstm, block_gru):
            name = f"{cell.name}, {heads} heads of {units}"
            yield ours(name, cell.configure(heads=heads), sizes, place, place.dtype)
    yield ours(f"slstm, one head of {place.width}", "slstm", sizes, place, place.dtype)


def _beside_cudnn(place: Place, widths: tuple[int, ...]) -> Iterator[Row]:
    """Users' cells with whole matrices, cuDNN's LSTM of each width, and the loop of the last."""
    for hidden in widths:
        yield _cudnn(place, hidden)
        for name in ("peephole", "gru_v1", "lstm_layer_norm"):
            yield ours(name, name, (place.steps, place.batch, hidden, hidden), place, place.dtype)
    yield _loop(place, "peephole", widths[-1])


def dense(place: Place) -> Iterator[Row]:
    """Small and medium layers: programs of whole rows."""
    return _beside_cudnn(place, place.dense)


def wide(place: Place) -> Iterator[Row]:
    """Wide layers: programs share the units and meet at every step."""
    return _beside_cudnn(place, place.wide)


def compiled(place: Place) -> Iterator[Row]:
    """torch.compile unrolls the loop: its compiling grows with T, so it gets fewer steps."""
    hidden, steps = place.dense[-1], min(64, place.steps)
    yield ours("peephole", "peephole", (steps, place.batch, hidden, hidden), place, place.dtype)
    loop = cw.nn.Recurrent("peephole", hidden, hidden, backend="eager").to(place.device, place.dtype)

    def unrolled(v: Tensor) -> Tensor:
        y: Tensor = loop(v)[0]
        return y

    run = unrolled if place.device == "cpu" else torch.compile(unrolled)
    yield peer("peephole", "torch.compile of the loop", lambda: run, _input(place, hidden, steps), place)


def scan(place: Place) -> Iterator[Row]:
    """minGRU over many steps: scanned, and step by step through the same kernel."""
    sizes = (place.long, 1, place.scan_width // 4 or 1, place.scan_width)
    yield ours("mingru", "mingru", sizes, place, torch.float32)
    least, parts.LEAST_STEPS = parts.LEAST_STEPS, place.long + 1
    try:
        yield {
            **ours("mingru", "mingru", sizes, _fewer(place), torch.float32),
            "contestant": "its own step form",
        }
    finally:
        parts.LEAST_STEPS = least


def stream(place: Place) -> Iterator[Row]:
    """One step of a live stream, B = 1: calls of the layer, and replays of its recorded step."""
    for hidden in (*place.dense, place.width):
        layer = cw.nn.Recurrent("peephole", hidden, hidden).to(place.device)
        x = torch.zeros(hidden, device=place.device)
        many = replace(place, reps=20 * place.reps)

        def called(n: Any = layer, v: Tensor = x, p: Place = many) -> Row:
            with torch.no_grad():
                state = n(v[None])[1]
                return {"step": quartiles(timed(lambda: n(v[None], state), p))}

        def pushed(n: Any = layer, v: Tensor = x, p: Place = many) -> Row:
            live = cw.Stream(n)
            found = quartiles(timed(lambda: live.push(v), p))
            return {"step": found, "explain": live.explain().splitlines()}

        for contestant, measure in (("call of the layer", called), ("Stream.push", pushed)):
            yield {**guarded("peephole", contestant, measure), "hidden": hidden}


ROWS: dict[str, Callable[[Place], Iterator[Row]]] = {
    "blocks": blocks, "dense": dense, "wide": wide, "scan": scan, "stream": stream, "compiled": compiled,
}  # fmt: skip
