"""Where there is no card, Triton's interpreter runs the kernels on the CPU's tensors."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

# cuBLAS gives the same bits twice only so, and reads it when it is first used.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

if find_spec("triton") is not None and not torch.cuda.is_available():
    # Triton's own functions are made for the interpreter, or not, when it is first imported.
    os.environ["TRITON_INTERPRET"] = "1"
    import triton.language  # noqa: F401

    del os.environ["TRITON_INTERPRET"]


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emitted kernels run in Triton's interpreter."""
    if torch.cuda.is_available():
        pytest.skip("a card is here: test_card.py runs the same on it")
    pytest.importorskip("triton", reason="Triton is not installed (it has no wheel for this machine)")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
