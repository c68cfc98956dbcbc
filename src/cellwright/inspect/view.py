"""The inside of a network on one input as plain data, JSON-able: what its page shows. Floor 5.

Nothing is hidden: values that are not finite keep a code of their own; what was shortened is said in `notes`.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cellwright.compiler.show import mathml
from cellwright.errors import SettingError
from cellwright.inspect.attribution import sensitivity
from cellwright.inspect.columns import ROOM, Columns, columns
from cellwright.inspect.flow import Loss, gradient_flow
from cellwright.inspect.health import RANGES, saturation
from cellwright.inspect.inside import Inside
from cellwright.inspect.neurons import neurons
from cellwright.inspect.properties import signal_properties, text_properties
from cellwright.inspect.record import record
from cellwright.nn import Recurrent
from cellwright.nn.layer import Layer

UNTRAINED = ("elman", "lstm")
FAR = 1000  # steps that a gradient is followed back
SHORT = 2000  # steps that integrated gradients are taken of
WHOLE = 20_000  # steps that are recorded at once, to find units and count saturation
CODES = 65533  # numbers are codes from 0 to CODES - 1; then -inf, +inf, NaN
TOP, WEAK = 3, 0.2  # units for each property; correlations that are not worth showing

Both = tuple[str, str]

TOO_LONG: Both = (
    "The gradient is not shown: the layer reads both ways, and the input is too long.",
    "该层双向读取且输入过长，未显示梯度。",
)


def view(
    inside: Inside,
    *,
    at: int = 0,
    reverse: bool = False,
    beside: Mapping[str, Inside] | None = None,
    room: int = ROOM,
) -> dict[str, Any]:
    """Everything the page shows.

    Args:
        inside: the network and the input.
        at, reverse: which of the stacked layers, and which direction.
        beside: other networks with the same input, by name, to compare the gradient with.
        room: how many numbers the page may hold, about.

    Raises:
        SettingError: no such layer or direction; another network reads the input in other steps.
    """
    layer, x = inside.layer, inside.x
    notes: list[Both] = []
    found = columns(layer, x, at=at, reverse=reverse, room=room)
    if found.stride > 1:
        notes.append(_shortened(len(x), found))
    if found.units is not None:
        notes.append(_fewer_units(found.units, layer.state_sizes(at)))
    cell = layer.frame.cells[at]
    return {
        "title": inside.title,
        "said": inside.said,
        "cell": {"name": cell.graph.name, "layer": at, "layers": layer.num_layers, "reverse": reverse,
                 "directions": layer.directions, "units": layer.sizes(at)["H"]},
        "steps": list(inside.steps[:: found.stride]),
        "stride": found.stride,
        "length": len(x),
        "units": None if found.units is None else found.units.tolist(),
        "signal": _signal(inside, found.stride),
        "values": _values(found),
        "output": cell.graph.returns[0],
        "spaced": max(map(len, inside.steps), default=1) > 1,
        "terms": _terms(found),
        "equations": [
            {"mathml": text, "place": equation.place, "pieces": list(equation.pieces)}
            for text, equation in zip(mathml(cell.graph), found.anatomy.equations, strict=True)
        ],
        "flow": _flow(inside, at, reverse, notes),
        "beside": _beside(inside, at, beside or {}),
        "moved": _moved(inside, found.stride),
        "neurons": _neurons(inside, at, reverse) if 10 <= len(x) <= WHOLE else [],
        "health": saturation(layer, x, at=at, reverse=reverse).to_dicts() if len(x) <= WHOLE else [],
        "notes": notes,
    }  # fmt: skip


def _values(found: Columns) -> list[dict[str, Any]]:
    graph, listed = found.anatomy.graph, []
    for name, place in graph.named.items():
        if place not in found.exact:
            continue
        op = graph.nodes[place].op
        one = {"name": name, "place": place, "kind": op if op in RANGES else "", **coded(found.exact[place])}
        one["span"] = RANGES[op] if op in RANGES else _span(found.exact[place])
        one["mean"] = coded(found.mean[place]) if found.stride > 1 else None
        listed.append(one)
    return listed


def _terms(found: Columns) -> dict[str, dict[str, Any]]:
    """Terms by place; a named value's numbers are with the values, a weight has one row."""
    named = set(found.anatomy.graph.named.values())
    terms: dict[str, dict[str, Any]] = {}
    for place, text in found.anatomy.terms.items():
        term: dict[str, Any] = {"text": text}
        if place in found.exact and place not in named:
            term |= coded(found.exact[place])
        elif place not in found.exact:
            fixed = found.anatomy.values[place]
            if found.units is not None and len(fixed) > int(found.units.max()):
                fixed = fixed[found.units]
            term |= coded(fixed.unsqueeze(0)) | {"fixed": True}
        terms[str(place)] = term
    return terms


def coded(values: Tensor) -> dict[str, Any]:
    """Numbers [columns, size] as codes of two bytes between the lowest and the highest, in base64.

    >>> sorted(coded(torch.zeros(2, 3)))
    ['data', 'high', 'low', 'size']
    """
    numbers = values.detach().double().cpu().numpy()
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scale = (CODES - 1) / (high - low) if high > low else 0.0
    codes = np.nan_to_num((numbers - low) * scale).round().clip(0, CODES - 1)
    for code, special in enumerate((numbers == -np.inf, numbers == np.inf, np.isnan(numbers))):
        codes[special] = CODES + code
    data = base64.b64encode(codes.astype("<u2").tobytes()).decode()
    return {"size": numbers.shape[-1], "low": low, "high": high, "data": data}


def _span(values: Tensor) -> tuple[float, float]:
    """What the colours cover: around zero, all but the outermost thousandth."""
    known = values[values.isfinite()].abs().double()
    # quantile() takes no more than 16 million numbers.
    some = known[:: max(1, known.numel() // 1_000_000)]
    most = float(torch.quantile(some, 0.999)) if some.numel() else 0.0
    return (-most, most) if most > 0 else (-1.0, 1.0)


def _signal(inside: Inside, stride: int) -> dict[str, Any] | None:
    if inside.signal is None:
        return None
    values = [[_number(v) for v in channel[::stride]] for channel in inside.signal.T.tolist()]
    return {"names": list(inside.names), "values": values}


def _flow(inside: Inside, at: int, reverse: bool, notes: list[Both]) -> dict[str, Any]:
    """The gradient of what the network says, by step and path, over the last steps."""
    layer, x = inside.layer, inside.x
    first = _far_enough(layer, x)
    if first is None:
        notes.append(TOO_LONG)
        return {"first": 0, "states": {}, "paths": {}}
    if first:
        english = f"The gradient is followed back over the last {FAR:,} steps."
        notes.append((english, f"梯度只沿最后 {FAR:,} 步回溯。"))
    frame = _tail(layer, x, first, lambda y: inside.read(y).sum(), at, reverse)
    states = [state.name for state in layer.frame.cells[at].graph.states]
    paths = [name for name in frame.columns if " via " in name]
    return {
        "first": first,
        "states": {name: _numbers(frame[name]) for name in states},
        "paths": {name: _numbers(frame[name]) for name in paths},
    }


def _far_enough(layer: Layer, x: Tensor) -> int | None:
    """The first step that a gradient is followed back to; None where a long input is read both ways."""
    if layer.bidirectional:
        return 0 if len(x) <= SHORT else None
    return max(0, len(x) - FAR)


def _tail(layer: Layer, x: Tensor, first: int, loss: Loss | None, at: int, reverse: bool) -> pl.DataFrame:
    with torch.no_grad():
        state = layer.run(x[:first])[1] if first else None
    return gradient_flow(layer, x[first:], state, loss=loss, at=at, reverse=reverse)


def _beside(inside: Inside, at: int, others: Mapping[str, Inside]) -> list[dict[str, Any]]:
    """How much of the last output's gradient arrives at each step: here, in others, in untrained cells."""
    layer, x = inside.layer, inside.x
    first = _far_enough(layer, x)
    if first is None:
        return []
    rows = [_arriving(layer.frame.cells[at].graph.name, layer, x, first, at, trained=True)]
    for name, other in others.items():
        if len(other.x) != len(x):
            raise SettingError(
                "another network reads this input in other steps",
                where=name,
                got=f"{len(other.x)} steps",
                expected=len(x),
                fix="compare runs that cut the input alike",
            )
        begin, top = _far_enough(other.layer, other.x), other.layer.num_layers - 1
        if begin is not None:
            rows.append(_arriving(name, other.layer, other.x, begin, top, trained=True))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name in UNTRAINED:
            fresh = Recurrent(name, x.shape[-1], layer.sizes(at)["H"], dtype=x.dtype, device=x.device)
            rows.append(_arriving(name, fresh, x, max(0, len(x) - FAR), 0, trained=False))
    return rows


def _arriving(name: str, layer: Layer, x: Tensor, first: int, at: int, trained: bool) -> dict[str, Any]:
    frame = _tail(layer, x, first, None, at, False)
    states = [state.name for state in layer.frame.cells[at].graph.states]
    last = max(float(frame[state][-1]) for state in states)
    shares = {state: _numbers(frame[state] / last if last > 0 else frame[state]) for state in states}
    return {"name": name, "trained": trained, "first": first, "states": shares}


def _moved(inside: Inside, stride: int) -> dict[str, Any]:
    """Which steps moved what the network says; a column has the sum over its steps."""
    method = "integrated" if len(inside.x) <= SHORT else "gradient"
    shares = sensitivity(lambda x: inside.read(inside.layer.run(x)[0]), inside.x, method=method)
    sums = [float(part.double().sum()) for part in torch.split(shares[:, 0], stride)]
    return {"method": method, "values": [_number(v) for v in sums]}


def _neurons(inside: Inside, at: int, reverse: bool) -> list[dict[str, Any]]:
    """The units that follow properties of the text or signal most closely."""
    if inside.signal is None:
        properties = text_properties(inside.steps)
    else:
        properties = signal_properties(inside.signal.cpu().numpy(), inside.names or None)
    states = {state.name for state in inside.layer.frame.cells[at].graph.states}
    values = record(inside.layer, inside.x, at=at, reverse=reverse)
    found = neurons({k: v for k, v in values.items() if k in states}, properties, top=TOP)
    return found.filter(pl.col("correlation").abs() >= WEAK).to_dicts()


def _numbers(values: Sequence[float] | pl.Series) -> list[float | None]:
    return [_number(v) for v in values]


def _number(value: float | None) -> float | None:
    """Six digits are enough for a picture; what JSON has no word for is null."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _shortened(steps: int, found: Columns) -> Both:
    count = len(next(iter(found.exact.values())))
    return (
        f"{steps:,} steps are shown as {count:,} columns of {found.stride}: the maps have the mean of a "
        "column, the equations the numbers of its first step.",
        f"{steps:,} 步合并为 {count:,} 列，每列 {found.stride} 步：图中是每列的平均值，"
        "公式里是每列第一步的数。",
    )


def _fewer_units(units: Tensor, sizes: Mapping[str, int]) -> Both:
    size = max(sizes.values())
    return (
        f"Of {size:,} units the {len(units):,} that move most are shown.",
        f"{size:,} 个单元中只显示变化最大的 {len(units):,} 个。",
    )
