"""The emitted text through Triton's compiler and ptxas, for a card that need not be here."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

POINTERS = {torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.int64: "*i64", torch.uint8: "*u8"}
CAPABILITY = 90


def compiled(kernel: Any, arguments: dict[str, Any], warps: int) -> Any:
    """One kernel for an H100, with its arguments as they would be launched."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature, constants = {}, {}
    for place, name in enumerate(kernel.arg_names):
        value = arguments[name]
        if isinstance(value, torch.Tensor):
            signature[name] = POINTERS[value.dtype]
        elif name in ("T", "B", "STEPS"):
            signature[name] = "i32"
        else:
            signature[name], constants[(place,)] = "constexpr", value
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    return triton.compile(source, target=GPUTarget("cuda", CAPABILITY, 32), options={"num_warps": warps})


def compile_both_ways(name: str, units: int) -> list[Any]:
    """The kernels of a small call in bfloat16, compiled and not run."""
    import cellwright as cw
    from cellwright.backends import triton as gpu
    from cellwright.backends.triton import launch
    from cellwright.runtime.choose import plan_of

    made: list[Any] = []
    launch.start = lambda kernel, grid, arguments, warps: made.append(compiled(kernel, arguments, warps))
    layer = cw.nn.Recurrent(name, 3, units).bfloat16()
    x = torch.zeros(4, 3, 3, dtype=torch.bfloat16, requires_grad=True)
    call = layer.call(x, lengths=[4, 0, 2])
    torch.autograd.grad(gpu.run(plan_of(layer.running().graph), call).y.sum(), x)
    return made


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed (no wheel for this machine)")
def test_both_ways_compile_for_an_h100() -> None:
    """In a process of its own: here Triton was imported for its interpreter."""
    done = subprocess.run([sys.executable, str(Path(__file__))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["forward", "True", "True", "backward", "True", "True"]


if __name__ == "__main__":
    for kernel in compile_both_ways("gru_v1", 16):
        print(kernel.metadata.name, len(kernel.asm["cubin"]) > 0, "mma.sync" in kernel.asm["ptx"])
