"""A few figures of the inside of a training network, for its history: on one batch, now and then. Floor 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cellwright.compiler.graph import Graph
from cellwright.inspect.flow import gradient_flow
from cellwright.inspect.health import saturation
from cellwright.inspect.spectrum import eigenvalues
from cellwright.nn.layer import Layer

FEW, SHORT = 4, 100  # sequences, and steps of each
WIDEST = 512  # units whose eigenvalues are still quick

Figures = dict[str, Any]


def due(epoch: int) -> bool:
    """Whether an epoch, from 1, has its figures taken: the 1st, 2nd, 4th, 8th, ..."""
    return epoch & (epoch - 1) == 0


def figures(layer: Layer, x: Tensor, lengths: Tensor | None = None) -> Figures:
    """What the diagnosis needs to know of a recurrent layer.

    Args:
        layer: of the network, on its device.
        x: what it reads, [T, B, I]; of these the longest sequences are looked at, their first steps.
        lengths: [B].

    Returns:
        reach_steps   how many steps were looked at
        reach         the gradient of the last output at the first of them, as a share of that at the last
        stuck         the share of units at one end in 95 % of the steps, of the gate where it is largest
        dead          the share of units of the output that hardly move
        keep          the mean of what the first state is multiplied by from step to step (a forget gate)
        radius        the largest absolute eigenvalue of the recurrent matrices

    A figure that the cell does not have is None.
    """
    x = _cut(x, lengths)
    at = layer.num_layers - 1
    graph = layer.frame.cells[at].graph
    flow = gradient_flow(layer, x, at=at)
    states = [state.name for state in graph.states]
    first, last = (max(float(flow[name][row]) for name in states) for row in (0, -1))
    health = {row["value"]: row for row in saturation(layer, x, at=at).iter_rows(named=True)}
    stuck = [row["stuck"] / row["units"] for row in health.values() if row["stuck"] is not None]
    output = health.get(states[0])
    kept = [1 - health[gate]["mean"] if turned else health[gate]["mean"] for gate, turned in keepers(graph)]
    return {
        "reach_steps": float(len(x)),
        "reach": first / last if last > 0 else None,
        "stuck": max(stuck) if stuck else None,
        "dead": None if output is None else output["dead"] / output["units"],
        "keep": sum(kept) / len(kept) if kept else None,
        "radius": _radius(layer),
        "eigenvalues": _eigenvalues(layer, at),
    }


def _cut(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The first steps of the longest sequences, as many of each."""
    ends = torch.full((x.shape[1],), len(x)) if lengths is None else lengths.cpu()
    longest = ends.argsort(descending=True)[:FEW]
    steps = max(1, min(SHORT, int(ends[longest].min())))
    return x[:steps, longest.to(x.device)].detach()


def _radius(layer: Layer) -> float | None:
    found: list[float] = []
    for at in range(layer.num_layers):
        if layer.sizes(at)["H"] <= WIDEST:
            found += [float(v.abs().max()) for v in eigenvalues(layer, at=at).values() if len(v)]
    return max(found) if found else None


def _eigenvalues(layer: Layer, at: int) -> Mapping[str, list[list[float]]] | None:
    """Four places are enough to follow them; a matrix that is not finite has none."""
    if layer.sizes(at)["H"] > WIDEST:
        return None
    return {
        name: [[round(float(v.real), 4), round(float(v.imag), 4)] for v in values if v.isfinite()]
        for name, values in eigenvalues(layer, at=at).items()
    }


def keepers(graph: Graph) -> Sequence[tuple[str, bool]]:
    """The gates that multiply a state on its way to the next step, and whether as 1 minus the gate.

    >>> from cellwright import cells
    >>> [list(keepers(cells.get(name).graph)) for name in ("lstm", "gru", "mgu", "elman")]
    [[('f', False)], [('z', False)], [('f', True)], []]
    """
    found: list[tuple[str, bool]] = []
    leaves = {node.name: k for k, node in graph.leaves("state")}
    for state, place in zip(graph.states, graph.returns, strict=True):
        for a, b in _products(graph, place):
            for gate, other in ((a, b), (b, a)):
                if other == leaves[state.name]:
                    found += _gate(graph, gate)
    return list(dict.fromkeys(found))


def _products(graph: Graph, place: int) -> list[tuple[int, int]]:
    """The products that a value is the sum of."""
    node = graph.nodes[place]
    if node.op == "mul":
        return [(node.operands[0], node.operands[1])]
    if node.op in ("add", "sub"):
        return [pair for o in node.operands for pair in _products(graph, o)]
    return []


def _gate(graph: Graph, place: int) -> list[tuple[str, bool]]:
    node = graph.nodes[place]
    if node.op == "sub" and graph.nodes[node.operands[0]].op == "constant":
        inner = graph.nodes[node.operands[1]]
        return [(inner.name, True)] if inner.op == "sigmoid" and inner.name else []
    return [(node.name, False)] if node.op == "sigmoid" and node.name else []


def recurrent(network: nn.Module) -> Layer | None:
    """The first recurrent layer of a network."""
    return next((module for module in network.modules() if isinstance(module, Layer)), None)
