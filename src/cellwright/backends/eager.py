"""The reference backend: a plan as torch operations, one step after the other. Floor 2.

Takes every cell, dtype, device and order of derivative. Input products leave the loop, products of one
operand are one product; otherwise each node of the graph is one operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from cellwright.backends.call import Call, Outcome
from cellwright.compiler.graph import Node
from cellwright.compiler.plan import Pack, Plan
from cellwright.compiler.words import apply

Step = tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...]]
Values = dict[int, Any]


def refuses(plan: Plan, call: Call) -> None:
    """Never: this is the path that takes everything."""


def run(plan: Plan, call: Call) -> Outcome:
    """Carry the states through all T steps.

    A scalar of the equations is a [.., B, 1] here, a vector a [.., B, size].
    """
    mask, boundaries = call.mask(), call.boundaries()
    before = _before_the_loop(plan, call, mask)
    feeds, program = _per_step(plan, before), _program(plan, "step", before)
    graph, states = plan.graph, dict(call.states)
    places = {node.name: k for k, node in graph.leaves("state")}
    wanted = {name: graph.named[name] for name in call.record}
    outputs: list[Tensor] = []
    recorded: dict[str, list[Tensor]] = {name: [] for name in wanted}
    for t in range(call.x.shape[0]):
        if boundaries is not None:
            states = _begun_anew(states, call, boundaries[t])
        values = dict(before)
        values.update((k, feed[t]) for k, feed in feeds.items())
        values.update((places[name], state) for name, state in states.items())
        _execute(program, values)
        new = {s.name: values[k] for s, k in zip(graph.states, graph.returns, strict=True)}
        states = _held(new, states, None if mask is None else mask[t])
        outputs.append(states[graph.states[0].name])
        for name, k in wanted.items():
            recorded[name].append(values[k])
    return _outcome(call, outputs, states, recorded, mask)


def batched(node: Node, operands: tuple[Any, ...]) -> Any:
    """One operation on batches: reductions keep their axis, a matrix meets rows of vectors."""
    operation, attributes = _BATCHED.get(node.op), dict(node.attributes)
    return operation(*operands, **attributes) if operation else apply(node.op, *operands, **attributes)


def _blocks(blocks: Tensor, v: Tensor) -> Tensor:
    rows = v.reshape(*v.shape[:-1], blocks.shape[0], blocks.shape[2])
    return torch.einsum("npq,...nq->...np", blocks, rows).flatten(-2)


def _concat(*parts: Tensor) -> Tensor:
    lead = torch.broadcast_shapes(*(p.shape[:-1] for p in parts))  # type: ignore[no-untyped-call]
    return torch.cat([p.expand(*lead, p.shape[-1]) for p in parts], -1)


class Bounded(torch.autograd.Function):
    """A value as it is; on the way back its gradient within +-limit. torch.func takes it."""

    generate_vmap_rule = True

    @staticmethod
    def forward(v: Tensor, limit: float) -> Tensor:
        return v.view_as(v)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.limit = inputs[1]

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        return d.clamp(-ctx.limit, ctx.limit), None

    @staticmethod
    def jvp(ctx: Any, d: Tensor, _: None) -> Tensor:
        return d.view_as(d)


def _clip_gradient(v: Any, limit: float) -> Any:
    return Bounded.apply(v, limit) if isinstance(v, Tensor) else v  # type: ignore[no-untyped-call]


_BATCHED: Mapping[str, Callable[..., Tensor]] = {
    "matmul": lambda matrix, v: linear(v, matrix),
    "blocks": _blocks,
    "sum": lambda v: v.sum(-1, keepdim=True),
    "mean": lambda v: v.mean(-1, keepdim=True),
    "max": lambda v: v.amax(-1, keepdim=True),
    "concat": _concat,
    "clip_gradient": _clip_gradient,
}


def _before_the_loop(plan: Plan, call: Call, mask: Tensor | None) -> Values:
    """Leaves, and all that reads no state: weights once, inputs for all T*B rows."""
    # What stands in the padding (it may be NaN) must reach neither a value nor a gradient.
    x = call.x if mask is None else call.x.masked_fill(~mask, 0.0)
    feeds = {plan.graph.inputs[0].name: x, **(call.extra or {})}
    values: Values = {}
    for k, node in enumerate(plan.graph.nodes):
        if node.op == "constant":
            values[k] = node.attribute("value")
        elif node.op == "parameter":
            values[k] = call.weights[node.name]
        elif node.op == "input":
            values[k] = feeds[node.name]
    for level in ("parameter", "input"):
        _execute(_program(plan, level, values), values)
    return values


def _program(plan: Plan, level: str, values: Mapping[int, Any]) -> list[Step]:
    """The nodes of one level as (operation, operands, results); a pack is one operation."""
    first = {pack.products[0]: pack for pack in plan.packs}
    packed = {k for pack in plan.packs for k in pack.products}
    program: list[Step] = []
    for k in plan.nodes(level):
        if k in first:
            program.append(_pack_step(plan, first[k], values))
        elif k not in packed:
            program.append((_cooked(plan.graph.nodes[k]), plan.graph.nodes[k].operands, (k,)))
    return program


def _cooked(node: Node) -> Callable[..., Any]:
    return lambda *operands: batched(node, operands)


def _pack_step(plan: Plan, pack: Pack, values: Mapping[int, Any]) -> Step:
    matrices = [values[plan.graph.nodes[k].operands[0]] for k in pack.products]
    rows = [m.shape[0] for m in matrices]
    joined = torch.cat(matrices) if len(matrices) > 1 else matrices[0]
    return (lambda v: torch.split(linear(v, joined), rows, -1)), (pack.operand,), pack.products


def _execute(program: list[Step], values: Values) -> None:
    for operation, operands, results in program:
        value = operation(*[values[k] for k in operands])
        if len(results) == 1 and not isinstance(value, tuple):
            values[results[0]] = value
        else:
            values.update(zip(results, value, strict=True))


def _per_step(plan: Plan, before: Values) -> dict[int, tuple[Tensor, ...]]:
    """The values of the input level, cut into steps; only those that the loop or a result reads."""
    read = {o for k in plan.nodes("step") for o in plan.graph.nodes[k].operands} | set(plan.graph.returns)
    read |= set(plan.graph.named.values())
    return {k: v.unbind(0) for k, v in before.items() if k in read and plan.level[k] == "input"}


def _begun_anew(states: dict[str, Tensor], call: Call, boundary: Tensor) -> dict[str, Tensor]:
    """The states, and where a boundary lies, the fresh ones."""
    assert call.fresh is not None
    return {name: torch.where(boundary, call.fresh[name], value) for name, value in states.items()}


def _held(new: dict[str, Tensor], old: dict[str, Tensor], real: Tensor | None) -> dict[str, Tensor]:
    """The new states, of the shape of the old; where a sequence has ended, the old ones."""
    shaped = {name: value.expand_as(old[name]) for name, value in new.items()}
    if real is None:
        return shaped
    return {name: torch.where(real, value, old[name]) for name, value in shaped.items()}


def _outcome(
    call: Call,
    outputs: list[Tensor],
    states: dict[str, Tensor],
    recorded: dict[str, list[Tensor]],
    mask: Tensor | None,
) -> Outcome:
    steps, batch = call.x.shape[:2]
    empty = call.x.new_empty(0, batch, next(iter(states.values())).shape[-1])
    y = torch.stack(outputs) if steps else empty
    y = y if mask is None else y.masked_fill(~mask, 0.0)
    kept = {name: torch.stack([v.expand(batch, -1) for v in rows]) for name, rows in recorded.items() if rows}
    if mask is not None:
        kept = {name: value.masked_fill(~mask, 0.0) for name, value in kept.items()}
    return Outcome(y, states, kept)
