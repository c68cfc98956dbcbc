"""What a layer is in evaluation: the graphs, sizes and weights of its stack; its identity. Floor 5.

Says in one sentence why a stack cannot be one compiled call.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cellwright import config
from cellwright.backends.cpu.chain import Chain
from cellwright.backends.cpu.door import Watched
from cellwright.backends.cpu.toolchain import ToolchainError
from cellwright.checkpoint import digest
from cellwright.compiler.graph import Graph
from cellwright.nn.frame import States
from cellwright.nn.layer import Layer

DTYPES = (torch.float32, torch.float64)


def graphs_of(layer: Layer) -> list[Graph]:
    """The step of every layer."""
    return [layer.running(at, training=False).graph for at in range(layer.num_layers)]


def weights_of(layer: Layer) -> list[dict[str, Tensor]]:
    """The weights of every layer."""
    with torch.no_grad():
        return [layer.run_weights(at, False, training=False) for at in range(layer.num_layers)]


def chain_of(layer: Layer) -> Chain | str:
    """The compiled steps of a layer, its weights packed, or why there are none."""
    like = next(layer.parameters())
    wanted = layer.backend or config.read("CELLWRIGHT_BACKEND")
    if wanted not in (None, "cpu"):
        return f"the layer is to run on the backend {wanted}"
    if like.device.type != "cpu":
        return f"the layer is on {like.device}, not on the CPU"
    if like.dtype not in DTYPES:
        return "compiled steps compute in float32 or float64"
    if layer.connections():
        return f"between its layers stands {' and '.join(layer.connections())}"
    graphs = graphs_of(layer)
    if len({tuple(n.name for n in graph.inputs[1:]) for graph in graphs}) > 1:
        return "its layers read different inputs beside x"
    try:
        chain = Chain([(graph, layer.sizes(at)) for at, graph in enumerate(graphs)], like.dtype)
    except ToolchainError as fact:
        return str(fact)
    chain.pack(weights_of(layer))
    return chain


def identity_of(layer: Layer) -> dict[str, Any]:
    """What makes a layer this one: equations, sizes, dtype and weights."""
    weights = [weight for named in weights_of(layer) for weight in named.values()]
    weights += [weight for name, weight in layer.named_parameters() if name.startswith("parts.")]
    data = [w.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes() for w in weights]
    hidden = layer.frame.hidden
    return {
        "cell": " ".join(dict.fromkeys(cell.name for cell in layer.frame.cells)),
        "graph": " ".join(dict.fromkeys(graph.fingerprint for graph in graphs_of(layer))),
        "sizes": [layer.input_size, *(hidden[:1] if len(set(hidden)) == 1 else hidden), layer.num_layers],
        "parts": layer.connections(),
        "dtype": str(next(layer.parameters()).dtype),
        "weights": digest(b"".join(data)),
    }


def shown(identity: dict[str, Any]) -> str:
    """An identity in a few words."""
    if "sizes" not in identity:
        return "a trained model"
    sizes = "-".join(map(str, identity["sizes"]))
    return f"{identity['cell']} {sizes} {identity['dtype']} with weights {identity['weights'][:12]}"


def watched(layer: Layer) -> list[Watched]:
    """Every tensor that the weights are made of, and where the layer keeps it."""
    found = []
    for module in layer.modules():
        for home in (module._parameters, module._buffers):
            found += [Watched(v, home, name) for name, v in home.items() if v is not None]
    return found


def versions(layer: Layer) -> list[tuple[int, int, int, torch.dtype]]:
    """Equal for a layer whose weights nobody has written to, moved or replaced."""
    return [(id(w.tensor), w.tensor.data_ptr(), w.version, w.tensor.dtype) for w in watched(layer)]


def through(layer: Layer, x: Tensor, state: States, inputs: list[Tensor]) -> tuple[Tensor, States]:
    """One step x [B, I] by the layer itself, as in evaluation: y [B, H] and the new states.

    Args:
        inputs: what the cells read beside x, [B, size], in the order of `frame.inputs`.
    """
    further = {name: value[None] for name, value in zip(layer.frame.inputs, inputs, strict=True)}
    training = layer.training
    layer.training = False
    try:
        y, after, _ = layer.run(x[None], state, inputs=further)
    finally:
        layer.training = training
    return y[0], after
