"""torch's own kernels for its three stock cells: plain LSTM, GRU and Elman RNN. Floor 2.

Recognises a graph by its fingerprint, so a user's own text of the same equations runs here too. Refuses any
other cell, a request for gate values, and empty sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cellwright.backends.call import Call, Outcome
from cellwright.compiler.plan import Plan


@dataclass(frozen=True)
class Stock:
    """One of torch's cells: its kernel, our weights in its gate order, and its second bias."""

    kernel: Callable[..., Any]
    gates: tuple[str, ...]
    second_bias: tuple[str, ...]


# Fingerprints of cells.lstm, cells.gru, cells.elman and its relu form; a test holds them to the library.
KNOWN: dict[str, Stock] = {
    "07458e92e74cfbbe": Stock(torch.lstm, ("_i", "_f", "_g", "_o"), ("", "", "", "")),
    "75293e8cb3de8812": Stock(torch.gru, ("_r", "_z", "_n"), ("", "", "b_m")),
    "b2cc804bbf01f5e9": Stock(torch.rnn_tanh, ("",), ("",)),
    "6b61c6e4e260dc95": Stock(torch.rnn_relu, ("",), ("",)),
}


def refuses(plan: Plan, call: Call) -> str | None:
    """One sentence, or None."""
    if plan.graph.fingerprint not in KNOWN:
        return f"torch has no kernel of its own for the equations of `{plan.graph.name}`"
    if call.record:
        return "torch's kernel does not give out gate values"
    if call.resets is not None:
        return "torch's kernel does not begin anew inside a sequence"
    if call.transformed():
        return "the reference takes torch.func's transforms and forward-mode derivatives"
    if call.x.shape[0] == 0 or call.x.shape[1] == 0:
        return "torch's kernel takes no empty batch"
    if call.lengths is not None and int(call.lengths.min()) == 0:
        return "torch's kernel takes no empty sequence"
    return None


def run(plan: Plan, call: Call) -> Outcome:
    """Hand the whole sequence to torch's kernel."""
    out = _run(plan, call)
    kind = call.x.dtype
    # Under autocast cuDNN gives half precision: results keep the type of x.
    return Outcome(out.y.to(kind), {name: v.to(kind) for name, v in out.states.items()}, {})


def _run(plan: Plan, call: Call) -> Outcome:
    stock = KNOWN[plan.graph.fingerprint]
    weights = _packed(stock, call)
    start = tuple(call.states[node.name].unsqueeze(0) for node in plan.graph.states)
    names = [node.name for node in plan.graph.states]
    hx = start if len(start) > 1 else start[0]
    if call.lengths is None:
        y, *last = stock.kernel(call.x, hx, weights, True, 1, 0.0, True, False, False)
        return Outcome(y, {name: v.squeeze(0) for name, v in zip(names, last, strict=True)}, {})
    packed = pack_padded_sequence(call.x, call.lengths.cpu(), enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None and back is not None
    ordered = tuple(v.index_select(1, order) for v in start)
    hx = ordered if len(ordered) > 1 else ordered[0]
    data, *last = stock.kernel(packed.data, packed.batch_sizes, hx, weights, True, 1, 0.0, True, False)
    y, _ = pad_packed_sequence(packed._replace(data=data), total_length=call.x.shape[0])
    return Outcome(
        y, {name: v.squeeze(0).index_select(0, back) for name, v in zip(names, last, strict=True)}, {}
    )


def _packed(stock: Stock, call: Call) -> list[Tensor]:
    """Our matrices by gate as torch's [G*H, I], [G*H, H] and two [G*H] biases."""
    w = call.weights
    second = [w[name] if name else torch.zeros_like(w["b" + stock.gates[0]]) for name in stock.second_bias]
    groups = [*([w[letter + gate] for gate in stock.gates] for letter in "WUb"), second]
    if not call.x.is_cuda:
        return [torch.cat(group) for group in groups]
    # cuDNN wants all of them in one block of memory, in this order; else it copies them, and warns.
    whole = torch.cat([v.reshape(-1) for group in groups for v in group])
    sizes = [sum(v.numel() for v in group) for group in groups]
    shapes = [(-1, *group[0].shape[1:]) for group in groups]
    pieces = whole.split(sizes)  # type: ignore[no-untyped-call]
    return [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
