"""From C++ text to a loaded library: the compiler, its flags, and the cache on disk. Floor 2.

A built library is kept under a hash of its text, the compiler, the flags and the CPU's features, with a
checksum beside it: an entry that is cut short, altered or from another machine is built again. Two processes
that build the same at the same time both end with a whole file.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellwright import config

FLAGS = (
    "-std=c++17", "-O2", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
    "-fno-exceptions", "-fno-rtti", "-fPIC", "-shared", "-pthread", "-w",
)  # fmt: skip
# ziglang would first build a C++ library for itself, which the text does not need.
ZIG_FLAGS = ("-nostdlib++", "-fno-sanitize=all")


class ToolchainError(Exception):
    """A bare fact: why a text could not be built. The backend turns it into the sentence of a refusal."""


@dataclass(frozen=True)
class Compiler:
    """How to call the C++ compiler; `identity` changes when another one takes its place."""

    command: tuple[str, ...]
    flags: tuple[str, ...]
    identity: str


def find_compiler() -> Compiler | None:
    """The first of $CXX, c++, g++, clang++ and the ziglang package that is there; None where none is."""
    named = os.environ.get("CXX")
    for command in ([shlex.split(named)] if named else []) + [["c++"], ["g++"], ["clang++"]]:
        found = shutil.which(command[0]) if command else None
        if found is not None:
            stamp = Path(found).resolve().stat()
            identity = f"{Path(found).resolve()} {stamp.st_size} {stamp.st_mtime_ns}"
            return Compiler((found, *command[1:]), FLAGS, identity)
    spec = importlib.util.find_spec("ziglang")
    if spec is not None and spec.origin is not None:
        stamp = Path(spec.origin).stat()
        command_of_zig = (sys.executable, "-m", "ziglang", "c++")
        return Compiler(command_of_zig, (*FLAGS, *ZIG_FLAGS), f"{spec.origin} {stamp.st_mtime_ns}")
    return None


@lru_cache(maxsize=1)
def cpu_features() -> str:
    """What distinguishes this CPU for a compiler that is told `-march=native`."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("flags", "Features", "model name", "CPU part")
    return " ".join(sorted({line for line in lines if line.startswith(wanted)})) or platform.machine()


def vector_units() -> tuple[str, ...]:
    """The CPU's vector and matrix extensions that matter to a kernel, the widest last."""
    known = {
        "avx2": "AVX2",
        "avx512f": "AVX-512",
        "avx512_bf16": "AVX-512 BF16",
        "amx_bf16": "AMX BF16",
        "asimd": "NEON",
    }
    words = set(cpu_features().split())
    return tuple(name for flag, name in known.items() if flag in words)


@lru_cache(maxsize=1)
def bfloat16_macros() -> tuple[str, ...]:
    """What a kernel is compiled with that multiplies in bfloat16; nothing where this CPU gains nothing by it.

    AMX's tiles want the operating system's leave, once per process.
    """
    words = set(cpu_features().split())
    if {"amx_bf16", "amx_tile", "avx512f"} <= words and _may_use_tiles():
        return ("-DHALF", "-DAMX")
    return ("-DHALF",) if {"avx512f", "avx512_bf16"} <= words else ()


def _may_use_tiles() -> bool:
    """Ask Linux for the tiles' registers: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    ask, permission, tile_data, arch_prctl = ctypes.CDLL(None).syscall, 0x1023, 18, 158
    return bool(ask(arch_prctl, permission, tile_data) == 0)


def cache_folder() -> Path:
    """Where built kernels are kept: $CELLWRIGHT_CACHE, else cellwright/ in the user's cache."""
    named = config.read("CELLWRIGHT_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cellwright" / "kernels"


def library(text: str, name: str, defines: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Build a text, or take it from the cache, and load it.

    Args:
        text: C++ that needs no other file of ours.
        name: what the file is called, for the reader of the cache.
        defines: macros, as `-DDOUBLE`.

    Raises:
        ToolchainError: no compiler, or it refuses the text.
    """
    compiler = find_compiler()
    if compiler is None:
        raise ToolchainError(
            "no C++ compiler was found: set CXX, or install g++, clang++ or the ziglang package"
        )
    parts = (text, compiler.identity, *compiler.flags, *defines, cpu_features(), platform.platform())
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    folder = _usable(cache_folder())
    file = folder / f"{name}-{key}.so"
    for attempt in range(2):
        if attempt or not _whole(file):
            _build(compiler, text, defines, file)
        try:
            return ctypes.CDLL(str(file))
        except OSError as fact:
            if attempt:
                raise ToolchainError(f"the built library cannot be loaded: {fact}") from None
    raise AssertionError("unreachable")


@lru_cache(maxsize=8)
def _usable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return Path(tempfile.mkdtemp(prefix="cellwright-"))
    return folder


def _whole(file: Path) -> bool:
    """Whether a built file is there as it was written."""
    try:
        return file.with_suffix(".sha256").read_text() == hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return False


def _build(compiler: Compiler, text: str, defines: tuple[str, ...], file: Path) -> None:
    with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
        source, built = Path(scratch) / file.with_suffix(".cpp").name, Path(scratch) / file.name
        source.write_text(text, encoding="utf-8")
        command = [*compiler.command, *compiler.flags, *defines, str(source), "-o", str(built), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            kept = file.with_suffix(".failed.cpp")
            shutil.copyfile(source, kept)
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[-300:])
            raise ToolchainError(f"the compiler refused the emitted text ({kept}): {said.strip()}")
        checksum = Path(scratch) / "sum"
        checksum.write_text(hashlib.sha256(built.read_bytes()).hexdigest())
        source.replace(file.with_suffix(".cpp"))
        built.replace(file)
        checksum.replace(file.with_suffix(".sha256"))
