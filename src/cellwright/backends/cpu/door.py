"""The built runner of chains, and the way into one from Python that costs less than a microsecond. Floor 2.

A door is an object of the runner's own, built where Python's headers are on the machine. It looks into NumPy
arrays by the buffer protocol and into tensors by DLPack, so it needs no header of either library.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cellwright.backends.cpu.toolchain import ToolchainError, library

Door = Callable[[Any, Any, Any], Any]
_HERE = Path(__file__).parent
# at::TensorBase::_version() const
_VERSION = "_ZNK2at10TensorBase8_versionEv"


@dataclass(frozen=True)
class Watched:
    """A tensor that packed weights are made of, kept at `home[name]`."""

    tensor: Tensor
    home: Mapping[str, Any]
    name: str

    @property
    def version(self) -> int:
        """How often it was written to; tensors of torch.inference_mode do not count."""
        return -1 if self.tensor.is_inference() else self.tensor._version


@dataclass(frozen=True)
class Frame:
    """What goes through a door: one row [width] or rows [B, width] in, as many of another width out; whether
    only finite numbers do."""

    single: bool
    rows: int
    width: int
    out: int
    dtype: torch.dtype
    finite: bool


@lru_cache(maxsize=1)
def runner() -> tuple[ctypes.CDLL, Callable[[Any], Door] | None]:
    """The library, and its maker of doors where Python's headers are."""
    chain = (_HERE / "chain.cpp").read_text()
    include = sysconfig.get_path("include")
    if sys.implementation.name == "cpython" and Path(include, "Python.h").exists():
        flags = [f"-I{include}"] + ["-Wl,-undefined,dynamic_lookup"] * (sys.platform == "darwin")
        try:
            built = library(chain + (_HERE / "door.cpp").read_text(), "stream-door", tuple(flags))
        except ToolchainError:
            pass
        else:
            make = ctypes.PyDLL(None, handle=built._handle).make_door
            make.restype, make.argtypes = ctypes.py_object, [ctypes.py_object]
            return built, make
    return library(chain, "stream"), None


def door_to(chain: int, frame: Frame, watched: Sequence[Watched], kept: Any) -> Door | None:
    """`door(x, out, rows)`, which takes a step and answers y; None where it could not be built.

    It answers NotImplemented, and has done nothing, where there is more to do: other types or shapes, and
    weights that were written to, moved or replaced after this call.

    Args:
        chain: the address of the chain.
        frame: what goes through.
        watched: what the packed weights are made of.
        kept: held as long as the door.
    """
    make = runner()[1]
    if make is None:
        return None
    order = sorted(watched, key=lambda w: w.version < 0)
    tensors = tuple(w.tensor for w in order)
    counted = [w.tensor for w in order if w.version >= 0]
    dtype = np.dtype(np.float64 if frame.dtype == torch.float64 else np.float32)
    # The first weight's memory is held, so that one that was moved does not come to lie there.
    kept = (kept, *(v.detach() for v in tensors[:1]))
    return make(
        (
            chain, _counter(), 1 if frame.single else 2, frame.rows, frame.width, frame.out, dtype.itemsize,
            int(frame.finite), len(counted), kept, torch.Tensor, np.ndarray, np.empty,
            (frame.out,) if frame.single else (frame.rows, frame.out), dtype,
            torch._C.TensorBase.__dict__["_version"],
            getattr(torch.Tensor, "__dlpack_c_exchange_api__", None),
            tensors, tuple(w.home for w in order), tuple(w.name for w in order),
            tuple(v._cdata for v in counted),
        )
    )  # fmt: skip


@lru_cache(maxsize=1)
def _counter() -> int:
    """The address of torch's own reader of a tensor's version, or 0: the attribute costs five times as much.

    It is taken only if it tells what the attribute tells.
    """
    try:
        library_of_torch = next((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*"))
        read = getattr(ctypes.CDLL(str(library_of_torch)), _VERSION)
    except (StopIteration, OSError, AttributeError):
        return 0
    read.restype = ctypes.c_int64
    scratch = torch.zeros(1, device="cpu")
    inner, right = ctypes.c_void_p(scratch._cdata), True
    for _ in range(3):
        right &= read(ctypes.byref(inner)) == scratch._version
        scratch.add_(1)
    return (ctypes.cast(read, ctypes.c_void_p).value or 0) if right else 0
