"""From Triton text to a loaded module: a file in the cache, which errors point at. Floor 2."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from cellwright.backends.cpu.toolchain import _usable as usable
from cellwright.backends.cpu.toolchain import cache_folder


def interpreted() -> bool:
    """Whether Triton's interpreter is to run the kernels: then they take the CPU's tensors."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "on")


def module(text: str, name: str) -> ModuleType:
    """The module of a text; its file, `<name>-<hash>.py` among the kernels, is written anew if altered."""
    return _module(text, name, interpreted())


@lru_cache(maxsize=512)
def _module(text: str, name: str, _: bool) -> ModuleType:
    file = source_file(text, name)
    if not _same(file, text):
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as scratch:
            scratch.write(text)
        Path(scratch.name).replace(file)
    title = f"cellwright_triton_{file.stem.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(title, file)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    # Triton reads a kernel's source through `inspect`, which looks modules up by name.
    sys.modules[title] = made
    spec.loader.exec_module(made)
    return made


def source_file(text: str, name: str) -> Path:
    """Where a text is kept."""
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return usable(cache_folder()) / f"{name}-{key}.py"


def _same(file: Path, text: str) -> bool:
    try:
        return file.read_text(encoding="utf-8") == text
    except OSError:
        return False
