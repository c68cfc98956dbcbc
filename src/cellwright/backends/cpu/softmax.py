"""Running softmax.cpp on tensors: a softmax over many classes, fused with the product before it. Floor 2."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from cellwright.backends.cpu.launch import SMALL, _pool, _prelude
from cellwright.backends.cpu.memory import BLOCKS
from cellwright.backends.cpu.toolchain import ToolchainError, bfloat16_macros, library

_HERE = Path(__file__).parent
# Classes of a block: heaps of nine or six, and few enough that a panel of their weights fits the first cache.
BLOCK = 126
# For tiles: reals of a block's weights, which stay in the second cache; heaps of 32 classes.
CACHED_TILES, ROWS_TILES, LEAST_TILES, MOST_TILES = 64 * 1024, 32, 48, 160
DTYPES = (torch.float32, torch.float64)
MOST_THREADS = 256  # of pool.cpp
_SIZES = ("rows", "width", "classes", "block", "threads", "back", "add")
_SHARES = ("scale", "smoothing")
_ROOMS = ("across", "down", "logits", "hot", "figures", "piles", "room")
_ARRAYS = ("x", "weight", "bias", "wanted", "numbers", "by_x", "by_weight", "by_bias", *_ROOMS)
_NEEDS = ctypes.c_int64 * len(_ROOMS)


@dataclass(frozen=True)
class Slopes:
    """Where the gradients of the loss by weight [V, W] and bias [V] go."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def like(cls, weight: Tensor) -> Slopes:
        """Room for those of a weight, in pages that are used again."""
        if weight.device.type != "cpu" or weight.dtype not in DTYPES:
            return cls(torch.empty_like(weight), weight.new_empty(len(weight)))
        return cls(BLOCKS.take(tuple(weight.shape), weight.dtype), weight.new_empty(len(weight)))


@dataclass(frozen=True)
class Loss:
    """How the rows' losses are taken: `scale` times their sum, so much of the wanted probability even.

    `half`: whether products may read their operands in bfloat16, where the processor gains by it.
    """

    scale: float
    smoothing: float
    half: bool = False


def softmax(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    wanted: Tensor,
    loss: Loss,
    slopes: Slopes | None,
    add: bool = False,
) -> tuple[float, Tensor | None]:
    """The sum over rows of -log softmax(weight x + bias)[wanted], and with `slopes` its scaled slope of x.

    Args:
        x, weight, bias: [N, W], [V, W], [V]; all contiguous, of one type, float32 or float64.
        wanted: int64 [N], each a class: 0 to V - 1 (not looked at here).
        loss: `scale` counts for the slopes only.
        slopes: None where no gradient is wanted.
        add: whether they are added to what stands there.

    Raises:
        ToolchainError: there is no compiler.
    """
    (rows, width), classes = x.shape, len(weight)
    macros = _macros(x, loss.half)
    block = _block(width, "-DAMX" in macros)
    small = rows * width * classes < SMALL
    threads = 1 if small else min(torch.get_num_threads(), -(-classes // block), MOST_THREADS)
    by_x = None if slopes is None else BLOCKS.take((rows, width), x.dtype)
    given: dict[str, Tensor | None] = {"x": x, "weight": weight, "bias": bias, "wanted": wanted}
    given |= {"numbers": _counted(block), "by_x": by_x}
    if slopes is not None:
        given |= {"by_weight": slopes.weight, "by_bias": slopes.bias}
    back = slopes is not None
    built = _built(x.dtype, macros)
    if isinstance(built, ToolchainError):
        raise built.with_traceback(None)
    all_ = built.struct(rows, width, classes, block, threads, back, add, loss.scale, loss.smoothing)
    for name, tensor in given.items():
        setattr(all_, name, None if tensor is None else tensor.data_ptr())
    needs = _NEEDS()
    built.needs(ctypes.byref(all_), needs)
    # One block for all, each part at a cache line.
    starts = list(accumulate((-(-size // 16) * 16 for size in needs), initial=0))
    room = BLOCKS.take((starts[-1],), x.dtype)
    for name, start in zip(_ROOMS, starts, strict=False):
        setattr(all_, name, room.data_ptr() + start * x.element_size())
    return built.softmax(ctypes.byref(all_), built.run), by_x


def _macros(x: Tensor, half: bool) -> tuple[str, ...]:
    if x.dtype != torch.float32:
        return ("-DDOUBLE",)
    return bfloat16_macros() if half else ()


def _block(width: int, tiles: bool) -> int:
    if not tiles:
        return BLOCK
    return min(MOST_TILES, max(LEAST_TILES, CACHED_TILES // width // ROWS_TILES * ROWS_TILES))


class _Built:
    """The library for one type of numbers; `defines`: its macros, see `toolchain`."""

    def __init__(self, dtype: torch.dtype, defines: tuple[str, ...]) -> None:
        text = _prelude() + "".join((_HERE / name).read_text() for name in ("outer.h", "softmax.cpp"))
        built = library(text, "softmax", defines)
        real = ctypes.c_double if dtype == torch.float64 else ctypes.c_float
        fields = [
            *((name, ctypes.c_int64) for name in _SIZES),
            *((name, real) for name in _SHARES),
            *((name, ctypes.c_void_p) for name in _ARRAYS),
        ]
        self.struct = type("Softmax", (ctypes.Structure,), {"_fields_": fields})
        self.needs, self.softmax = built.softmax_needs, built.softmax
        self.softmax.restype = ctypes.c_double
        self.run = ctypes.cast(_pool().run, ctypes.c_void_p)


@lru_cache(maxsize=8)
def _built(dtype: torch.dtype, defines: tuple[str, ...]) -> _Built | ToolchainError:
    """The library, or why there is none: a compiler that fails is asked once."""
    try:
        return _Built(dtype, defines)
    except ToolchainError as fact:
        return fact


@lru_cache(maxsize=16)
def _counted(block: int) -> Tensor:
    return torch.arange(block, dtype=torch.int32)
