"""A stack of layers as one call a step, its states kept; and the door that Python comes in by. Floor 2.

Refuses cells with more inputs and states than a step is handed (ToolchainError, as for a machine without a
compiler: the caller has another way).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cellwright.backends.cpu.door import Door, Frame, Watched, door_to, runner
from cellwright.backends.cpu.launch import SMALL, _pool
from cellwright.backends.cpu.step import step_kernel
from cellwright.backends.cpu.toolchain import ToolchainError
from cellwright.compiler.graph import Graph

MOST = 16
CACHED = 128 * 1024  # bytes of rows that go through all layers together
LEAST, LONGEST = 12, 256
_LINE = 64


class _Link(ctypes.Structure):
    _fields_ = (
        ("step", ctypes.c_void_p),
        ("memory", ctypes.c_void_p),
        ("states", ctypes.c_int64),
        ("bytes", ctypes.c_void_p),
        ("state", ctypes.c_void_p),
    )


class _Chain(ctypes.Structure):
    _fields_ = (
        ("links", ctypes.c_int64),
        ("inputs", ctypes.c_int64),
        ("y_bytes", ctypes.c_int64),
        ("block", ctypes.c_int64),
        ("parts", ctypes.c_int64),
        ("states_room", ctypes.c_int64),
        ("room_bytes", ctypes.c_int64),
        ("work", ctypes.c_int64),
        ("link", ctypes.c_void_p),
        ("input_bytes", ctypes.c_void_p),
        ("numbers", ctypes.c_void_p),
        ("room", ctypes.c_void_p),
        ("run", ctypes.c_void_p),
        ("steps", ctypes.c_int64),
        ("busy", ctypes.c_int64),
    )


class Chain:
    """The steps of a stack, built, with their weights packed.

    Args:
        layers: the graph and the letters' values of every layer; each reads the output of the one before.
        dtype: float32 or float64.

    Raises:
        ToolchainError: a step cannot be built or handed its values.
    """

    def __init__(self, layers: Sequence[tuple[Graph, Mapping[str, int]]], dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.kernels = [step_kernel(graph, dtype) for graph, _ in layers]
        self.sizes = [sizes for _, sizes in layers]
        if any(len(k.program.widths) > MOST for k in self.kernels):
            raise ToolchainError(f"a step takes {MOST} inputs and states at most")
        self.memory: list[Tensor | None] = [None] * len(layers)

    @property
    def input_widths(self) -> list[int]:
        """The widths of a row of x and of every further input."""
        return self._widths(0)[: len(self.kernels[0].program.inputs)]

    @property
    def output_width(self) -> int:
        """The width of a row of y."""
        return self._state_widths(len(self.kernels) - 1)[0]

    def pack(self, weights: Sequence[Mapping[str, Tensor]]) -> None:
        """Take a copy of every layer's weights, given by the names of the equations."""
        for l, (kernel, named) in enumerate(zip(self.kernels, weights, strict=True)):
            self.memory[l] = kernel.pack(named, self.sizes[l], self.memory[l])

    def _widths(self, l: int) -> list[int]:
        return [width.evaluate(self.sizes[l]) for width in self.kernels[l].program.widths]

    def _state_widths(self, l: int) -> list[int]:
        return self._widths(l)[len(self.kernels[l].program.inputs) :]


class Carried:
    """A chain with states of its own: what is pushed, is carried on in the tensors given here.

    Args:
        chain: with its weights packed; they may be packed anew later.
        states: by layer and name, contiguous [B, size]; every push writes the new ones into them.
        threads: how many may work on a push of many rows.
    """

    def __init__(self, chain: Chain, states: Sequence[Mapping[str, Tensor]], threads: int) -> None:
        self.chain, self.states = chain, states
        self.batch = len(next(iter(states[0].values())))
        size = chain.dtype.itemsize
        row = max(sum(chain._widths(l)) + sum(chain._state_widths(l)) for l in range(len(states))) * size
        work = self.batch * sum(m.numel() // size for m in chain.memory if m is not None)
        block = min(self.batch, max(LEAST, min(LONGEST, CACHED // max(1, row))))
        if threads > 1 and work > SMALL:
            block = max(1, min(block, -(-self.batch // threads)))
        parts = max(1, min(threads, -(-self.batch // block))) if work > SMALL else 1
        self._struct = self._laid_out(block, parts, work, size)
        self._push = runner()[0].push_at_once

    @property
    def steps(self) -> int:
        """Pushes so far; may be set."""
        return int(self._struct.steps)

    @steps.setter
    def steps(self, value: int) -> None:
        self._struct.steps = value

    def push(self, inputs: Sequence[Tensor], y: Tensor, chosen: Tensor | None = None) -> bool:
        """One step; False, and nothing done, while another thread's is under way.

        Args:
            inputs: x and the further inputs, contiguous [rows, width], of the chain's dtype.
            y: contiguous [rows, width], written; it lies over no input.
            chosen: int64 [rows], which of the streams these are, each once; None: all.
        """
        pointers = (ctypes.c_void_p * len(inputs))(*(v.data_ptr() for v in inputs))
        rows = None if chosen is None else ctypes.c_void_p(chosen.data_ptr())
        count = ctypes.c_int64(len(y))
        refused = self._push(ctypes.byref(self._struct), pointers, ctypes.c_void_p(y.data_ptr()), rows, count)
        return not refused

    def door(self, single: bool, watched: Sequence[Watched], finite: bool = False) -> Door | None:
        """The quick way in, for cells without further inputs; see `door_to`.

        Args:
            single: x is [width], not [B, width].
            watched: what the packed weights are made of.
            finite: let only finite numbers in.
        """
        chain = self.chain
        frame = Frame(single, self.batch, chain.input_widths[0], chain.output_width, chain.dtype, finite)
        return door_to(ctypes.addressof(self._struct), frame, watched, self)

    def _laid_out(self, block: int, parts: int, work: int, size: int) -> _Chain:
        chain = self.chain
        links = (_Link * len(self.states))()
        kept: list[Any] = [links]
        for l, states in enumerate(self.states):
            widths = chain._state_widths(l)
            bytes_ = (ctypes.c_int64 * len(widths))(*(w * size for w in widths))
            pointers = (ctypes.c_void_p * len(widths))(*(v.data_ptr() for v in states.values()))
            kept += [bytes_, pointers]
            memory = chain.memory[l]
            assert memory is not None
            links[l] = _Link(
                chain.kernels[l].step, memory.data_ptr(), len(widths), ctypes.addressof(bytes_),
                ctypes.addressof(pointers),
            )  # fmt: skip
        layers = range(len(self.states))
        states_room = _lines(block * size * max(sum(chain._state_widths(l)) for l in layers))
        scratch = max(k.program.scratch.evaluate(s) for k, s in zip(chain.kernels, chain.sizes, strict=True))
        room_bytes = 3 * states_room + _lines(block * size * scratch) + _LINE
        inputs = (ctypes.c_int64 * len(chain.input_widths))(*(w * size for w in chain.input_widths))
        numbers = torch.arange(block, dtype=torch.int32, device="cpu")
        room = torch.empty(parts * room_bytes + _LINE, dtype=torch.uint8, device="cpu")
        run = ctypes.cast(_pool().run, ctypes.c_void_p).value
        self._kept = [*kept, inputs, numbers, room]
        return _Chain(
            len(links), len(inputs), chain.output_width * size, block, parts, states_room, room_bytes, work,
            ctypes.addressof(links), ctypes.addressof(inputs), numbers.data_ptr(),
            room.data_ptr(), run, 0, 0,
        )  # fmt: skip


def _lines(size: int) -> int:
    return -(-size // _LINE) * _LINE
