"""Compiled kernels for the CPU: emit C++ from a cell's graph, build it, run it. Floor 2."""

from cellwright.backends.cpu.backend import refuses, run

__all__ = ["refuses", "run"]
