"""Compiled kernels for NVIDIA GPUs: emit Triton from a cell's graph, run it. Floor 2."""

from cellwright.backends.triton.backend import notes, refuses, run

__all__ = ["notes", "refuses", "run"]
