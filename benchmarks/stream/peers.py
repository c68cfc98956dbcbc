"""Who takes a step of an LSTM beside us: torch.nn.LSTMCell and ONNX Runtime, with our weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import cellwright as cw

Push = Callable[[], Any]


def ours(layer: cw.nn.LSTM, x: torch.Tensor) -> dict[str, Push]:
    """A push of an array or a tensor, with and without a place for the output."""
    pushes: dict[str, Push] = {}
    for kind, step in (("array", x.numpy()), ("tensor", x)):
        fresh, into = cw.Stream(layer), cw.Stream(layer)
        out = np.empty(layer.hidden_size, np.float32) if kind == "array" else torch.empty(layer.hidden_size)

        def plain(push: Callable[..., Any] = fresh.push, step: Any = step) -> Any:
            return push(step)

        def placed(push: Callable[..., Any] = into.push, step: Any = step, out: Any = out) -> Any:
            return push(step, out)

        pushes |= {f"cellwright, {kind}": plain, f"cellwright, {kind}, out": placed}
    return pushes


def lstm_cell(layer: cw.nn.LSTM, x: torch.Tensor) -> Push:
    """torch.nn.LSTMCell in inference mode, its state kept."""
    cell = torch.nn.LSTMCell(layer.input_size, layer.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in layer.state_dict().items()})
    state: tuple[torch.Tensor, torch.Tensor]
    state = (torch.zeros(1, layer.hidden_size), torch.zeros(1, layer.hidden_size))
    step = x[None]

    def push() -> torch.Tensor:
        nonlocal state
        with torch.inference_mode():
            state = cell(step, state)
        return state[0][0]

    return push


def onnx_runtime(layer: cw.nn.LSTM, x: torch.Tensor) -> Push | None:
    """ONNX Runtime's LSTM over one step, its state kept; None where it is not installed."""
    try:
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        return None
    H, I = layer.hidden_size, layer.input_size
    # torch's gates are i, f, g, o; ONNX's i, o, f, c.
    order = [0, 3, 1, 2]

    def gates(name: str) -> np.ndarray:
        parts = getattr(layer, name).detach().chunk(4)
        return torch.cat([parts[k] for k in order]).numpy()

    weights = {
        "W": gates("weight_ih_l0")[None],
        "R": gates("weight_hh_l0")[None],
        "B": np.concatenate([gates("bias_ih_l0"), gates("bias_hh_l0")])[None],
    }
    shapes = {"X": [1, 1, I], "h": [1, 1, H], "c": [1, 1, H]}
    node = helper.make_node("LSTM", ["X", "W", "R", "B", "", "h", "c"], ["", "h_1", "c_1"], hidden_size=H)
    graph = helper.make_graph(
        [node],
        "step",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, H]) for name in ("h_1", "c_1")],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"X": x.numpy()[None, None]} | {name: np.zeros((1, 1, H), np.float32) for name in "hc"}

    def push() -> np.ndarray:
        feed["h"], feed["c"] = session.run(None, feed)
        y: np.ndarray = feed["h"][0, 0]
        return y

    return push
