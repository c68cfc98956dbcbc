"""A run over time as two operators of torch.library: what torch.compile and torch.export see. Floor 3.

Opaque to the compilers, so no graph breaks and nothing is unrolled; the cell's graph travels as JSON text, so
that an exported program runs in another process. Without a compiler at work `choose.execute` is called: it
costs less, and takes derivatives of any order. Registration happens at import, as torch.library wants it.
Inductor keeps compiled code by an operator's name: operators with other arguments need other names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from cellwright.backends.call import Call, Outcome
from cellwright.backends.cpu import whole
from cellwright.compiler.graph import Graph
from cellwright.compiler.save import graph_from_json, graph_to_json
from cellwright.runtime import segments
from cellwright.runtime.choose import choose, plan_of, run_on
from cellwright.runtime.flat import with_tensors


@lru_cache(maxsize=256)
def text_of(graph: Graph) -> str:
    """A graph as the operators take it."""
    return json.dumps(graph_to_json(graph))


@lru_cache(maxsize=256)
def _graph_of(text: str) -> Graph:
    # The very object that plans and kernels are known by: an equal one is compared node by node each time.
    return plan_of(graph_from_json(json.loads(text)), ()).graph


def traced(text: str, call: Call, wanted: str | None) -> Outcome:
    """`segments.run` or `choose.execute` for a compiler to look at: `text` is `text_of(graph)`."""
    tensors = call.tensors()
    keep = torch.is_grad_enabled() and any([t.requires_grad for t in tensors])  # noqa: C419
    found = _CARRY(
        text,
        wanted or "",
        ",".join(call.record),
        (call.segment or 0) if keep and not call.record else 0,
        str(call.half or "").removeprefix("torch."),
        keep,
        tensors,
        call.lengths,
        call.resets,
    )
    names = list(call.states)
    states = {name: found[1 + k] for k, name in enumerate(names)}
    return Outcome(found[0], states, {name: found[1 + len(names) + k] for k, name in enumerate(call.record)})


def _call_of(
    graph: Graph,
    record: str,
    segment: int,
    half: str,
    tensors: list[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
) -> Call:
    """The call again: which names there are is in the graph."""
    x, states = tensors[0], {n.name: tensors[0] for n in graph.states}
    names = Call(
        x,
        states,
        {n.name: x for n in graph.parameters},
        lengths,
        {n.name: x for n in graph.inputs[1:]},
        tuple(record.split(",")) if record else (),
        resets,
        None if resets is None else states,
        segment or None,
        getattr(torch, half) if half else None,
    )
    return with_tensors(names, tensors)


def carry(
    graph: str,
    wanted: str,
    record: str,
    segment: int,
    half: str,
    keep: bool,
    tensors: list[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
) -> list[Tensor]:
    """y, the last states, recorded values, and what the way back needs. `tensors`: `Call.tensors`."""
    made = _graph_of(graph)
    call = _call_of(made, record, segment, half, tensors, lengths, resets)
    if call.segment:
        y, last, before, _ = segments.forward(segments.Task(made, call, wanted or None))
        return _apart([y, *last, *before], tensors)
    plan = plan_of(made, call.record)
    choice = choose(plan, call, wanted or None)
    if choice.name == "cpu" and not call.record:
        return whole.forward(plan, call, keep)
    out = run_on(choice.name, plan, call)
    return _apart([out.y, *out.states.values(), *(out.recorded[name] for name in call.record)], tensors)


def _carry_fake(
    graph: str,
    wanted: str,
    record: str,
    segment: int,
    half: str,
    keep: bool,
    tensors: list[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
) -> list[Tensor]:
    made = _graph_of(graph)
    call = _call_of(made, record, segment, half, tensors, lengths, resets)
    steps, batch = call.x.shape[:2]
    last = [torch.empty_like(s, memory_format=torch.contiguous_format) for s in call.states.values()]
    found = [last[0].new_empty((steps, batch, last[0].shape[-1])), *last]
    if call.segment:
        count = (steps + call.segment - 1) // call.segment
        return [*found, *(s.new_empty((count, *s.shape)) for s in last)]
    plan = plan_of(made, call.record)
    found += [last[0].new_empty((steps, batch, size)) for size in _widths(made, call)]
    if choose(plan, call, wanted or None).name == "cpu" and not call.record:
        found += whole.shapes(plan, call, keep)
    return found


def _widths(graph: Graph, call: Call) -> list[int]:
    """The sizes of the recorded values."""
    sizes = {"I": call.x.shape[-1]}
    for node in (*graph.states, *graph.parameters):
        value = call.states[node.name] if node.op == "state" else call.weights[node.name]
        for dim, size in zip(reversed(node.shape), reversed(value.shape), strict=False):
            if len(dim.terms) == 1 and dim.terms[0][0]:
                sizes.setdefault(dim.terms[0][0], int(size / dim.terms[0][1]))
    nodes = [graph.nodes[graph.named[name]] for name in call.record]
    return [node.shape[0].evaluate(sizes) if node.shape else 1 for node in nodes]


@contextmanager
def _differentiable() -> Iterator[None]:
    """Record inside an operator, which runs below autograd: there `enable_grad` alone changes nothing."""
    keys = torch._C.DispatchKey
    with (
        torch.enable_grad(),
        torch._C._SetExcludeDispatchKeyGuard(keys.AutogradFunctionality, False),
        torch._C._SetExcludeDispatchKeyGuard(keys.ADInplaceOrView, False),
    ):
        yield


def _apart(tensors: list[Tensor], given: list[Tensor]) -> list[Tensor]:
    """An operator gives no two views of one tensor, and none of its inputs: copies where it would."""
    taken = {t.untyped_storage().data_ptr() for t in given}
    found = []
    for t in tensors:
        place = t.untyped_storage().data_ptr()
        alone = place not in taken and t.is_contiguous()
        found.append(t if alone else t.clone(memory_format=torch.contiguous_format))
        taken.add(place)
    return found


def carry_back(
    graph: str,
    wanted: str,
    record: str,
    segment: int,
    half: str,
    needs: list[bool],
    tensors: list[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    y: Tensor,
    kept: list[Tensor],
    seeds: list[Tensor],
) -> list[Tensor]:
    """The gradients of tensors in need, from those of y, last states, recorded values; empty for others."""
    made = _graph_of(graph)
    call = _call_of(made, record, segment, half, tensors, lengths, resets)
    given = [*tensors, y, *kept, *seeds]
    if call.segment:
        with _differentiable():
            pieces = segments.backward(segments.Task(made, call, wanted or None), kept, list(seeds), needs)
        return _apart(_in_need([g.detach() for g in pieces], tensors, needs), given)
    plan = plan_of(made, call.record)
    # Only the CPU's kernels leave something for the way back.
    direct = whole.direct(plan, call, y, kept, seeds, needs) if kept else None
    if direct is not None:
        return _apart(_in_need(direct, tensors, needs), given)
    with _differentiable():
        leaves = [t.detach().requires_grad_(need) for t, need in zip(tensors, needs, strict=True)]
        own = with_tensors(call, leaves)
        if kept:
            outputs, pulled = whole.backward(plan, own, y, kept, seeds)
        else:
            out = run_on(choose(plan, own, wanted or None).name, plan, own)
            recorded = [out.recorded[value] for value in call.record]
            outputs, pulled = [out.y, *out.states.values(), *recorded], seeds
        return _apart([g.detach() for g in _gradients(outputs, pulled, leaves)], given)


def _in_need(found: Sequence[Tensor | None], tensors: list[Tensor], needs: list[bool]) -> list[Tensor]:
    """Zero where there is no gradient; something empty for a tensor that wants none."""
    return [
        t[:0] if not need else torch.zeros_like(t) if g is None else g
        for g, t, need in zip(found, tensors, needs, strict=True)
    ]


def _gradients(outputs: list[Tensor], seeds: list[Tensor], leaves: list[Tensor]) -> list[Tensor]:
    """The gradients of the leaves that want one, zero where there is none; something empty for the others."""
    pairs = [(v, g) for v, g in zip(outputs, seeds, strict=False) if v.requires_grad]
    computed = [(v, g) for v, g in pairs if not v.is_leaf]
    wanted = [t for t in leaves if t.requires_grad]
    found: dict[int, Tensor] = {}
    if computed:
        values, gradients = [v for v, _ in computed], [g for _, g in computed]
        pulled = torch.autograd.grad(values, wanted, gradients, allow_unused=True)
        found = {id(t): g for t, g in zip(wanted, pulled, strict=True) if g is not None}
    # What a kernel read is mostly the leaves themselves: for those no engine has to run.
    for v, g in pairs:
        if v.is_leaf:
            found[id(v)] = found[id(v)] + g if id(v) in found else g
    return [
        (found[id(t)] if id(t) in found else torch.zeros_like(t)) if t.requires_grad else t[:0]
        for t in leaves
    ]


def _carry_back_fake(
    graph: str,
    wanted: str,
    record: str,
    segment: int,
    half: str,
    needs: list[bool],
    tensors: list[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    y: Tensor,
    kept: list[Tensor],
    seeds: list[Tensor],
) -> list[Tensor]:
    found = [t if need else t[:0] for t, need in zip(tensors, needs, strict=True)]
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t in found]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    *ctx.facts, _, tensors, lengths, resets = inputs
    ctx.needs = [t.requires_grad for t in tensors]
    ctx.save_for_backward(lengths, resets, *tensors, *output)


def _back(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    lengths, resets, *rest = ctx.saved_tensors
    tensors, output = rest[: len(ctx.needs)], rest[len(ctx.needs) :]
    graph, _, record, *_ = ctx.facts
    count = 1 + len(_graph_of(graph).states) + (len(record.split(",")) if record else 0)
    pairs = zip(gradients[:count], output[:count], strict=True)
    seeds = [torch.zeros_like(v) if g is None else g for g, v in pairs]
    found = _CARRY_BACK(*ctx.facts, ctx.needs, tensors, lengths, resets, output[0], output[count:], seeds)
    wanted = [g if need else None for g, need in zip(found, ctx.needs, strict=True)]
    return None, None, None, None, None, None, wanted, None, None


def _registered(name: str, run: Callable[..., list[Tensor]], fake: Callable[..., list[Tensor]]) -> Any:
    """An operator; `torch.library.custom_op` does the same with three more calls in Python a run."""
    full = f"cellwright::{name}"
    torch.library.define(full, torch.library.infer_schema(run, mutates_args=()))
    torch.library.impl(full, "CompositeExplicitAutograd", run)
    torch.library.register_fake(full, fake)
    return getattr(torch.ops.cellwright, name).default


_CARRY = _registered("carry_4", carry, _carry_fake)
_CARRY_BACK = _registered("carry_back_4", carry_back, _carry_back_fake)
torch.library.register_autograd("cellwright::carry_4", _back, setup_context=_setup)
