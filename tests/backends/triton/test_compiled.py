"""The emitted text through Triton's compiler and ptxas, for a card that need not be here."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]
PATH = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def compile_both_ways(name: str, units: int, inputs: int = 3) -> list[Any]:
    """The kernels of a call in bfloat16, compiled and not run."""
    from benchmarks.gpu.compiling import compiled

    import cellwright as cw
    from cellwright.backends import triton as gpu
    from cellwright.backends.triton import launch
    from cellwright.runtime.choose import plan_of

    made: list[Any] = []
    launch.start = lambda kernel, grid, arguments, *how: made.append(compiled(kernel, arguments, *how))
    layer = cw.nn.Recurrent(name, inputs, units).bfloat16()
    x = torch.zeros(4, 3, inputs, dtype=torch.bfloat16, requires_grad=True)
    call = layer.call(x, lengths=[4, 0, 2])
    torch.autograd.grad(gpu.run(plan_of(layer.running().graph), call).y.sum(), x)
    return made


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed (no wheel for this machine)")
def test_both_ways_compile_for_an_h100() -> None:
    """In a process of its own: here Triton was imported for its interpreter."""
    command = [sys.executable, str(Path(__file__))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": PATH}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [
        *("forward alone: products on tensor cores", "backward alone: products on tensor cores"),
        *("forward together: products on tensor cores", "backward together: products on tensor cores"),
    ]


if __name__ == "__main__":
    # A wide layer's programs share its units: they meet, so all are on the card at once.
    for kernel in (*compile_both_ways("gru_v1", 16), *compile_both_ways("elman", 640)):
        ptx, meets = kernel.asm["ptx"], kernel.metadata.launch_cooperative_grid
        assert kernel.asm["cubin"] and ("atom.global.gpu.acq_rel" in ptx) == meets
        where = "on tensor cores" if "mma.sync" in ptx else "elsewhere"
        print(f"{kernel.metadata.name} {'together' if meets else 'alone'}: products {where}")
