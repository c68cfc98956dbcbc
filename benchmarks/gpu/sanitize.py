"""NVIDIA's compute-sanitizer over the GPU kernels: out of bounds, read before it is written, races.

    python -m benchmarks.gpu.sanitize [--tools memcheck,racecheck,initcheck,synccheck]

Small layers forward and back, alone and sharing their units, under each tool. Says so where the tool or a
card is not there. 0 where all are clean.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
# Cells, units and steps: whole rows; matrices read at every step; heads; a scan; programs that meet.
LAYERS = (
    ("gru_v1", 16, 5), ("lstm_layer_norm", 40, 4), ("peephole", 200, 3), ("slstm", 48, 4),
    ("mingru", 32, 600), ("gru_v1", 640, 3), ("lstm_layer_norm", 640, 2),
)  # fmt: skip


def main(words: list[str] | None = None) -> int:
    """Run the tools, or with --program what they watch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--program", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.program:
        return program()
    tool = shutil.which("compute-sanitizer") or _beside_cuda()
    if tool is None:
        print("compute-sanitizer is not here: it comes with the CUDA toolkit", file=sys.stderr)
        return 2
    failed = [name for name in given.tools.split(",") if not _clean(tool, name)]
    print(f"not clean: {', '.join(failed)}" if failed else "clean")
    return 1 if failed else 0


def _beside_cuda() -> str | None:
    folder = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin"
    return shutil.which("compute-sanitizer", path=str(folder))


def _clean(tool: str, name: str) -> bool:
    """Whether one tool finds nothing. Without torch's own store of memory every array has its true end."""
    command = [tool, "--tool", name, "--error-exitcode", "9", "--launch-timeout", "300"]
    command += [sys.executable, "-m", "benchmarks.gpu.sanitize", "--program"]
    done = subprocess.run(command, env=os.environ | {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}, check=False)
    print(f"{name}: {'clean' if done.returncode == 0 else f'exit code {done.returncode}'}", flush=True)
    return done.returncode == 0


def program() -> int:
    """Every layer forward and back, ragged, with resets."""
    import torch

    import cellwright as cw

    if not torch.cuda.is_available():
        print("no NVIDIA GPU that torch can use", file=sys.stderr)
        return 2
    for name, units, steps in LAYERS:
        cell = cw.cells.slstm.configure(heads=3) if name == "slstm" else name
        layer = cw.nn.Recurrent(cell, 8, units, backend="triton").cuda().bfloat16()
        x = torch.randn(steps, 3, 8, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        reset = torch.rand(steps, 3, device="cuda") < 0.2
        y, _ = layer(x, lengths=torch.tensor([steps, 0, steps - 1]), reset=reset)
        y.sum().backward()
        torch.cuda.synchronize()
        print(name, units, f"{float(y.float().abs().mean()):.4f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
