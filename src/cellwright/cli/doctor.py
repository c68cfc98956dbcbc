"""`cellwright doctor [RUN]`: what this machine can run, or what ails a training. Floor 7."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Annotated

import torch
import typer

from cellwright import config
from cellwright.backends.cpu.toolchain import bfloat16_macros, cache_folder, find_compiler, vector_units
from cellwright.backends.triton.backend import refuses_place
from cellwright.cli.screen import table
from cellwright.cli.version import of
from cellwright.nn import Recurrent
from cellwright.runtime.choose import BACKENDS, explain
from cellwright.testing.machine import first_line

PROBES = ("lstm", "peephole")


def run(
    run: Annotated[
        str | None,
        typer.Argument(help="a run, finished or not; nothing looks at the machine", metavar="RUN"),
    ] = None,
) -> None:
    """Print one row for each thing that matters of the machine, or what is wrong with a training."""
    if run is not None:
        # Here, not above: looking at the machine needs none of it.
        from cellwright.tasks.diagnose import diagnose, lines

        print("\n".join(lines(diagnose(run))))
        return
    rows = [(name, look()) for name, look in CHECKS]
    rows += [(f"backend for {cell}", _backend(cell)) for cell in PROBES]
    rows += [(name, config.read(name) or f"not set ({about})") for name, about in config.VARIABLES.items()]
    table(("what", "found"), rows)


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _torch() -> str:
    return f"{of('torch')}, {torch.get_num_threads()} threads of {os.cpu_count()} processors"


def _gpu() -> str:
    if not torch.cuda.is_available():
        return "none that torch can use: everything runs on the CPU"
    return ", ".join(torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count()))


def _gpu_kernels() -> str:
    """The GPU path of the first card, or in one sentence why it is off."""
    if not torch.cuda.is_available():
        return "off: torch sees no NVIDIA GPU"
    why = refuses_place(torch.device("cuda", 0))
    return f"off: {why}" if why else f"on, Triton {of('triton')}"


def _compiler() -> str:
    compiler = find_compiler()
    if compiler is None:
        looked = f"$CXX ({os.environ.get('CXX') or 'not set'}), c++, g++, clang++, the ziglang package"
        return f"none: looked for {looked}; cells run without kernels of their own"
    return f"{' '.join(compiler.command)} ({first_line(compiler.command[0])})"


def _vectors() -> str:
    return ", ".join(vector_units()) or "none that the kernels know by name"


def _bfloat16() -> str:
    macros = bfloat16_macros()
    if not macros:
        return "float32: this processor has neither AMX nor AVX-512 for bfloat16, or may not use it"
    return f"in bfloat16, by {'AMX tiles' if '-DAMX' in macros else 'AVX-512'}, sums in float32"


def _backend(cell: str) -> str:
    """The backend of a small call, and why not those before it."""
    with torch.random.fork_rng(devices=[]):
        layer = Recurrent(cell, 2, 4)
    return "; ".join(line.strip() for line in explain(layer, torch.zeros(3, 1, 2)).splitlines())


def _all_backends() -> str:
    return ", ".join(BACKENDS)


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("cellwright", lambda: of("cellwright")),
    ("Python", _python),
    ("torch", _torch),
    ("GPU", _gpu),
    ("GPU kernels", _gpu_kernels),
    ("C++ compiler", _compiler),
    ("vector units", _vectors),
    ("products under autocast", _bfloat16),
    ("kernels are kept in", lambda: str(cache_folder())),
    ("backends, in order", _all_backends),
)
