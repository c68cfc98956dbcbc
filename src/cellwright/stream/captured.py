"""One step of a layer on a GPU, recorded as a graph once and replayed at every push. Floor 5.

A push is then two copies and one launch instead of every operation's own. The states are written where they
were read, so a replay carries on from wherever they are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from cellwright.nn.frame import States
from cellwright.nn.layer import Layer
from cellwright.stream import stack

# Takes a step and gives what repeats it.
Record = Callable[[Callable[[], None]], Callable[[], None]]


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """A step recorded as a CUDA graph, after one run that compiles kernels and makes workspaces.

    Raises:
        RuntimeError: something in the step cannot be recorded.
    """
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class Captured:
    """A recorded step of some streams.

    Args:
        layer: the layer, its weights read where they are.
        state: the states [L, B, size], which every push overwrites.
        x: a step [B, I] like those to come.
        inputs: what the cells read beside x, [B, size] each.
    """

    def __init__(
        self, layer: Layer, state: States, x: Tensor, inputs: list[Tensor], record: Record = recorded
    ) -> None:
        self._given = [torch.empty_like(v) for v in (x, *inputs)]
        before = {name: value.clone() for name, value in state.items()}

        def step() -> None:
            own, *further = self._given
            self._y, after = stack.through(layer, own, state, further)
            for name, value in after.items():
                state[name].copy_(value)

        with torch.inference_mode(False), torch.no_grad():
            self._take(x, inputs)
            try:
                self._replay = record(step)
            finally:
                for name, value in before.items():
                    state[name].copy_(value)

    def push(self, x: Tensor, inputs: list[Tensor]) -> Tensor:
        """y [B, H] of a step x [B, I]; a tensor of its own."""
        with torch.inference_mode(False), torch.no_grad():
            self._take(x, inputs)
            self._replay()
            return self._y.clone()

    def _take(self, x: Tensor, inputs: list[Tensor]) -> None:
        for own, value in zip(self._given, (x, *inputs), strict=True):
            own.copy_(value)
