"""A run over time as two operators of torch.library: what torch.compile and torch.export see. Floor 3.

Opaque to the compilers, so no graph breaks and nothing is unrolled; the cell's graph travels as JSON text, so
that an exported program runs in another process. Without a compiler at work `choose.execute` is called: it
costs less, and takes derivatives of any order. Registration happens at import, as torch.library wants it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu import whole
from cellwright.compiler.graph import Graph
from cellwright.compiler.save import graph_from_json, graph_to_json
from cellwright.runtime.choose import choose, plan_of, run_on


@lru_cache(maxsize=256)
def text_of(graph: Graph) -> str:
    """A graph as the operators take it."""
    return json.dumps(graph_to_json(graph))


@lru_cache(maxsize=256)
def _graph_of(text: str) -> Graph:
    return graph_from_json(json.loads(text))


def traced(text: str, call: Call, wanted: str | None) -> Outcome:
    """`choose.execute` for a compiler to look at: `text` is `text_of(graph)`."""
    extra = call.extra or {}
    tensors = [
        call.x,
        *(extra[name] for name in sorted(extra)),
        *call.states.values(),
        *call.weights.values(),
    ]
    keep = torch.is_grad_enabled() and any([t.requires_grad for t in tensors])  # noqa: C419
    found = carry(text, wanted or "", keep, tensors, call.lengths)
    names = list(call.states)
    return Outcome(found[0], {name: found[1 + k] for k, name in enumerate(names)}, {})


def _call_of(graph: Graph, tensors: list[Tensor], lengths: Tensor | None) -> Call:
    extra = sorted(n.name for n in graph.inputs[1:])
    states, weights = [n.name for n in graph.states], [n.name for n in graph.parameters]
    x, *rest = tensors
    at, end = len(extra), len(extra) + len(states)
    return Call(
        x,
        dict(zip(states, rest[at:end], strict=False)),
        dict(zip(weights, rest[end:], strict=False)),
        lengths,
        dict(zip(extra, rest[:at], strict=False)),
    )


@torch.library.custom_op("cellwright::carry", mutates_args=())
def carry(graph: str, wanted: str, keep: bool, tensors: list[Tensor], lengths: Tensor | None) -> list[Tensor]:
    """y, the last states, and what the way back needs. `tensors`: x, extra inputs, states, weights."""
    plan, call = plan_of(_graph_of(graph)), _call_of(_graph_of(graph), tensors, lengths)
    choice = choose(plan, call, wanted or None)
    if choice.name == "cpu":
        return whole.forward(plan, call, keep)
    out = run_on(choice.name, plan, call)
    return [out.y.clone(), *(v.clone() for v in out.states.values())]


@carry.register_fake
def _(graph: str, wanted: str, keep: bool, tensors: list[Tensor], lengths: Tensor | None) -> list[Tensor]:
    plan, call = plan_of(_graph_of(graph)), _call_of(_graph_of(graph), tensors, lengths)
    steps, batch = call.x.shape[:2]
    last = [torch.empty_like(s, memory_format=torch.contiguous_format) for s in call.states.values()]
    found = [last[0].new_empty((steps, batch, last[0].shape[-1])), *last]
    if choose(plan, call, wanted or None).name == "cpu":
        found += whole.shapes(plan, call, keep)
    return found


@torch.library.custom_op("cellwright::carry_back", mutates_args=())
def carry_back(
    graph: str,
    wanted: str,
    tensors: list[Tensor],
    lengths: Tensor | None,
    y: Tensor,
    kept: list[Tensor],
    seeds: list[Tensor],
) -> list[Tensor]:
    """The gradients of all tensors from those of y and of the last states."""
    plan, call = plan_of(_graph_of(graph)), _call_of(_graph_of(graph), tensors, lengths)
    name = choose(plan, call, wanted or None).name
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in tensors]
        own = _call_of(_graph_of(graph), leaves, lengths)
        if name == "cpu":
            outputs, given = whole.backward(plan, own, y, kept, seeds)
        else:
            out = run_on(name, plan, own)
            outputs, given = [out.y, *out.states.values()], seeds
        pairs = [(v, g) for v, g in zip(outputs, given, strict=False) if v.requires_grad]
        found = torch.autograd.grad([v for v, _ in pairs], leaves, [g for _, g in pairs], allow_unused=True)
    # An operator gives no two views of one tensor.
    return [
        torch.zeros_like(t, memory_format=torch.contiguous_format)
        if g is None
        else g.clone(memory_format=torch.contiguous_format)
        for t, g in zip(tensors, found, strict=False)
    ]


@carry_back.register_fake
def _(
    graph: str,
    wanted: str,
    tensors: list[Tensor],
    lengths: Tensor | None,
    y: Tensor,
    kept: list[Tensor],
    seeds: list[Tensor],
) -> list[Tensor]:
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t in tensors]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    ctx.graph, ctx.wanted, _, tensors, lengths = inputs
    ctx.size = len(tensors)
    ctx.save_for_backward(lengths, *tensors, *output)


def _back(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    lengths, *rest = ctx.saved_tensors
    tensors, output = rest[: ctx.size], rest[ctx.size :]
    count = 1 + len(_graph_of(ctx.graph).states)
    pairs = zip(gradients[:count], output[:count], strict=True)
    seeds = [torch.zeros_like(v) if g is None else g for g, v in pairs]
    found = carry_back(ctx.graph, ctx.wanted, tensors, lengths, output[0], output[count:], seeds)
    return None, None, None, found, None


carry.register_autograd(_back, setup_context=_setup)
