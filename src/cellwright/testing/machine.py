"""What a measured number was measured on: processor, versions, how busy it was. Floor 6."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cellwright.backends.cpu.toolchain import find_compiler, vector_units

PACKAGES = ("cellwright", "torch", "numpy")
VARIABLES = (
    "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "MKL_NUM_THREADS", "XLA_FLAGS",
    "CELLWRIGHT_BACKEND", "CXX",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """The processor's name, how many there are, their vector units, and the variables that steer threads.

    >>> sorted(machine())
    ['cpu', 'processors', 'system', 'variables', 'vectors']
    """
    return {
        "cpu": _processor(),
        "processors": os.cpu_count() or 1,
        "vectors": list(vector_units()),
        "system": f"{platform.system()} {platform.machine()}",
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def versions(*more: str) -> dict[str, str]:
    """Python's, the compiler's and the packages' versions; a package that is not installed is left out.

    >>> "torch" in versions(), "no such package" in versions("no such package")
    (True, False)
    """
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, *more):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    compiler = find_compiler()
    return found | ({"compiler": first_line(compiler.command[0])} if compiler else {})


def load() -> float | None:
    """How many processes wanted a processor in the last minute, on average; None where nobody knows."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def first_line(program: str) -> str:
    """What a program says first of its own version."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"but it does not run: {error}"
    return said.splitlines()[0] if said else "it says nothing"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
