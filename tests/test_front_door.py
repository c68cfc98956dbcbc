"""What `import cellwright` gives, and what it must not cost."""

import subprocess
import sys

import pytest

import cellwright as cw
from cellwright.compiler.words import WORDS

HEAVY = (
    "torch",
    "numpy",
    "polars",
    "sklearn",
    "plotly",
    "tokenizers",
    "safetensors",
    "rich",
    "typer",
    "matplotlib",
)


def test_every_exported_name_is_there() -> None:
    for name in cw.__all__:
        assert getattr(cw, name) is not None
    assert cw.__all__ == sorted(cw.__all__)
    assert set(WORDS) <= set(cw.__all__)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lstn'"):
        _ = cw.lstn


@pytest.mark.parametrize("code", ["import cellwright", "import cellwright; cellwright.cells.all()"])
def test_import_is_light(code: str) -> None:
    check = f"{code}; import sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
